import { struct, word } from '../../image/struct.js';
import { readOnce } from '../core/access-once.js';
import { BUG_ON, WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { local_irq_restore, local_irq_save, poll } from '../core/irqflags.js';
import { KERNEL } from '../core/kernel-data.js';
import { SPIN_ATTEMPTS } from '../core/lock-word.js';
import { local_bh_disable, local_bh_enable } from '../core/preempt.js';
import { lockOwner } from '../core/raw-lock.js';
import { checkRunning } from '../core/system-state.js';
import { smp_mb } from './atomic.js';
import { spin_lock, spin_lock_init, spin_trylock, spin_unlock, SPINLOCK } from './spinlock.js';

/**
 * `seqcount_t` and `seqlock_t`: a sequence number that is odd while somebody writes. Readers take no lock and write
 * nothing that others see; they read again when the number has changed meanwhile:
 *
 *     do { seq = read_seqbegin(k, lock); ... } while (read_seqretry(k, lock, seq));
 *
 * What readers read so is a deliberate race: they use `readOnce`, and believe nothing before read_seqretry says no.
 * The writers of a `seqcount_t` exclude one another by a lock of their own; a `seqlock_t` has one built in.
 */
export const SEQCOUNT = struct('seqcount', { sequence: word });
export const SEQLOCK = struct('seqlock', { sequence: word, lock: SPINLOCK });

/** How long a reader sleeps at a time while somebody writes: nobody will wake it. */
const NAP_MS = 1;

// A module-local constant: V8 folds it into the code, an imported one costs a load.
const LOCK = SEQLOCK.at.lock;

export function seqcount_init(k: Cpu, s: number): void {
  k.i32[s] = 0;
}

/** @param lockClass from `lock_class`, or 0 */
export function seqlock_init(k: Cpu, sl: number, lockClass = 0): void {
  k.i32[sl] = 0;
  spin_lock_init(k, sl + LOCK, lockClass);
}

/** Begins to read; waits while somebody writes. Any context in which this CPU cannot itself be writing. */
export function read_seqcount_begin(k: Cpu, s: number): number {
  const sequence = Atomics.load(k.i32, s);
  return (sequence & 1) === 0 ? sequence : waitForWriter(k, s);
}

/** Whether what was read since `start` is not to be believed: read again. */
export function read_seqcount_retry(k: Cpu, s: number, start: number): boolean {
  // The data must have been read before the number is.
  smp_mb(k);
  return readOnce(k, s) !== start;
}

/** Begins to write. The caller keeps other writers away and, if readers interrupt it, interrupts off. */
export function write_seqcount_begin(k: Cpu, s: number): void {
  Atomics.add(k.i32, s, 1);
}

export function write_seqcount_end(k: Cpu, s: number): void {
  Atomics.add(k.i32, s, 1);
}

/** Begins to read; waits while somebody writes. Any context in which this CPU cannot itself be writing. */
export function read_seqbegin(k: Cpu, sl: number): number {
  const sequence = Atomics.load(k.i32, sl);
  if ((sequence & 1) === 0) return sequence;
  BUG_ON(k, lockOwner(k, sl + LOCK) === k.cpu, `seqlock read inside its write section: ${k.nameOf(sl)}`);
  return waitForWriter(k, sl);
}

/** Whether what was read since `start` is not to be believed: read again. */
export function read_seqretry(k: Cpu, sl: number, start: number): boolean {
  return read_seqcount_retry(k, sl, start);
}

/** Begins to write; other writers wait. Preemption stays off until the end. Any context. */
export function write_seqlock(k: Cpu, sl: number): void {
  spin_lock(k, sl + LOCK);
  write_seqcount_begin(k, sl);
}

/** Begins to write if nobody does; returns whether it did. Any context. */
export function write_tryseqlock(k: Cpu, sl: number): boolean {
  if (!spin_trylock(k, sl + LOCK)) return false;
  write_seqcount_begin(k, sl);
  return true;
}

export function write_sequnlock(k: Cpu, sl: number): void {
  write_seqcount_end(k, sl);
  spin_unlock(k, sl + LOCK);
}

/** Begins to write with interrupts off; returns the state for {@link write_sequnlock_irqrestore}. Any context. */
export function write_seqlock_irqsave(k: Cpu, sl: number): number {
  const flags = local_irq_save(k);
  write_seqlock(k, sl);
  return flags;
}

export function write_sequnlock_irqrestore(k: Cpu, sl: number, flags: number): void {
  write_sequnlock(k, sl);
  local_irq_restore(k, flags);
}

/** Begins to write with interrupts off, which were on before. Process or softirq context. */
export function write_seqlock_irq(k: Cpu, sl: number): void {
  local_irq_save(k);
  write_seqlock(k, sl);
}

export function write_sequnlock_irq(k: Cpu, sl: number): void {
  write_sequnlock(k, sl);
  local_irq_restore(k, 0);
}

/** Begins to write with bottom halves off. Process or softirq context. */
export function write_seqlock_bh(k: Cpu, sl: number): void {
  local_bh_disable(k);
  write_seqlock(k, sl);
}

export function write_sequnlock_bh(k: Cpu, sl: number): void {
  write_sequnlock(k, sl);
  local_bh_enable(k);
}

/** Waits until the number is even; returns it. Nobody notifies readers: they spin, then look every millisecond. */
function waitForWriter(k: Cpu, s: number): number {
  const start = k.platform.now();
  let reported = false;
  for (let attempt = 0; ; attempt++) {
    const sequence = Atomics.load(k.i32, s);
    if ((sequence & 1) === 0) return sequence;
    if (attempt < SPIN_ATTEMPTS) {
      k.platform.relax(s);
      continue;
    }
    k.platform.wait(s, sequence, NAP_MS);
    checkRunning(k);
    poll(k);
    const waited = k.platform.now() - start;
    if (reported || waited <= k.i32[KERNEL.lock_hold_limit_ms]) continue;
    reported = true;
    WARN(k, `BUG: seqlock write section too long, lock: ${k.nameOf(s)}, ${Math.round(waited)} ms`);
  }
}
