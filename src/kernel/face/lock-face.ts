import * as rwlock from '../sync/rwlock.js';
import * as seqlock from '../sync/seqlock.js';
import * as spinlock from '../sync/spinlock.js';
import { lock_class } from '../sync/lockdep.js';
import { AtomicFace } from './atomic-face.js';

/** Locks: each is a word index of the image, for example in a page, with as many words as its struct has. */
export abstract class LockFace extends AtomicFace {
  lock_class(name: string): number {
    return lock_class(this, name);
  }

  spin_lock_init(lock: number, lockClass = 0): void {
    spinlock.spin_lock_init(this, lock, lockClass);
  }

  spin_lock(lock: number): void {
    spinlock.spin_lock(this, lock);
  }

  spin_trylock(lock: number): boolean {
    return spinlock.spin_trylock(this, lock);
  }

  spin_unlock(lock: number): void {
    spinlock.spin_unlock(this, lock);
  }

  spin_lock_irqsave(lock: number): number {
    return spinlock.spin_lock_irqsave(this, lock);
  }

  spin_unlock_irqrestore(lock: number, flags: number): void {
    spinlock.spin_unlock_irqrestore(this, lock, flags);
  }

  spin_lock_irq(lock: number): void {
    spinlock.spin_lock_irq(this, lock);
  }

  spin_unlock_irq(lock: number): void {
    spinlock.spin_unlock_irq(this, lock);
  }

  spin_lock_bh(lock: number): void {
    spinlock.spin_lock_bh(this, lock);
  }

  spin_unlock_bh(lock: number): void {
    spinlock.spin_unlock_bh(this, lock);
  }

  spin_is_locked(lock: number): boolean {
    return spinlock.spin_is_locked(this, lock);
  }

  rwlock_init(lock: number, lockClass = 0): void {
    rwlock.rwlock_init(this, lock, lockClass);
  }

  read_lock(lock: number): void {
    rwlock.read_lock(this, lock);
  }

  read_trylock(lock: number): boolean {
    return rwlock.read_trylock(this, lock);
  }

  read_unlock(lock: number): void {
    rwlock.read_unlock(this, lock);
  }

  write_lock(lock: number): void {
    rwlock.write_lock(this, lock);
  }

  write_trylock(lock: number): boolean {
    return rwlock.write_trylock(this, lock);
  }

  write_unlock(lock: number): void {
    rwlock.write_unlock(this, lock);
  }

  read_lock_irqsave(lock: number): number {
    return rwlock.read_lock_irqsave(this, lock);
  }

  read_unlock_irqrestore(lock: number, flags: number): void {
    rwlock.read_unlock_irqrestore(this, lock, flags);
  }

  read_lock_irq(lock: number): void {
    rwlock.read_lock_irq(this, lock);
  }

  read_unlock_irq(lock: number): void {
    rwlock.read_unlock_irq(this, lock);
  }

  read_lock_bh(lock: number): void {
    rwlock.read_lock_bh(this, lock);
  }

  read_unlock_bh(lock: number): void {
    rwlock.read_unlock_bh(this, lock);
  }

  write_lock_irqsave(lock: number): number {
    return rwlock.write_lock_irqsave(this, lock);
  }

  write_unlock_irqrestore(lock: number, flags: number): void {
    rwlock.write_unlock_irqrestore(this, lock, flags);
  }

  write_lock_irq(lock: number): void {
    rwlock.write_lock_irq(this, lock);
  }

  write_unlock_irq(lock: number): void {
    rwlock.write_unlock_irq(this, lock);
  }

  write_lock_bh(lock: number): void {
    rwlock.write_lock_bh(this, lock);
  }

  write_unlock_bh(lock: number): void {
    rwlock.write_unlock_bh(this, lock);
  }

  seqcount_init(s: number): void {
    seqlock.seqcount_init(this, s);
  }

  seqlock_init(sl: number, lockClass = 0): void {
    seqlock.seqlock_init(this, sl, lockClass);
  }

  read_seqcount_begin(s: number): number {
    return seqlock.read_seqcount_begin(this, s);
  }

  read_seqcount_retry(s: number, start: number): boolean {
    return seqlock.read_seqcount_retry(this, s, start);
  }

  write_seqcount_begin(s: number): void {
    seqlock.write_seqcount_begin(this, s);
  }

  write_seqcount_end(s: number): void {
    seqlock.write_seqcount_end(this, s);
  }

  read_seqbegin(sl: number): number {
    return seqlock.read_seqbegin(this, sl);
  }

  read_seqretry(sl: number, start: number): boolean {
    return seqlock.read_seqretry(this, sl, start);
  }

  write_seqlock(sl: number): void {
    seqlock.write_seqlock(this, sl);
  }

  write_tryseqlock(sl: number): boolean {
    return seqlock.write_tryseqlock(this, sl);
  }

  write_sequnlock(sl: number): void {
    seqlock.write_sequnlock(this, sl);
  }

  write_seqlock_irqsave(sl: number): number {
    return seqlock.write_seqlock_irqsave(this, sl);
  }

  write_sequnlock_irqrestore(sl: number, flags: number): void {
    seqlock.write_sequnlock_irqrestore(this, sl, flags);
  }

  write_seqlock_irq(sl: number): void {
    seqlock.write_seqlock_irq(this, sl);
  }

  write_sequnlock_irq(sl: number): void {
    seqlock.write_sequnlock_irq(this, sl);
  }

  write_seqlock_bh(sl: number): void {
    seqlock.write_seqlock_bh(this, sl);
  }

  write_sequnlock_bh(sl: number): void {
    seqlock.write_sequnlock_bh(this, sl);
  }
}
