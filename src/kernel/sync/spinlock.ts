import { struct, word } from '../../image/struct.js';
import type { Cpu } from '../core/cpu.js';
import { local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { DEBUG_LOCKS } from '../core/kernel-data.js';
import { local_bh_disable, local_bh_enable, preempt_disable, preempt_enable } from '../core/preempt.js';
import { lockOwner, rawLock, rawTryLock, rawUnlock } from '../core/raw-lock.js';
import { lockAcquired, lockReleased, lockWanted } from './lockdep.js';

/**
 * The order of the kernel's locks, outer to inner. What stands further down is taken while what stands above is held,
 * never the other way round; locks on one line are never held together.
 *
 * 1. locks of modules
 * 2. call_lock: calls across CPUs. Nobody waits for an interrupt's answer with a lock below it
 * 3. zone->lock, interrupts off
 * 4. percpu_lock and percpu_counters_lock, interrupts off; a percpu_counter's lock under the latter. mempools_lock,
 *    interrupts off; the lock of a memory pool under it
 * 5. irq_lock, then the lock of an interrupt line; the locks of a CPU's timers and tasklets, of two CPUs that of the
 *    lower number first. Interrupts off; no handler is called under them
 * 6. the lock of a wait queue, completion, mutex or semaphore, interrupts off: tasks are woken under it
 * 7. symbol_lock, lockdep_lock, depot_lock, interrupts off: tables
 * 8. logbuf_lock, interrupts off: anybody may print
 *
 * With debug.locks the order checker watches the first six; the others are leaves, and watch it.
 */

/** `spinlock_t`: the lock word and, for the order checker, its class (0: not checked). */
export const SPINLOCK = struct('spinlock', { slock: word, lock_class: word });

const LOCKS_BIT = DEBUG_LOCKS;

/**
 * Makes an unlocked lock.
 *
 * @param lock word index of a {@link SPINLOCK}
 * @param lockClass from `lock_class`, or 0
 */
export function spin_lock_init(k: Cpu, lock: number, lockClass = 0): void {
  k.i32[lock] = 0;
  k.i32[lock + 1] = lockClass;
}

/** Takes the lock; spins, then sleeps on the host. Preemption stays off until the unlock. Any context. */
export function spin_lock(k: Cpu, lock: number): void {
  preempt_disable(k);
  if ((k.debug & LOCKS_BIT) !== 0) lockWanted(k, lock, k.i32[lock + 1], false);
  rawLock(k, lock);
  if ((k.debug & LOCKS_BIT) !== 0) lockAcquired(k);
}

/** Takes the lock if it is free; returns whether it did. Any context. */
export function spin_trylock(k: Cpu, lock: number): boolean {
  preempt_disable(k);
  if (rawTryLock(k, lock)) {
    if ((k.debug & LOCKS_BIT) !== 0) lockAcquired(k);
    return true;
  }
  preempt_enable(k);
  return false;
}

/** Releases the lock. */
export function spin_unlock(k: Cpu, lock: number): void {
  if ((k.debug & LOCKS_BIT) !== 0) lockReleased(k, lock);
  rawUnlock(k, lock);
  preempt_enable(k);
}

/** Takes the lock with interrupts off; returns the state for {@link spin_unlock_irqrestore}. Any context. */
export function spin_lock_irqsave(k: Cpu, lock: number): number {
  const flags = local_irq_save(k);
  spin_lock(k, lock);
  return flags;
}

export function spin_unlock_irqrestore(k: Cpu, lock: number, flags: number): void {
  spin_unlock(k, lock);
  local_irq_restore(k, flags);
}

/** Takes the lock with interrupts off, which were on before. Process or softirq context. */
export function spin_lock_irq(k: Cpu, lock: number): void {
  local_irq_save(k);
  spin_lock(k, lock);
}

export function spin_unlock_irq(k: Cpu, lock: number): void {
  spin_unlock(k, lock);
  local_irq_restore(k, 0);
}

/** Takes the lock with bottom halves off. Process or softirq context. */
export function spin_lock_bh(k: Cpu, lock: number): void {
  local_bh_disable(k);
  spin_lock(k, lock);
}

export function spin_unlock_bh(k: Cpu, lock: number): void {
  spin_unlock(k, lock);
  local_bh_enable(k);
}

/** Whether anybody holds the lock. The answer may be old when it arrives. */
export function spin_is_locked(k: Cpu, lock: number): boolean {
  return lockOwner(k, lock) >= 0;
}
