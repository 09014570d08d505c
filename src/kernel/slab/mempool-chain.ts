import { array, struct, word } from '../../image/struct.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { INIT_LIST_HEAD, LIST_HEAD, list_add_tail, list_del } from '../core/list.js';
import { WAIT_QUEUE_HEAD } from '../sched/wait-line.js';
import { lock_class } from '../sync/lockdep.js';
import { spin_lock_init, spin_lock_irqsave, spin_unlock_irqrestore, SPINLOCK } from '../sync/spinlock.js';

/** What a memory pool is, and the chain of all pools, in the order of their creation. */

/** `mempool_t`. What has no other comment is constant from the creation on. */
export const MEMPOOL = struct('mempool_t', {
  /** {@link MEMPOOL_MAGIC} as long as the pool exists. */
  magic: word,
  /** Symbol numbers. */
  alloc: word,
  free: word,
  /** Word index of the reserve, a stack of doubles. Under `lock`. */
  elements: word,
  /** Elements that the reserve is to have, and those that it has: never more. Under `lock`. */
  min_nr: word,
  curr_nr: word,
  /** What both functions get, a double: see {@link poolData}. */
  pool_data: array(word, 3),
  /** A leaf, interrupts off: neither function is called under it. */
  lock: SPINLOCK,
  /** Tasks that wait for an element. */
  wait: WAIT_QUEUE_HEAD,
  /** Links in the chain of pools. Under mempools_lock. */
  chain: LIST_HEAD,
});

export const MEMPOOL_MAGIC = 0x6d706f6f;

const { chain: CHAIN, pool_data: POOL_DATA } = MEMPOOL.at;

/**
 * Index in f64 of the first double behind a word: memory of kmalloc need not begin at an even word, and what is to hold a
 * double there has a word to spare.
 */
export function doubleAt(word: number): number {
  return (word + 1) >>> 1;
}

/** What both functions of a pool get. */
export function poolData(k: Cpu, pool: number): number {
  return k.f64[doubleAt(pool + POOL_DATA)];
}

/** Makes the chain. Boot CPU, once. */
export function mempool_init(k: Cpu): void {
  spin_lock_init(k, KERNEL.mempools_lock, lock_class(k, 'mempools_lock'));
  k.i32[KERNEL.mempool_class] = lock_class(k, 'mempool->lock');
  INIT_LIST_HEAD(k.i32, KERNEL.mempools);
}

/** Adds a pool. Any context. */
export function chainPool(k: Cpu, pool: number): void {
  const flags = spin_lock_irqsave(k, KERNEL.mempools_lock);
  list_add_tail(k.i32, pool + CHAIN, KERNEL.mempools);
  spin_unlock_irqrestore(k, KERNEL.mempools_lock, flags);
}

/** Takes a pool out: when this returns, nobody looks at it any more who came by the chain. Any context. */
export function unchainPool(k: Cpu, pool: number): void {
  const flags = spin_lock_irqsave(k, KERNEL.mempools_lock);
  list_del(k.i32, pool + CHAIN);
  spin_unlock_irqrestore(k, KERNEL.mempools_lock, flags);
}

/**
 * Looks at all pools, under mempools_lock: none of them ends meanwhile.
 *
 * @param look takes no lock but the pool's own
 */
export function forEachPool(k: Cpu, look: (pool: number) => void): void {
  const { i32 } = k;
  const flags = spin_lock_irqsave(k, KERNEL.mempools_lock);
  try {
    // Before the allocator is made, the chain is all zero.
    let link = i32[KERNEL.mempools];
    for (; link !== KERNEL.mempools && link !== 0; link = i32[link]) look(link - CHAIN);
  } finally {
    // The console gives up a wait for a pool's lock that takes too long.
    spin_unlock_irqrestore(k, KERNEL.mempools_lock, flags);
  }
}
