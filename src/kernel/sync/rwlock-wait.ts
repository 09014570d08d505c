import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { hasHeld } from '../core/held-locks.js';
import { serveWhileWaiting, sleepOnLock, waitedTooLong } from '../core/lock-wait.js';
import {
  HELD_READ,
  LOCK_CONTENDED,
  LOCK_OWNER_MASK,
  LOCK_READER,
  LOCK_READERS_WAIT,
  SPIN_ATTEMPTS,
} from '../core/lock-word.js';
import { lockOwner } from '../core/raw-lock.js';

/**
 * How readers and writers wait for an `rwlock_t`. Both sleep on the lock word. A flag says that a writer may sleep
 * there; another that readers may, which happens only while a writer has the lock. A writer that releases the lock
 * clears both flags and wakes all if readers sleep, else one writer; the last reader wakes one writer. Who wakes and
 * finds the lock busy puts his flag back.
 */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const LOCKS_HELD = CPU_AREA.at.locks_held;
const READ = HELD_READ;
const OWNER_MASK = LOCK_OWNER_MASK;
const CONTENDED = LOCK_CONTENDED;
const READERS_WAIT = LOCK_READERS_WAIT;
const READER = LOCK_READER;
const ATTEMPTS = SPIN_ATTEMPTS;

/** Adds a reader unless there is a writer; whether it did. The list has this CPU as one already. */
export function addReader(k: Cpu, lock: number): boolean {
  const { i32 } = k;
  let value = Atomics.load(i32, lock);
  while ((value & OWNER_MASK) === 0) {
    const before = Atomics.compareExchange(i32, lock, value, value + READER);
    if (before === value) return true;
    value = before;
  }
  return false;
}

/** Puts `mine` into the word if there is neither reader nor writer; whether it did. */
export function takeForWriting(k: Cpu, lock: number, mine: number): boolean {
  const { i32 } = k;
  // The flag of another writer stays up.
  const value = Atomics.load(i32, lock);
  return (value & ~CONTENDED) === 0 && Atomics.compareExchange(i32, lock, value, value | mine) === value;
}

/** @param entry word index of this CPU's list entry for the lock */
export function readLockSlow(k: Cpu, lock: number, entry: number): void {
  const { i32, area } = k;
  if (lockOwner(k, lock) === k.cpu) {
    i32[area + LOCKS_HELD]--;
    BUG(k, `rwlock recursion on CPU#${k.cpu}, lock: ${k.nameOf(lock)}`);
  }
  const start = k.platform.now();
  let reported = false;
  while (!spinForReading(k, lock, entry)) {
    serveWhileWaiting(k, start);
    reported ||= waitedTooLong(k, lock, Atomics.load(i32, lock), start);
    const value = Atomics.load(i32, lock);
    const waiting = value | READERS_WAIT;
    if ((value & OWNER_MASK) === 0) continue;
    if (Atomics.compareExchange(i32, lock, value, waiting) === value) sleepOnLock(k, lock, waiting);
  }
}

/** Tries for a moment to become a reader. The list says so only while it tries and when it did. */
function spinForReading(k: Cpu, lock: number, entry: number): boolean {
  const { i32 } = k;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if ((Atomics.load(i32, lock) & OWNER_MASK) === 0) {
      i32[entry] = lock | READ;
      if (addReader(k, lock)) return true;
    }
    i32[entry] = lock;
    k.platform.relax(lock);
  }
  return false;
}

export function writeLockSlow(k: Cpu, lock: number): void {
  const { i32, area } = k;
  if (lockOwner(k, lock) === k.cpu || hasHeld(k, lock | READ)) {
    i32[area + LOCKS_HELD]--;
    BUG(k, `rwlock recursion on CPU#${k.cpu}, lock: ${k.nameOf(lock)}`);
  }
  if (spinForWriting(k, lock, k.cpu + 1)) return;
  const start = k.platform.now();
  let reported = false;
  for (;;) {
    const value = Atomics.load(i32, lock);
    const contended = value | CONTENDED;
    const isBusy = (value & ~CONTENDED) !== 0;
    if (isBusy && Atomics.compareExchange(i32, lock, value, contended) === value) {
      sleepOnLock(k, lock, contended);
    }
    // Others may sleep here too, so who has slept takes the lock with the flag up.
    if (spinForWriting(k, lock, (k.cpu + 1) | CONTENDED)) return;
    serveWhileWaiting(k, start);
    reported ||= waitedTooLong(k, lock, Atomics.load(i32, lock), start);
  }
}

/** Tries for a moment to become the writer. */
function spinForWriting(k: Cpu, lock: number, mine: number): boolean {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (takeForWriting(k, lock, mine)) return true;
    k.platform.relax(lock);
  }
  return false;
}

/** The last reader has left and a writer sleeps: it takes the flag down, unless others are faster, and wakes one. */
export function wakeWriter(k: Cpu, lock: number): void {
  if (Atomics.compareExchange(k.i32, lock, CONTENDED, 0) === CONTENDED) k.platform.notify(lock, 1);
}
