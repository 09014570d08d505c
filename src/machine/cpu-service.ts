import { parentPort, threadId } from 'node:worker_threads';
import { MemoryImage } from '../image/memory-image.js';
import { smp_boot_done, start_kernel, start_secondary } from '../kernel/boot.js';
import { panic, WARN } from '../kernel/core/bug.js';
import { CPU_AREA } from '../kernel/core/cpu-area.js';
import { KernelBug, KernelPanic, MachineHalted } from '../kernel/core/errors.js';
import { KERNEL, SYSTEM_RUNNING } from '../kernel/core/kernel-data.js';
import { WAIT_SLICE_MS } from '../kernel/core/platform.js';
import { checkRunning } from '../kernel/core/system-state.js';
import { heldLocks } from '../kernel/core/lock-report.js';
import { releaseCpu } from '../kernel/cpu/dispatch.js';
import { ownsCpu, serveIdleCpu } from '../kernel/cpu/ownership.js';
import { Kernel } from '../kernel/kernel.js';
import { enterCpu, exitCpu } from '../kernel/sched/own-task.js';
import type { CpuFailure } from './machine-errors.js';
import { ThreadsPlatform } from './threads-platform.js';

/** What a CPU's thread is told when it starts. */
export interface CpuTask {
  readonly buffer: SharedArrayBuffer;
  readonly cpu: number;
  /** Number of the thread in the machine's owner words. */
  readonly thread: number;
  /** `process.hrtime.bigint()` of the machine's boot. */
  readonly epoch: bigint;
}

/** How a function on a CPU ended. */
export type Outcome =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: CpuFailure };

/** A barrier: [arrived, state], where state is one of the constants below. */
export type Barrier = Int32Array;
export const BARRIER_WAITING = 0;
export const BARRIER_OPEN = 1;
export const BARRIER_ABORTED = 2;

/** A function that runs on a CPU. */
type CpuFunction = (k: Kernel, args: unknown) => unknown;

/** A report on its way to the host. */
export interface ReportMessage {
  readonly gfpReport: string;
}

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
    this.#task = task;
    this.#end = end;
    this.#image = new MemoryImage(task.buffer);
    this.#platform = new ThreadsPlatform(this.#image.i32, task.thread, task.epoch, (text) => {
      parentPort?.postMessage({ gfpReport: text } satisfies ReportMessage);
    });
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
   * being loaded for a function, and Node cannot load that at once, in the middle.
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
      const value = call(k, args);
      if (value instanceof Promise) {
        // Nobody waits for it: that it fails must not end the thread.
        value.catch(() => undefined);
        throw new TypeError(`${name}() returned a promise: code on a CPU is synchronous`);
      }
      outcome = { ok: true, value };
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
 * Ends a function's time on a CPU: what it left behind is reported, and the CPU falls idle.
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
  const locks = heldLocks(k, k.cpu);
  if (locks.length > 0) panic(k, `${how} on CPU#${k.cpu} and holds ${k.nameOf(locks[0])}`);
  const count = k.i32[k.area + CPU_AREA.at.preempt_count];
  if (count !== 0 || k.irqs_disabled()) {
    WARN(k, `${how} on CPU#${k.cpu} with preempt_count ${count}, irqs ${k.irqs_disabled() ? 'off' : 'on'}`);
    k.i32[k.area + CPU_AREA.at.preempt_count] = 0;
    k.i32[k.area + CPU_AREA.at.irqs_disabled] = 0;
  }
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

/** The exported function of a module. */
async function loadFunction(url: string, name: string): Promise<CpuFunction> {
  const module = (await import(url)) as Record<string, unknown>;
  const found = module[name];
  if (typeof found !== 'function') {
    const exported = Object.keys(module).join(', ');
    throw new Error(
      `module ${url} exports no function '${name}'; it exports: ${exported === '' ? 'nothing' : exported}`,
    );
  }
  return found as CpuFunction;
}

function attempt(action: () => void): Outcome {
  try {
    action();
    return { ok: true, value: undefined };
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): Outcome {
  if (!(error instanceof Error)) {
    return { ok: false, error: { name: 'Error', message: `threw ${String(error)}`, stack: '' } };
  }
  const { name, message, stack = '' } = error;
  const report = error instanceof KernelBug ? { report: error.report } : {};
  return { ok: false, error: { name, message, stack, ...report } };
}
