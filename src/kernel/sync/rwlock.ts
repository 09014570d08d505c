import { struct, word } from '../../image/struct.js';
import { readOnce } from '../core/access-once.js';
import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { beyondHeldLimit, hasHeld, removeHeld } from '../core/held-locks.js';
import { local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { DEBUG_LOCKS } from '../core/kernel-data.js';
import {
  HELD_LIMIT,
  HELD_READ,
  LOCK_CONTENDED,
  LOCK_OWNER_MASK,
  LOCK_READER,
  LOCK_READERS_WAIT,
} from '../core/lock-word.js';
import { local_bh_disable, local_bh_enable, preempt_disable, preempt_enable } from '../core/preempt.js';
import { lockOwner } from '../core/raw-lock.js';
import { lockAcquired, lockReleased, lockWanted } from './lockdep.js';
import { addReader, readLockSlow, takeForWriting, wakeWriter, writeLockSlow } from './rwlock-wait.js';

/**
 * `rwlock_t`: many readers or one writer. The same word as a spinlock's, with a count of readers above it.
 *
 * As in Linux 2.6 readers come first: they wait for a writer who has the lock, not for one who wants it. So a CPU
 * that reads may take the lock for reading again, in an interrupt too, and code that reads may be interrupted by
 * code that reads. The price: a writer can wait for ever if there is always a reader.
 */
export const RWLOCK = struct('rwlock', { lock: word, lock_class: word });

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const LOCKS_HELD = CPU_AREA.at.locks_held;
const HELD = CPU_AREA.at.held;
const LIMIT = HELD_LIMIT;
const READ = HELD_READ;
const OWNER_MASK = LOCK_OWNER_MASK;
const CONTENDED = LOCK_CONTENDED;
const READERS_WAIT = LOCK_READERS_WAIT;
const READER = LOCK_READER;
const LOCKS_BIT = DEBUG_LOCKS;

/**
 * Makes an unlocked lock.
 *
 * @param lock word index of an {@link RWLOCK}
 * @param lockClass from `lock_class`, or 0
 */
export function rwlock_init(k: Cpu, lock: number, lockClass = 0): void {
  k.i32[lock] = 0;
  k.i32[lock + 1] = lockClass;
}

/** Takes the lock for reading. Preemption stays off until the unlock. Any context; nests. */
export function read_lock(k: Cpu, lock: number): void {
  const { i32, area } = k;
  preempt_disable(k);
  if ((k.debug & LOCKS_BIT) !== 0) lockWanted(k, lock, i32[lock + 1], true);
  const depth = i32[area + LOCKS_HELD];
  if (depth >= LIMIT) beyondHeldLimit(k, lock);
  i32[area + HELD + depth] = lock | READ;
  i32[area + LOCKS_HELD] = depth + 1;
  const value = readOnce(k, lock);
  if ((value & OWNER_MASK) !== 0 || Atomics.compareExchange(i32, lock, value, value + READER) !== value) {
    readLockSlow(k, lock, area + HELD + depth);
  }
  if ((k.debug & LOCKS_BIT) !== 0) lockAcquired(k);
}

/** Takes the lock for reading unless a writer has it; returns whether it did. Any context. */
export function read_trylock(k: Cpu, lock: number): boolean {
  const { i32, area } = k;
  preempt_disable(k);
  const depth = i32[area + LOCKS_HELD];
  if (depth >= LIMIT) beyondHeldLimit(k, lock);
  i32[area + HELD + depth] = lock | READ;
  i32[area + LOCKS_HELD] = depth + 1;
  if (addReader(k, lock)) {
    if ((k.debug & LOCKS_BIT) !== 0) lockAcquired(k);
    return true;
  }
  i32[area + LOCKS_HELD] = depth;
  preempt_enable(k);
  return false;
}

/**
 * Releases the lock, held for reading.
 *
 * @throws KernelBug when this CPU does not hold it so
 */
export function read_unlock(k: Cpu, lock: number): void {
  const { i32, area } = k;
  const entry = lock | READ;
  const top = i32[area + LOCKS_HELD] - 1;
  const isTop = top >= 0 && i32[area + HELD + top] === entry;
  if (!isTop && !hasHeld(k, entry)) unlockBug(k, lock, 'read');
  if ((k.debug & LOCKS_BIT) !== 0) lockReleased(k, entry);
  const value = Atomics.sub(i32, lock, READER) - READER;
  if (isTop) i32[area + LOCKS_HELD] = top;
  else removeHeld(k, entry);
  if (value === CONTENDED) wakeWriter(k, lock);
  preempt_enable(k);
}

/** Takes the lock for writing. Preemption stays off until the unlock. Any context. */
export function write_lock(k: Cpu, lock: number): void {
  const { i32, area } = k;
  preempt_disable(k);
  if ((k.debug & LOCKS_BIT) !== 0) lockWanted(k, lock, i32[lock + 1], false);
  const depth = i32[area + LOCKS_HELD];
  if (depth >= LIMIT) beyondHeldLimit(k, lock);
  i32[area + HELD + depth] = lock;
  i32[area + LOCKS_HELD] = depth + 1;
  if (Atomics.compareExchange(i32, lock, 0, k.cpu + 1) !== 0) writeLockSlow(k, lock);
  if ((k.debug & LOCKS_BIT) !== 0) lockAcquired(k);
}

/** Takes the lock for writing if nobody has it; returns whether it did. Any context. */
export function write_trylock(k: Cpu, lock: number): boolean {
  const { i32, area } = k;
  preempt_disable(k);
  const depth = i32[area + LOCKS_HELD];
  if (depth >= LIMIT) beyondHeldLimit(k, lock);
  i32[area + HELD + depth] = lock;
  i32[area + LOCKS_HELD] = depth + 1;
  if (takeForWriting(k, lock, k.cpu + 1)) {
    if ((k.debug & LOCKS_BIT) !== 0) lockAcquired(k);
    return true;
  }
  i32[area + LOCKS_HELD] = depth;
  preempt_enable(k);
  return false;
}

/**
 * Releases the lock, held for writing.
 *
 * @throws KernelBug when this CPU does not hold it so
 */
export function write_unlock(k: Cpu, lock: number): void {
  const { i32, area } = k;
  const me = k.cpu + 1;
  // While this CPU is the owner, others change the flags only.
  if ((readOnce(k, lock) & OWNER_MASK) !== me) unlockBug(k, lock, 'write');
  if ((k.debug & LOCKS_BIT) !== 0) lockReleased(k, lock);
  const before = Atomics.exchange(i32, lock, 0);
  const top = i32[area + LOCKS_HELD] - 1;
  if (i32[area + HELD + top] === lock) i32[area + LOCKS_HELD] = top;
  else removeHeld(k, lock);
  // When no reader sleeps, only writers do, and one is enough.
  if (before !== me) k.platform.notify(lock, (before & READERS_WAIT) !== 0 ? Infinity : 1);
  preempt_enable(k);
}

function unlockBug(k: Cpu, lock: number, how: string): never {
  const owner = lockOwner(k, lock);
  const held = owner >= 0 ? `writer is CPU#${owner}` : `not ${how}-locked here`;
  return BUG(k, `rwlock ${how}_unlock: ${held}, on CPU#${k.cpu}, lock: ${k.nameOf(lock)}`);
}

/** Takes the lock for reading with interrupts off; returns the state for {@link read_unlock_irqrestore}. */
export function read_lock_irqsave(k: Cpu, lock: number): number {
  const flags = local_irq_save(k);
  read_lock(k, lock);
  return flags;
}

export function read_unlock_irqrestore(k: Cpu, lock: number, flags: number): void {
  read_unlock(k, lock);
  local_irq_restore(k, flags);
}

/** Takes the lock for reading with interrupts off, which were on before. Process or softirq context. */
export function read_lock_irq(k: Cpu, lock: number): void {
  local_irq_save(k);
  read_lock(k, lock);
}

export function read_unlock_irq(k: Cpu, lock: number): void {
  read_unlock(k, lock);
  local_irq_restore(k, 0);
}

/** Takes the lock for reading with bottom halves off. Process or softirq context. */
export function read_lock_bh(k: Cpu, lock: number): void {
  local_bh_disable(k);
  read_lock(k, lock);
}

export function read_unlock_bh(k: Cpu, lock: number): void {
  read_unlock(k, lock);
  local_bh_enable(k);
}

/** Takes the lock for writing with interrupts off; returns the state for {@link write_unlock_irqrestore}. */
export function write_lock_irqsave(k: Cpu, lock: number): number {
  const flags = local_irq_save(k);
  write_lock(k, lock);
  return flags;
}

export function write_unlock_irqrestore(k: Cpu, lock: number, flags: number): void {
  write_unlock(k, lock);
  local_irq_restore(k, flags);
}

/** Takes the lock for writing with interrupts off, which were on before. Process or softirq context. */
export function write_lock_irq(k: Cpu, lock: number): void {
  local_irq_save(k);
  write_lock(k, lock);
}

export function write_unlock_irq(k: Cpu, lock: number): void {
  write_unlock(k, lock);
  local_irq_restore(k, 0);
}

/** Takes the lock for writing with bottom halves off. Process or softirq context. */
export function write_lock_bh(k: Cpu, lock: number): void {
  local_bh_disable(k);
  write_lock(k, lock);
}

export function write_unlock_bh(k: Cpu, lock: number): void {
  write_unlock(k, lock);
  local_bh_enable(k);
}
