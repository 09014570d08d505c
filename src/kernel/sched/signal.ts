import { BUG_ON } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { TASK, TASK_INTERRUPTIBLE } from '../core/task-struct.js';
import { current } from '../core/tasks.js';
import { try_to_wake_up, wakeFromOutside } from '../cpu/wake.js';

/** Signals: what ends an interruptible sleep. A kernel thread looks for them itself; nothing else comes of them. */

const SIGNALS = TASK.at.signals;

export const SIGHUP = 1;
export const SIGINT = 2;
export const SIGKILL = 9;
export const SIGTERM = 15;

/** A sleep was interrupted by a signal. */
export const ERESTARTSYS = 512;
export const EINTR = 4;

/**
 * Sends a signal to a task, and ends its sleep if that is interruptible. Any context.
 *
 * @param sig 1 to 31
 * @returns 0
 * @throws KernelBug for another signal
 */
export function send_sig(k: Cpu, sig: number, task: number): number {
  addSignal(k, task, sig);
  try_to_wake_up(k, task, TASK_INTERRUPTIBLE);
  return 0;
}

/** {@link send_sig} from a thread that is no CPU. */
export function sendSignalFromOutside(k: Cpu, task: number, sig: number): void {
  addSignal(k, task, sig);
  wakeFromOutside(k, task, TASK_INTERRUPTIBLE);
}

function addSignal(k: Cpu, task: number, sig: number): void {
  BUG_ON(k, !(Number.isInteger(sig) && sig >= 1 && sig <= 31), `send_sig: there is no signal ${sig}`);
  Atomics.or(k.i32, task + SIGNALS, 1 << sig);
}

/** Whether a signal was sent to a task, by default the running one. Any context. */
export function signal_pending(k: Cpu, task = current(k)): boolean {
  return Atomics.load(k.i32, task + SIGNALS) !== 0;
}

/** Forgets the signals of the running task. Process context. */
export function flush_signals(k: Cpu): void {
  Atomics.store(k.i32, current(k) + SIGNALS, 0);
}
