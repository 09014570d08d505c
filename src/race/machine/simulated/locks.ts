import type { Cpu } from '../../../kernel/core/cpu.js';
import { CPU_AREA } from '../../../kernel/core/cpu-area.js';
import { beyondHeldLimit, hasHeld, removeHeld } from '../../../kernel/core/held-locks.js';
import { irqs_disabled } from '../../../kernel/core/irqflags.js';
import { serveWhileWaiting } from '../../../kernel/core/lock-wait.js';
import { HELD_LIMIT, HELD_READ, LOCK_OWNER_MASK, LOCK_READER } from '../../../kernel/core/lock-word.js';
import { acquireWord, awaitWord, noteTaken, readOnce, releaseWord } from '../../intrinsics.js';

/**
 * The kernel's locks as the scheduler sees them: one blocking step each, instead of spinning, flags and sleeping. They
 * keep the lists of held locks as the real ones do, and the words have the same meaning. What they cannot do well, such
 * as a recursion, they leave to the real ones.
 */

const LOCKS_HELD = CPU_AREA.at.locks_held;
const HELD = CPU_AREA.at.held;
const ANY = -1;

/** Whether this CPU owns the lock exclusively. */
function ownsLock(k: Cpu, lock: number): boolean {
  return (readOnce(k.i32, lock) & LOCK_OWNER_MASK) === k.cpu + 1;
}

function enterHeld(k: Cpu, entry: number): void {
  const { i32, area } = k;
  const depth = i32[area + LOCKS_HELD];
  if (depth >= HELD_LIMIT) beyondHeldLimit(k, entry);
  i32[area + HELD + depth] = entry;
  i32[area + LOCKS_HELD] = depth + 1;
}

function leaveHeld(k: Cpu, entry: number): void {
  const { i32, area } = k;
  const top = i32[area + LOCKS_HELD] - 1;
  if (i32[area + HELD + top] === entry) i32[area + LOCKS_HELD] = top;
  else removeHeld(k, entry);
}

/** `rawLock`; false: the real one must report a recursion. */
export function simulatedLock(k: Cpu, lock: number): boolean {
  if (ownsLock(k, lock)) return false;
  enterHeld(k, lock);
  if (irqs_disabled(k)) acquireWord(lock, ANY, k.cpu + 1);
  else lockServingInterrupts(k, lock);
  return true;
}

/** Who waits with interrupts enabled goes on serving them: the holder may wait for just that. */
function lockServingInterrupts(k: Cpu, lock: number): void {
  const start = k.platform.now();
  while (Atomics.compareExchange(k.i32, lock, 0, k.cpu + 1) !== 0) serveWhileWaiting(k, start);
  noteTaken(lock, true);
}

/** `rawUnlock`; false: the real one must report that another has the lock. */
export function simulatedUnlock(k: Cpu, lock: number): boolean {
  if (!ownsLock(k, lock)) return false;
  releaseWord(lock, k.cpu + 1);
  leaveHeld(k, lock);
  return true;
}

/** `rawTryLock`: it cannot block, so it says nothing about the order of locks. */
export function simulatedTryLock(k: Cpu, lock: number): boolean {
  if (readOnce(k.i32, lock) !== 0) return false;
  enterHeld(k, lock);
  if (Atomics.compareExchange(k.i32, lock, 0, k.cpu + 1) === 0) {
    noteTaken(lock, false);
    return true;
  }
  k.i32[k.area + LOCKS_HELD]--;
  return false;
}

/** The slow way of `read_lock`, which has entered the lock into the list; false: a recursion, or interrupts come. */
export function simulatedReadLockSlow(k: Cpu, lock: number, entry: number): boolean {
  if (ownsLock(k, lock) || !irqs_disabled(k)) return false;
  k.i32[entry] = lock | HELD_READ;
  awaitWord(lock, LOCK_OWNER_MASK, LOCK_READER);
  return true;
}

/** The slow way of `write_lock`, which has entered the lock into the list; false: a recursion, or interrupts come. */
export function simulatedWriteLockSlow(k: Cpu, lock: number): boolean {
  if (ownsLock(k, lock) || hasHeld(k, lock | HELD_READ) || !irqs_disabled(k)) return false;
  awaitWord(lock, ANY, k.cpu + 1);
  return true;
}
