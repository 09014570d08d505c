import type { Cpu } from './cpu.js';
import { CPU_AREA, IRQ_STOP } from './cpu-area.js';
import { WaitGivenUp } from './errors.js';
import { poll } from './irqflags.js';
import { KERNEL } from './kernel-data.js';
import { reportLongWait } from './lock-report.js';
import { HELD_LOCK_MASK, LOCK_OWNER_MASK, LOCK_READER } from './lock-word.js';
import { WAIT_SLICE_MS } from './platform.js';
import { checkRunning } from './system-state.js';

/** What all locks do while they wait. The lock waited for is the last entry of the CPU's list. */

const LOCKS_HELD = CPU_AREA.at.locks_held;
const HELD = CPU_AREA.at.held;
const PENDING = CPU_AREA.at.pending;
const WAITING_ON = CPU_AREA.at.waitingOn;
const IRQS_DISABLED = CPU_AREA.at.irqs_disabled;

/**
 * Sleeps while the lock word is `value`, until somebody notifies it; also wakes for interrupts, if they are enabled,
 * and after WAIT_SLICE_MS. The caller has put into the word that somebody sleeps.
 */
export function sleepOnLock(k: Cpu, lock: number, value: number): void {
  const { i32, area } = k;
  Atomics.store(i32, area + WAITING_ON, lock);
  // Who raised an interrupt before that store woke nobody, so look again. In the instant between this look and the
  // wait an interrupt can still be missed: then it waits for the end of the slice. A stop request is not served
  // under a lock, it stays pending.
  if (i32[area + IRQS_DISABLED] !== 0 || (Atomics.load(i32, area + PENDING) & ~IRQ_STOP) === 0) {
    k.platform.wait(lock, value, WAIT_SLICE_MS);
  }
  Atomics.store(i32, area + WAITING_ON, 0);
}

/**
 * Between two sleeps: ends the wait when the machine has stopped, and serves interrupts if they are enabled. The lock
 * is not in the list meanwhile: a handler must not find it there, and neither must anybody if this throws.
 *
 * @param start when the wait began
 * @throws KernelPanic, MachineHalted, WaitGivenUp, or what an interrupt handler throws
 */
export function serveWhileWaiting(k: Cpu, start: number): void {
  const { i32, area } = k;
  const depth = i32[area + LOCKS_HELD] - 1;
  const lock = i32[area + HELD + depth];
  i32[area + LOCKS_HELD] = depth;
  checkRunning(k);
  if (!k.platform.mayWait(start)) giveUp(k, lock & HELD_LOCK_MASK);
  poll(k);
  i32[area + HELD + depth] = lock;
  i32[area + LOCKS_HELD] = depth + 1;
}

function giveUp(k: Cpu, lock: number): never {
  const owner = (Atomics.load(k.i32, lock) & LOCK_OWNER_MASK) - 1;
  throw new WaitGivenUp(`${k.nameOf(lock)} is held by ${owner < 0 ? 'others' : `CPU#${owner}`} for too long`);
}

/**
 * Reports a wait that has become too long.
 *
 * @param value the lock word, as seen while waiting
 * @param start when the wait began
 * @returns whether it was too long: the caller then asks no more
 */
export function waitedTooLong(k: Cpu, lock: number, value: number, start: number): boolean {
  const waited = k.platform.now() - start;
  const isFree = (value & LOCK_OWNER_MASK) === 0 && value < LOCK_READER;
  if (isFree || waited <= k.i32[KERNEL.lock_hold_limit_ms]) return false;
  reportLongWait(k, lock, value, waited);
  return true;
}
