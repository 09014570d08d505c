import { threadId } from 'node:worker_threads';
import { MemoryImage } from '../image/memory-image.js';
import { smp_boot_done, start_kernel, start_secondary } from '../kernel/boot.js';
import { panic } from '../kernel/core/bug.js';
import { KernelPanic, MachineHalted } from '../kernel/core/errors.js';
import { KERNEL, SYSTEM_RUNNING } from '../kernel/core/kernel-data.js';
import { WAIT_SLICE_MS } from '../kernel/core/platform.js';
import { checkRunning } from '../kernel/core/system-state.js';
import { releaseCpu } from '../kernel/cpu/dispatch.js';
import { ownsCpu, serveIdleCpu } from '../kernel/cpu/ownership.js';
import { Kernel } from '../kernel/kernel.js';
import { checkLeftBehind } from '../kernel/sched/exit.js';
import { enterCpu, exitCpu } from '../kernel/sched/own-task.js';
import { endLoad, type LoadGate } from './load-gate.js';
import { attempt, callOnCpu, failed, loadFunction, type CpuFunction, type Outcome } from './outcome.js';
import { ThreadsPlatform } from './threads-platform.js';
import { hostOfWorker } from './worker-messages.js';

/** What a CPU's thread is told when it starts. */
export interface CpuTask {
  readonly buffer: SharedArrayBuffer;
  readonly cpu: number;
  /** Number of the thread in the machine's owner words. */
  readonly thread: number;
  /** `process.hrtime.bigint()` of the machine's boot. */
  readonly epoch: bigint;
  readonly gate: LoadGate;
}

/** A barrier: [arrived, state], where state is one of the constants below. */
export type Barrier = Int32Array;
export const BARRIER_WAITING = 0;
const BARRIER_OPEN = 1;
export const BARRIER_ABORTED = 2;

/**
 * What the host can ask of a CPU's thread, over Comlink. Between calls the thread runs its event loop and the CPU is
 * idle; during a call the thread is the CPU.
 */
export class CpuService {
  readonly #image: MemoryImage;
  readonly #task: CpuTask;
  readonly #platform: ThreadsPlatform;
  readonly #end: () => void;
  #kernel: Kernel | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param end called when the host lets the thread go */
  constructor(task: CpuTask, end: () => void) {
    endLoad(task.gate);
    this.#task = task;
    this.#end = end;
    this.#image = new MemoryImage(task.buffer);
    this.#platform = new ThreadsPlatform(this.#image.i32, task.thread, task.epoch, hostOfWorker(task.gate));
  }

  /** The Node thread that this CPU's thread is. */
  threadId(): number {
    return threadId;
  }

  /** Boots the kernel; this is CPU 0, and stays busy until {@link bootDone}. */
  boot(): Outcome {
    return attempt(() => {
      this.#kernel = start_kernel(this.#image, this.#platform);
      releaseCpu(this.#kernel);
    });
  }

  /** Brings this CPU up, after boot or after the death of its former thread. */
  start(): Outcome {
    return attempt(() => {
      this.#kernel = new Kernel(this.#image, this.#task.cpu, this.#platform);
      start_secondary(this.#kernel);
    });
  }

  /** All CPUs are up. CPU 0 only. */
  bootDone(): Outcome {
    return attempt(() => {
      smp_boot_done(this.#k());
    });
  }

  /** Loads a function without running it, so that a missing one is known before others wait for it. */
  prepare(url: string, name: string): Promise<Outcome> {
    return this.#inTurn(async () => {
      await loadFunction(url, name);
      return { ok: true, value: undefined };
    });
  }

  /**
   * Runs an exported function as this CPU.
   *
   * @param barrier if given: wait until all its CPUs have come
   * @param parties how many CPUs that is
   */
  run(url: string, name: string, args: unknown, barrier?: Barrier, parties = 0): Promise<Outcome> {
    return this.#inTurn(async () => {
      const call = await loadFunction(url, name);
      return this.#runAsCpu(call, name, args, barrier, parties);
    });
  }

  /** Serves what came in for this CPU while it was idle. */
  serve(): Promise<Outcome> {
    return this.#inTurn(() =>
      attempt(() => {
        serveIdleCpu(this.#k());
      }),
    );
  }

  /**
   * Does something when all that was asked for before is done. An interrupt handler may be of the very module that is
   * being imported for a function, or of one that it imports, and Node cannot require that at once, in the middle.
   */
  #inTurn(action: () => Outcome | Promise<Outcome>): Promise<Outcome> {
    const turn = this.#turn.then(action).catch(failed);
    this.#turn = turn;
    return turn;
  }

  /** Lets the thread go. */
  halt(): void {
    this.#end();
  }

  #k(): Kernel {
    if (this.#kernel === undefined) throw new Error(`CPU#${this.#task.cpu} has not come up`);
    return this.#kernel;
  }

  #runAsCpu(
    call: CpuFunction,
    name: string,
    args: unknown,
    barrier: Barrier | undefined,
    parties: number,
  ): Outcome {
    const k = this.#k();
    enterCpu(k);
    let outcome: Outcome;
    try {
      if (barrier !== undefined) waitAtBarrier(k, barrier, parties);
      outcome = { ok: true, value: callOnCpu(k, call, name, args) };
    } catch (error) {
      outcome = failed(error);
    }
    try {
      leaveCpu(k, outcome.ok ? `${name}() ended` : `${name}() threw "${outcome.error.message}"`);
    } catch (error) {
      return failed(stopped(k, error));
    }
    return outcome;
  }
}

/**
 * Ends a function's time on a CPU: what it left behind is reported, and the CPU goes to the next task.
 *
 * @param how the function's name and how it ended
 */
function leaveCpu(k: Kernel, how: string): void {
  // A halt or a panic ends a function while it waits for its CPU: then it has none to leave.
  if (!ownsCpu(k)) return;
  if (Atomics.load(k.i32, KERNEL.system_state) !== SYSTEM_RUNNING) {
    releaseCpu(k);
    return;
  }
  checkLeftBehind(k, how);
  exitCpu(k);
}

/** A CPU that cannot be left in order must not be used again: the machine stops. */
function stopped(k: Kernel, error: unknown): unknown {
  if (error instanceof KernelPanic || error instanceof MachineHalted) return error;
  try {
    return panic(
      k,
      `CPU#${k.cpu} could not be left: ${error instanceof Error ? error.message : String(error)}`,
    );
  } catch (ended) {
    return ended;
  }
}

/** Waits until all CPUs have come, and serves interrupts meanwhile. */
function waitAtBarrier(k: Kernel, barrier: Barrier, parties: number): void {
  if (Atomics.add(barrier, 0, 1) + 1 === parties) {
    Atomics.compareExchange(barrier, 1, BARRIER_WAITING, BARRIER_OPEN);
    Atomics.notify(barrier, 1);
  }
  while (Atomics.load(barrier, 1) === BARRIER_WAITING) {
    Atomics.wait(barrier, 1, BARRIER_WAITING, WAIT_SLICE_MS);
    checkRunning(k);
    k.poll();
  }
  if (Atomics.load(barrier, 1) === BARRIER_ABORTED)
    throw new Error('a CPU died before all had come to the barrier');
}
