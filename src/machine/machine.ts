import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Piscina } from 'piscina';
import { imageBytes, type Hardware } from '../arch/hardware.js';
import { MemoryImage } from '../image/memory-image.js';
import { panic } from '../kernel/core/bug.js';
import { KernelPanic, WaitGivenUp } from '../kernel/core/errors.js';
import { CPU_DEAD, CPU_OFFLINE, CPU_ONLINE, IRQ_STOP } from '../kernel/core/cpu-area.js';
import { cpu_online, cpuState, num_online_cpus } from '../kernel/core/cpu-mask.js';
import { NR_IRQS } from '../kernel/core/interrupt-data.js';
import { KERNEL, SYSTEM_HALTED, SYSTEM_PANIC } from '../kernel/core/kernel-data.js';
import { readLog } from '../kernel/core/printk.js';
import { raiseInterrupt } from '../kernel/cpu/raise-interrupt.js';
import { ringClock } from '../kernel/cpu/clock-bell.js';
import { raise_irq } from '../kernel/cpu/irq-raise.js';
import { releaseCpu } from '../kernel/cpu/dispatch.js';
import { MAX_KTHREADS } from '../kernel/core/limits.js';
import { RUNNING_SERVE, TASK } from '../kernel/core/task-struct.js';
import { cpuTask, endWaitingTasks, task_comm, task_pid } from '../kernel/core/tasks.js';
import { audit, type AuditReport } from '../kernel/debug/audit.js';
import { writeFile } from '../kernel/fs/write-file.js';
import { writeFirmware } from '../kernel/firmware.js';
import {
  breakLogLock,
  bringCpuUp,
  buryCpu,
  locksLost,
  makeContextIdle,
  recoverCpu,
  takeCpuDown,
  takeOverCpus,
} from '../kernel/hotplug.js';
import { Kernel } from '../kernel/kernel.js';
import { listTasks, type TaskInfo } from '../kernel/sched/list-tasks.js';
import { sendSignalFromOutside } from '../kernel/sched/signal.js';
import { buryOwnTask, buryTask, markThreadDead, refuseThread } from '../kernel/sched/task-death.js';
import { find_task_by_pid } from '../kernel/sched/task-slots.js';
import { refresh_zone_stat_thresholds } from '../kernel/mm/zone-setup.js';
import { logLeaks } from '../kernel/slab/slab-leaks.js';
import { Clock } from './clock.js';
import { loadHardware } from './config-load.js';
import type { MachineConfig } from './config-types.js';
import { ConsoleTurns } from './console-turns.js';
import { BARRIER_ABORTED, BARRIER_WAITING, type Barrier } from './cpu-service.js';
import { CpuThread } from './cpu-thread.js';
import { type CpuDiedError, MachinePanicError, MachineStateError } from './machine-errors.js';
import { makeLoadGate } from './load-gate.js';
import { HungTaskWatch } from './hung-task-watch.js';
import { MachineCpu } from './machine-cpu.js';
import { moduleUrl } from './module-url.js';
import { type MachineTask, type SpawnOptions, TaskThreads } from './task-threads.js';
import { type ThreadHost, ThreadsPlatform } from './threads-platform.js';
import type { WorkerMessage } from './worker-messages.js';

/** The console's number in the owner words; CPU threads follow. */
const CONSOLE_THREAD = 1;

/** How long the console waits for a lock before it looks whether the thread that holds it is dead. Milliseconds. */
const CONSOLE_PATIENCE_MS = 200;

/** How long a thread is kept that no task needs. Milliseconds. */
const IDLE_THREAD_MS = 5000;

/** How long to wait for a thread's answer that it has served its CPU, before looking again. Milliseconds. */
const SERVE_LIMIT_MS = 10;

/** How long functions may go on after a panic before their threads are ended. */
const PANIC_GRACE_MS = 1000;

/** How long a halted machine's threads may take to end by themselves. */
const HALT_LIMIT_MS = 1000;

/** What a machine tells its host. */
export interface MachineEvents {
  /** A BUG, WARN, oops or panic: its text. */
  report: [text: string];
  /** A CPU's thread died. */
  died: [error: CpuDiedError];
}

/**
 * A running machine: its memory, a thread per CPU, and this thread as its console.
 *
 * ```ts
 * const machine = await Machine.boot('x86_64-numa2');
 * const pfn = await machine.cpu(1).run(new URL('./work.js', import.meta.url), 'allocate', { order: 3 });
 * await machine.halt();
 * ```
 */
export class Machine extends EventEmitter<MachineEvents> {
  readonly hardware: Hardware;
  readonly image: MemoryImage;
  readonly #platform: ThreadsPlatform;
  #console: Kernel;
  readonly #pool: Piscina;
  readonly #epoch: bigint;
  readonly #threads: CpuThread[];
  readonly #barriers = new Set<Barrier>();
  #nextThread: number;
  readonly #turns: ConsoleTurns;
  readonly #tasks: TaskThreads;
  #clock: Clock | undefined;
  #hungTasks: HungTaskWatch | undefined;
  /** What each busy CPU was told to run. */
  readonly #work = new Map<number, string>();
  #halting: Promise<void> | undefined;

  private constructor(hardware: Hardware, image: MemoryImage, pool: Piscina, epoch: bigint) {
    super();
    this.hardware = hardware;
    this.image = image;
    this.#pool = pool;
    this.#epoch = epoch;
    this.#nextThread = CONSOLE_THREAD + 1;
    this.#threads = hardware.cpuNodes.map((_, cpu) => this.#spawn(cpu));
    const threadHost: ThreadHost = {
      report: (text) => {
        this.#reported(text);
      },
      startThread: (task) => {
        this.#tasks.start(task);
      },
      // Nobody ends this thread.
      loading: (load) => load(),
    };
    this.#platform = new ThreadsPlatform(image.i32, CONSOLE_THREAD, epoch, threadHost, CONSOLE_PATIENCE_MS);
    // Until after boot nobody uses it.
    this.#console = this.#makeConsole();
    this.#turns = new ConsoleTurns(
      () => this.#console,
      () => {
        this.#mustRun();
      },
    );
    this.#tasks = new TaskThreads(pool, {
      buffer: image.buffer,
      epoch,
      console: () => this.#console,
      nextThread: () => this.#nextThread++,
      taskDied: (task, thread, reason) => this.#taskDied(task, thread, reason),
    });
    pool.on('message', (message: WorkerMessage) => {
      const { gfpReport, gfpStartThread, gfpTaskThread } = message;
      if (gfpReport !== undefined) this.#reported(gfpReport);
      // On a machine that is being ended nobody waits for it.
      if (gfpStartThread !== undefined && !this.halted) this.#tasks.start(gfpStartThread);
      if (gfpTaskThread !== undefined) this.#tasks.noteThread(gfpTaskThread.task, gfpTaskThread.threadId);
    });
  }

  /**
   * Boots a machine.
   *
   * @param config a preset's name, the path of a JSON file, or a configuration; default: the preset `x86_64-numa2`
   * @param overrides top-level fields that replace those of `config`
   * @throws ConfigError when the configuration is wrong; it names every wrong field
   * @throws CpuError when the kernel cannot boot on it
   */
  static async boot(
    config?: string | MachineConfig,
    overrides: Partial<MachineConfig> = {},
  ): Promise<Machine> {
    const hardware = loadHardware(config, overrides);
    const image = MemoryImage.create(imageBytes(hardware));
    writeFirmware(image, hardware);
    const cpus = hardware.cpuNodes.length;
    const pool = new Piscina({
      filename: new URL('../../workers/cpu.js', import.meta.url).href,
      // A thread starts when a CPU asks for it. Kept ready, one would also start in the place of each dead thread, and
      // Node aborts when a thread is ended that is still loading its modules.
      minThreads: 0,
      maxThreads: cpus + MAX_KTHREADS,
      // Threads of tasks that have ended serve others that begin soon after.
      idleTimeout: IDLE_THREAD_MS,
      concurrentTasksPerWorker: 1,
      // Between calls a CPU's thread must run its event loop, not wait for further tasks.
      atomics: 'disabled',
    });
    const machine = new Machine(hardware, image, pool, process.hrtime.bigint());
    try {
      await machine.#bringUp();
    } catch (error) {
      await machine.#endThreads();
      throw error;
    }
    return machine;
  }

  async #bringUp(): Promise<void> {
    const [first, ...others] = this.#threads;
    await first.call((service) => service.boot());
    this.#console = this.#makeConsole();
    await Promise.all(others.map((thread) => thread.call((service) => service.start())));
    await first.call((service) => service.bootDone());
    await Promise.all(this.#threads.map((thread) => thread.identify()));
    this.#clock = this.#makeClock();
    this.#clock.start();
    this.#hungTasks = new HungTaskWatch(this.console);
    this.#hungTasks.start();
  }

  /** A kernel copies what never changes after boot, such as its area and the debug switches: before, that is 0. */
  #makeConsole(): Kernel {
    return new Kernel(this.image, this.hardware.cpuNodes.length, this.#platform);
  }

  #spawn(cpu: number): CpuThread {
    const task = {
      buffer: this.image.buffer,
      cpu,
      thread: this.#nextThread++,
      epoch: this.#epoch,
      gate: makeLoadGate(),
    };
    return new CpuThread(this.#pool, task, (thread, error) => this.#died(thread, error));
  }

  /** The kernel as the console sees it: may read everything and take locks, is no CPU and owns no page lists. */
  get console(): Kernel {
    return this.#console;
  }

  /** Number of CPUs, online or not. */
  get cpus(): number {
    return this.#threads.length;
  }

  /**
   * A CPU.
   *
   * @throws RangeError when the machine has none of that number
   */
  cpu(n: number): MachineCpu {
    if (!Number.isInteger(n) || n < 0 || n >= this.cpus) {
      throw new RangeError(`CPU ${n}: this machine has CPUs 0 to ${this.cpus - 1}`);
    }
    return new MachineCpu(this, n);
  }

  /** Numbers of the online CPUs. */
  onlineCpus(): number[] {
    return this.#threads.map((thread) => thread.cpu).filter((cpu) => cpu_online(this.console, cpu));
  }

  /**
   * Runs an exported function on several CPUs at once, from a barrier: it is called when all are ready.
   *
   * @param module absolute URL of a JavaScript module
   * @param exportName a function `(k: Kernel, args) => result`; results and arguments must be cloneable
   * @param cpus default: all online CPUs
   * @returns the results, in the order of `cpus`
   * @throws CpuError or CpuDiedError of the first CPU that failed, when all others have ended
   */
  async runAll(
    module: string | URL,
    exportName: string,
    args?: unknown,
    cpus = this.onlineCpus(),
  ): Promise<unknown[]> {
    const url = moduleUrl(module);
    if (new Set(cpus).size !== cpus.length) throw new RangeError(`CPUs ${cpus.join(', ')}: each only once`);
    if (cpus.length === 0) throw new MachineStateError('no CPU to run on');
    const threads = cpus.map((cpu) => this.#threadOf(cpu));
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

  /** @internal See {@link MachineCpu.run}. */
  async runOn(cpu: number, module: string | URL, exportName: string, args: unknown): Promise<unknown> {
    const url = moduleUrl(module);
    const thread = this.#threadOf(cpu);
    return await this.#run(thread, url, exportName, (service) => service.run(url, exportName, args));
  }

  /**
   * Starts a task: a function on a thread of its own, which takes turns with others on the CPUs, sleeps, and may go on on
   * another CPU at any time. As many as MAX_KTHREADS can exist at a time.
   *
   * @param module absolute URL of a JavaScript module
   * @param exportName a synchronous function `(k: Kernel, args) => result`; its result and `args` must be cloneable
   * @throws RangeError for a CPU that does not exist
   * @throws MachineStateError when there are too many tasks, or no CPU of `cpus` is online
   */
  spawn(module: string | URL, exportName: string, args?: unknown, options: SpawnOptions = {}): MachineTask {
    this.#mustRun();
    const url = moduleUrl(module);
    const { cpus } = options;
    if (cpus !== undefined && !cpus.some((cpu) => cpu_online(this.console, this.cpu(cpu).number)))
      throw new MachineStateError(`none of the CPUs ${cpus.join(', ')} is online`);
    return this.#tasks.spawn(url, exportName, args, options);
  }

  /** The tasks that exist: those of the CPUs, and those with threads of their own. */
  tasks(): TaskInfo[] {
    return listTasks(this.console);
  }

  /**
   * Sends a signal to a task: its sleep ends if it is interruptible.
   *
   * @param sig 1 to 31
   * @throws MachineStateError when there is no such task
   */
  signal(pid: number, sig: number): void {
    sendSignalFromOutside(this.console, this.#taskOf(pid), sig);
  }

  /** Ends a task's thread as {@link MachineCpu.kill} does that of a CPU. Resolves when it was dealt with. */
  async killTask(pid: number): Promise<void> {
    await this.#clock?.traced();
    await this.#tasks.kill(this.#taskOf(pid));
  }

  #taskOf(pid: number): number {
    this.#mustRun();
    const task = find_task_by_pid(this.console, pid);
    if (task === 0) throw new MachineStateError(`there is no task ${pid}`);
    return task;
  }

  /** @internal See {@link MachineCpu.raise}. */
  raise(cpu: number, irq: number): void {
    this.#threadOf(cpu);
    if (!Number.isInteger(irq) || irq < 0 || irq >= NR_IRQS) {
      throw new RangeError(`IRQ ${irq}: a machine has IRQs 0 to ${NR_IRQS - 1}`);
    }
    raise_irq(this.console, cpu, irq);
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

  /** The thread of an online CPU. */
  #threadOf(cpu: number): CpuThread {
    this.#mustRun();
    const thread = this.#threads[this.cpu(cpu).number];
    const state = cpuState(this.console, cpu);
    if (state !== CPU_ONLINE) {
      throw new MachineStateError(`CPU ${cpu} is ${state === CPU_DEAD ? 'dead' : 'offline'}`);
    }
    return thread;
  }

  async #call(thread: CpuThread, request: Parameters<CpuThread['call']>[0]): Promise<unknown> {
    try {
      return await thread.call(request);
    } catch (error) {
      if (this.panicked) throw new MachinePanicError(this.dmesg());
      throw error;
    }
  }

  /**
   * The text of a pseudo file, such as `/proc/buddyinfo`.
   *
   * @throws Error when there is no such file; it lists those that exist
   * @throws MachineStateError when a CPU holds a lock for too long that is needed
   */
  cat(path: string): string {
    try {
      return this.console.cat(path);
    } catch (error) {
      if (!(error instanceof WaitGivenUp)) throw error;
      makeContextIdle(this.console);
      throw new MachineStateError(error.message);
    }
  }

  /**
   * Writes a tunable under /proc/sys, or those of a slab cache (/proc/slabinfo), with all CPUs stopped.
   *
   * @throws Error when there is no such file or the value is not allowed
   */
  async write(path: string, text: string): Promise<void> {
    this.#mustRun();
    await this.#turns.stopped(this.#numbers(), () => {
      writeFile(this.console, path, text);
    });
  }

  /**
   * Stops all CPUs where they are and checks every frame, list and counter of the machine.
   *
   * @throws MachineStateError when a CPU cannot be stopped
   */
  async audit(): Promise<AuditReport> {
    // On a stopped machine nothing moves, though locks may be left held.
    if (this.panicked || this.halted) return audit(this.console);
    return this.#turns.stopped(this.#numbers(), () => audit(this.console));
  }

  /** The kernel log. */
  dmesg(): string {
    return readLog(this.console);
  }

  /** Whether the kernel has panicked. */
  get panicked(): boolean {
    return Atomics.load(this.image.i32, KERNEL.system_state) === SYSTEM_PANIC;
  }

  /** Whether the machine was halted. */
  get halted(): boolean {
    return this.#halting !== undefined;
  }

  /**
   * Ends the machine: functions that still run end with MachineHalted at their next poll, threads end. Its memory can
   * still be read. Calling it again waits for the same end.
   */
  halt(): Promise<void> {
    this.#halting ??= this.#halt();
    return this.#halting;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.halt();
  }

  async #halt(): Promise<void> {
    this.#clock?.stop();
    this.#hungTasks?.stop();
    if (!this.panicked) Atomics.store(this.image.i32, KERNEL.system_state, SYSTEM_HALTED);
    endWaitingTasks(this.console);
    for (const thread of this.#threads) {
      raiseInterrupt(this.console, thread.cpu, IRQ_STOP);
      thread.halt();
    }
    const limit = new AbortController();
    const ended = Promise.allSettled([...this.#threads.map((thread) => thread.ended), this.#tasks.ended]);
    await Promise.race([
      ended,
      sleep(HALT_LIMIT_MS, undefined, { signal: limit.signal }).catch(() => undefined),
    ]);
    limit.abort();
    await this.#clock?.traced();
    await this.#endThreads();
    this.#logLeaks();
  }

  async #endThreads(): Promise<void> {
    await Promise.all([...this.#threads.map((thread) => thread.mayEnd()), this.#tasks.mayEnd()]);
    await this.#pool.destroy();
  }

  /** What the functions that ran here have allocated and not freed goes into the log, with debug.slab. */
  #logLeaks(): void {
    // After a panic nobody can be blamed.
    if (this.panicked || this.console.area === 0) return;
    try {
      logLeaks(this.console);
    } catch (error) {
      // A thread has died with the log's lock.
      if (!(error instanceof WaitGivenUp)) throw error;
    }
  }

  /** @internal See {@link MachineCpu.offline}. */
  async offline(cpu: number): Promise<void> {
    this.#threadOf(cpu);
    await this.#turns.stopped([cpu], () => {
      // It may have died or gone while others had their turn.
      this.#threadOf(cpu);
      if (num_online_cpus(this.console) === 1)
        throw new MachineStateError(`CPU ${cpu} is the last one online`);
      takeCpuDown(this.console, cpu);
      refresh_zone_stat_thresholds(this.console);
    });
  }

  /** @internal See {@link MachineCpu.online}. */
  async online(cpu: number): Promise<void> {
    this.#mustRun();
    await this.#turns.inTurn(() => this.#plugIn(this.cpu(cpu).number));
  }

  async #plugIn(cpu: number): Promise<void> {
    const state = cpuState(this.console, cpu);
    if (state === CPU_ONLINE) return;
    if (state === CPU_OFFLINE) {
      bringCpuUp(this.console, cpu);
    } else {
      const thread = this.#spawn(cpu);
      this.#threads[cpu] = thread;
      // Before it is online, so that it can be killed as soon as it is.
      await thread.identify();
      await thread.call((service) => service.start());
    }
    refresh_zone_stat_thresholds(this.console);
    // It may have left something behind when it went.
    ringClock(this.console);
  }

  /** @internal See {@link MachineCpu.kill}. */
  async kill(cpu: number): Promise<void> {
    const thread = this.#threadOf(cpu);
    await this.#clock?.traced();
    await thread.kill();
    await thread.ended;
  }

  #numbers(): number[] {
    return this.#threads.map((thread) => thread.cpu);
  }

  #mustRun(): void {
    if (this.panicked) throw new MachinePanicError(this.dmesg());
    if (this.halted) throw new MachineStateError('the machine was halted');
  }

  /** A thread ended that nobody had ended: its CPU leaves the machine, or takes it along. */
  async #died(thread: CpuThread, error: CpuDiedError): Promise<void> {
    // During boot the caller learns it from the call that fails.
    if (this.halted || this.panicked || this.console.area === 0) return;
    for (const barrier of this.#barriers) {
      Atomics.compareExchange(barrier, 1, BARRIER_WAITING, BARRIER_ABORTED);
      Atomics.notify(barrier, 1);
    }
    const k = this.console;
    markThreadDead(k, cpuTask(k, thread.cpu));
    const cpus = takeOverCpus(k, thread.thread);
    if (!this.#lostLocks(`CPU#${thread.cpu}`, error.reason, cpus)) {
      await this.#bury(thread, cpus, error.reason).catch((cause: unknown) => {
        // Another death has stopped the machine meanwhile.
        if (!this.panicked && !this.halted) throw cause;
      });
    }
    this.emit('died', error);
  }

  /** The thread of a task ended that nobody had ended. */
  async #taskDied(task: number, thread: number, reason: string): Promise<void> {
    if (this.halted || this.panicked) return;
    const k = this.console;
    if (Atomics.load(k.i32, task + TASK.at.thread) === 0) {
      refuseThread(k, task);
      return;
    }
    markThreadDead(k, task);
    const cpus = takeOverCpus(k, thread);
    if (this.#lostLocks(`task ${task_comm(k, task)}:${task_pid(k, task)}`, reason, cpus)) return;
    await this.#recover(cpus);
    await this.#turns.patiently(() => {
      buryTask(k, task, reason);
    });
  }

  /** Whether a dead thread held locks as one of the CPUs that it was: then the machine stops. */
  #lostLocks(who: string, reason: string, cpus: readonly number[]): boolean {
    const k = this.console;
    const lost = cpus.flatMap((cpu) => locksLost(k, cpu));
    for (const cpu of cpus) breakLogLock(k, cpu);
    if (lost.length > 0) this.#panic(`${who}: its thread died (${reason}) and held ${lost.join(', ')}`);
    return lost.length > 0;
  }

  /** Puts the CPUs in order that a dead thread was, and gives them to other tasks. */
  async #recover(cpus: readonly number[]): Promise<void> {
    const k = this.console;
    for (const cpu of cpus) {
      // recoverCpu() begins with the CPU's context, so it can be done again.
      await this.#turns.patiently(() => {
        recoverCpu(k, cpu);
      });
      releaseCpu(k.as(cpu));
    }
  }

  /** @param cpus the CPUs that the dead thread was */
  async #bury(thread: CpuThread, cpus: readonly number[], reason: string): Promise<void> {
    const k = this.console;
    await this.#recover(cpus);
    await this.#turns.stopped([thread.cpu], () => {
      // While others had their turn, the CPU may have got another thread.
      if (this.#threads[thread.cpu] !== thread) return;
      buryCpu(k, thread.cpu, reason);
      buryOwnTask(k, cpuTask(k, thread.cpu));
    });
  }

  /** Stops the machine from the console. */
  #panic(message: string): void {
    try {
      panic(this.console, message);
    } catch (error) {
      // On a CPU, panic() ends the running function by this exception; the console goes on.
      if (error instanceof KernelPanic) return;
      if (!(error instanceof WaitGivenUp)) throw error;
      // Another CPU has died with the log's lock: the machine has stopped, but nothing is in the log.
      this.#reported(`Kernel panic - not syncing: ${message}`);
    }
  }

  #reported(text: string): void {
    this.emit('report', text);
    // Functions that never poll would not notice the panic: their threads are ended.
    if (this.panicked) setTimeout(() => void this.halt(), PANIC_GRACE_MS).unref();
  }

  /** Lets a CPU's own thread serve its interrupts: it answers the host, or waits in the middle of a function. */
  async #serveIdle(cpu: number): Promise<void> {
    const { i32 } = this.image;
    const running = cpuTask(this.console, cpu) + TASK.at.running;
    Atomics.compareExchange(i32, running, 0, RUNNING_SERVE);
    if (Atomics.notify(i32, running) === 0) await this.#threads[cpu].serve(SERVE_LIMIT_MS);
    else await sleep(1);
  }

  #makeClock(): Clock {
    return new Clock(this.console, {
      cpus: this.cpus,
      consoleThread: CONSOLE_THREAD,
      serve: (cpu) => this.#serveIdle(cpu),
      workOf: (cpu, owner) => (owner === this.#threads[cpu].thread ? (this.#work.get(cpu) ?? '') : ''),
      nodeThread: (owner) => {
        const own = this.#threads.find(({ thread }) => thread === owner);
        return own === undefined ? this.#tasks.nodeThread(owner) : own.nodeThread;
      },
    });
  }
}
