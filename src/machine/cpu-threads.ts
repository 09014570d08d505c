import { setTimeout as sleep } from 'node:timers/promises';
import type { Piscina } from 'piscina';
import { CPU_DEAD, CPU_ONLINE } from '../kernel/core/cpu-area.js';
import { cpuState } from '../kernel/core/cpu-mask.js';
import { readLog } from '../kernel/core/printk.js';
import { RUNNING_SERVE, TASK } from '../kernel/core/task-struct.js';
import { cpuTask } from '../kernel/core/tasks.js';
import { BARRIER_ABORTED, BARRIER_WAITING, type Barrier } from './cpu-service.js';
import { CpuThread } from './cpu-thread.js';
import { makeLoadGate } from './load-gate.js';
import { type CpuDiedError, MachinePanicError, MachineStateError } from './machine-errors.js';
import type { MachineState } from './machine-state.js';

/** How long to wait for a thread's answer that it has served its CPU, before looking again. Milliseconds. */
const SERVE_LIMIT_MS = 10;

/** The threads of a machine's CPUs, and the functions that the host runs there. */
export class CpuThreads {
  readonly #state: MachineState;
  readonly #pool: Piscina;
  readonly #onDeath: (thread: CpuThread, error: CpuDiedError) => Promise<void>;
  readonly #threads: CpuThread[];
  readonly #barriers = new Set<Barrier>();
  /** What each busy CPU was told to run. */
  readonly #work = new Map<number, string>();

  /** @param onDeath called when a thread ends that nobody has told to */
  constructor(
    state: MachineState,
    pool: Piscina,
    onDeath: (thread: CpuThread, error: CpuDiedError) => Promise<void>,
  ) {
    this.#state = state;
    this.#pool = pool;
    this.#onDeath = onDeath;
    this.#threads = Array.from({ length: state.cpus }, (_, cpu) => this.#start(cpu));
  }

  #start(cpu: number): CpuThread {
    const { image, epoch } = this.#state;
    const thread = this.#state.nextThread();
    const task = { buffer: image.buffer, cpu, thread, epoch, gate: makeLoadGate() };
    return new CpuThread(this.#pool, task, this.#onDeath);
  }

  /** Boots the kernel on CPU 0, and brings the others up. */
  async boot(): Promise<void> {
    const [first, ...others] = this.#threads;
    await first.call((service) => service.boot());
    this.#state.kernelHasBooted();
    await Promise.all(others.map((thread) => thread.call((service) => service.start())));
    await first.call((service) => service.bootDone());
    await Promise.all(this.#threads.map((thread) => thread.identify()));
  }

  /** Gives a dead CPU a new thread, which brings it up. */
  async replace(cpu: number): Promise<void> {
    const thread = this.#start(cpu);
    this.#threads[cpu] = thread;
    // Before it is online, so that it can be killed as soon as it is.
    await thread.identify();
    await thread.call((service) => service.start());
  }

  /** By CPU. */
  get all(): readonly CpuThread[] {
    return this.#threads;
  }

  /**
   * The thread of an online CPU.
   *
   * @throws RangeError when the machine has none of that number
   * @throws MachineStateError when it is not online
   */
  online(cpu: number): CpuThread {
    this.#state.mustRun();
    this.check(cpu);
    const state = cpuState(this.#state.console, cpu);
    if (state !== CPU_ONLINE) {
      throw new MachineStateError(`CPU ${cpu} is ${state === CPU_DEAD ? 'dead' : 'offline'}`);
    }
    return this.#threads[cpu];
  }

  /** @throws RangeError when the machine has no CPU of that number */
  check(cpu: number): void {
    if (!Number.isInteger(cpu) || cpu < 0 || cpu >= this.#state.cpus)
      throw new RangeError(`CPU ${cpu}: this machine has CPUs 0 to ${this.#state.cpus - 1}`);
  }

  /** Runs an exported function on a CPU. */
  async run(cpu: number, url: string, exportName: string, args: unknown): Promise<unknown> {
    const thread = this.online(cpu);
    return await this.#run(thread, url, exportName, (service) => service.run(url, exportName, args));
  }

  /** Runs an exported function on several CPUs, when all are ready. Fails as the first one that failed, when all ended. */
  async runAll(cpus: readonly number[], url: string, exportName: string, args: unknown): Promise<unknown[]> {
    const threads = cpus.map((cpu) => this.online(cpu));
    await Promise.all(
      threads.map((thread) => this.#call(thread, (service) => service.prepare(url, exportName))),
    );
    const barrier = new Int32Array(new SharedArrayBuffer(8));
    this.#barriers.add(barrier);
    const runs = threads.map((thread) =>
      this.#run(thread, url, exportName, (service) =>
        service.run(url, exportName, args, barrier, threads.length),
      ),
    );
    const results = await Promise.allSettled(runs);
    this.#barriers.delete(barrier);
    return results.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
  }

  /** Lets CPUs go that wait for one which will not come. */
  abortBarriers(): void {
    for (const barrier of this.#barriers) {
      Atomics.compareExchange(barrier, 1, BARRIER_WAITING, BARRIER_ABORTED);
      Atomics.notify(barrier, 1);
    }
  }

  /** Calls a CPU's thread, and remembers meanwhile what runs there. */
  async #run(
    thread: CpuThread,
    url: string,
    exportName: string,
    request: Parameters<CpuThread['call']>[0],
  ): Promise<unknown> {
    this.#work.set(thread.cpu, `${exportName}() of ${url}`);
    try {
      return await this.#call(thread, request);
    } finally {
      this.#work.delete(thread.cpu);
    }
  }

  async #call(thread: CpuThread, request: Parameters<CpuThread['call']>[0]): Promise<unknown> {
    try {
      return await thread.call(request);
    } catch (error) {
      if (this.#state.panicked) throw new MachinePanicError(readLog(this.#state.console));
      throw error;
    }
  }

  /** What a CPU was told to run; '' if that is not known, or another thread is the CPU. */
  workOf(cpu: number, owner: number): string {
    return owner === this.#threads[cpu].thread ? (this.#work.get(cpu) ?? '') : '';
  }

  /** `threadId` in Node of the thread with a number in the machine; undefined if it is no CPU's, or not known. */
  nodeThread(number: number): number | undefined {
    return this.#threads.find(({ thread }) => thread === number)?.nodeThread;
  }

  /** Lets a CPU's own thread serve its interrupts: it answers the host, or waits in the middle of a function. */
  async serveIdle(cpu: number): Promise<void> {
    const { i32 } = this.#state.image;
    const running = cpuTask(this.#state.console, cpu) + TASK.at.running;
    Atomics.compareExchange(i32, running, 0, RUNNING_SERVE);
    if (Atomics.notify(i32, running) === 0) await this.#threads[cpu].serve(SERVE_LIMIT_MS);
    else await sleep(1);
  }
}
