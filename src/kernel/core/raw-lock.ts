import { readOnce } from './access-once.js';
import { BUG } from './bug.js';
import type { Cpu } from './cpu.js';
import { CPU_AREA } from './cpu-area.js';
import { beyondHeldLimit, removeHeld } from './held-locks.js';
import { serveWhileWaiting, sleepOnLock, waitedTooLong } from './lock-wait.js';
import { HELD_LIMIT, LOCK_CONTENDED, LOCK_OWNER_MASK, SPIN_ATTEMPTS } from './lock-word.js';

/**
 * The lock under every spinlock: one word, 0 free, else the number of the CPU that holds it plus 1, and a flag when
 * somebody may sleep on it. Taken by compareExchange, released by exchange.
 *
 * With more CPUs than host cores a spinning waiter only keeps the holder from running; so a waiter spins briefly
 * and then sleeps on the word. Who releases a lock with the flag clears it and wakes one waiter; that one spins
 * again before it puts the flag back. So a busy lock changes hands between running threads without a wake-up each.
 */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const LOCKS_HELD = CPU_AREA.at.locks_held;
const HELD = CPU_AREA.at.held;
const LIMIT = HELD_LIMIT;
const OWNER_MASK = LOCK_OWNER_MASK;
const CONTENDED = LOCK_CONTENDED;
const ATTEMPTS = SPIN_ATTEMPTS;

/**
 * Takes the lock, waiting as long as it takes. The caller has disabled preemption. Any context.
 *
 * @param lock word index
 * @throws KernelBug when this CPU holds the lock already
 */
export function rawLock(k: Cpu, lock: number): void {
  const { i32, area } = k;
  const depth = i32[area + LOCKS_HELD];
  if (depth >= LIMIT) beyondHeldLimit(k, lock);
  i32[area + HELD + depth] = lock;
  i32[area + LOCKS_HELD] = depth + 1;
  if (Atomics.compareExchange(i32, lock, 0, k.cpu + 1) !== 0) rawLockSlow(k, lock);
}

/**
 * Takes the lock if it is free.
 *
 * @returns whether it was taken
 */
export function rawTryLock(k: Cpu, lock: number): boolean {
  const { i32, area } = k;
  if (readOnce(k, lock) !== 0) return false;
  const depth = i32[area + LOCKS_HELD];
  if (depth >= LIMIT) beyondHeldLimit(k, lock);
  i32[area + HELD + depth] = lock;
  i32[area + LOCKS_HELD] = depth + 1;
  if (Atomics.compareExchange(i32, lock, 0, k.cpu + 1) === 0) return true;
  i32[area + LOCKS_HELD] = depth;
  return false;
}

/**
 * Releases a lock that this CPU holds.
 *
 * @throws KernelBug when it does not hold it
 */
export function rawUnlock(k: Cpu, lock: number): void {
  const { i32, area } = k;
  const me = k.cpu + 1;
  // While this CPU is the owner, others change the flag only.
  if ((readOnce(k, lock) & OWNER_MASK) !== me) unlockBug(k, lock);
  const before = Atomics.exchange(i32, lock, 0);
  const top = i32[area + LOCKS_HELD] - 1;
  if (i32[area + HELD + top] === lock) i32[area + LOCKS_HELD] = top;
  else removeHeld(k, lock);
  if (before !== me) k.platform.notify(lock, 1);
}

/** The CPU that holds the lock, or -1. Any thread; the answer may be old when it arrives. */
export function lockOwner(k: Cpu, lock: number): number {
  return (Atomics.load(k.i32, lock) & OWNER_MASK) - 1;
}

function rawLockSlow(k: Cpu, lock: number): void {
  const { i32, area } = k;
  if (lockOwner(k, lock) === k.cpu) {
    i32[area + LOCKS_HELD]--;
    BUG(k, `spinlock recursion on CPU#${k.cpu}, lock: ${k.nameOf(lock)}`);
  }
  if (spinForLock(k, lock, k.cpu + 1)) return;
  const start = k.platform.now();
  let reported = false;
  for (;;) {
    const value = Atomics.load(i32, lock);
    const contended = value | CONTENDED;
    if (value !== 0 && Atomics.compareExchange(i32, lock, value, contended) === value) {
      sleepOnLock(k, lock, contended);
    }
    // Others may sleep here too, so who has slept takes the lock with the flag up.
    if (spinForLock(k, lock, (k.cpu + 1) | CONTENDED)) return;
    serveWhileWaiting(k, start);
    reported ||= waitedTooLong(k, lock, Atomics.load(i32, lock), start);
  }
}

/** Tries for a moment to put `mine` into the lock word. */
function spinForLock(k: Cpu, lock: number, mine: number): boolean {
  const { i32 } = k;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (Atomics.load(i32, lock) === 0 && Atomics.compareExchange(i32, lock, 0, mine) === 0) return true;
    k.platform.relax(lock);
  }
  return false;
}

function unlockBug(k: Cpu, lock: number): never {
  const owner = lockOwner(k, lock);
  const held = owner < 0 ? 'already unlocked' : `wrong owner CPU#${owner}`;
  return BUG(k, `spinlock ${held} on CPU#${k.cpu}, lock: ${k.nameOf(lock)}`);
}
