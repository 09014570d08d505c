import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { list_del } from '../core/list.js';
import { SYM_DO_DRAIN } from '../core/symbols.js';
import { on_each_cpu } from '../cpu/smp-call.js';
import { spin_lock, spin_lock_irqsave, spin_unlock, spin_unlock_irqrestore } from '../sync/spinlock.js';
import { dropFirst, ownArray } from './array-cache.js';
import { drainAlien, free_block } from './flush.js';
import { slab_destroy } from './grow.js';
import { SLAB_DESTROY_BY_RCU } from './slab-flags.js';
import { ARRAY_CACHE, ENTRY, KMEM_CACHE, KMEM_LIST3, nodeList } from './kmem-cache.js';

/** Free objects leave the arrays, and empty slabs the cache (facts file, section 3.5). */

const { avail: AVAIL, limit: LIMIT, touched: TOUCHED, lock: ARRAY_LOCK } = ARRAY_CACHE.at;
const {
  list_lock: LOCK,
  slabs_free: FREE,
  free_objects: FREE_OBJECTS,
  shared: SHARED,
  alien: ALIEN,
} = KMEM_LIST3.at;

/** Puts all that this CPU's array has back into the slabs of its node (do_drain). Interrupts are off. */
export function do_drain(k: Cpu, cache: number): void {
  drainAll(k, cache, ownArray(k, cache), k.node);
}

/** Empties an array that nobody else touches meanwhile. Interrupts are off. */
function drainAll(k: Cpu, cache: number, array: number, node: number): void {
  const list = nodeList(k, cache, node);
  spin_lock(k, list + LOCK);
  free_block(k, cache, array + ENTRY, k.i32[array + AVAIL], list);
  k.i32[array + AVAIL] = 0;
  spin_unlock(k, list + LOCK);
}

/** Empties all arrays of a cache: those of the CPUs, of the nodes, and for other nodes. Process context; waits for all CPUs. */
export function drain_cpu_caches(k: Cpu, cache: number): void {
  on_each_cpu(k, SYM_DO_DRAIN, cache, true);
  for (let node = 0; node < k.i32[KERNEL.nr_nodes]; node++) drain_alien_cache(k, cache, node);
  for (let node = 0; node < k.i32[KERNEL.nr_nodes]; node++) drainShared(k, cache, node);
}

/** Gives the objects that a node's CPUs have collected for other nodes to those. Any context. */
export function drain_alien_cache(k: Cpu, cache: number, node: number): void {
  for (let other = 0; other < k.i32[KERNEL.nr_nodes]; other++) drainAlienOf(k, cache, node, other);
}

/** {@link drain_alien_cache} for one other node. */
export function drainAlienOf(k: Cpu, cache: number, node: number, other: number): void {
  const aliens = k.i32[nodeList(k, cache, node) + ALIEN];
  const alien = aliens === 0 ? 0 : k.i32[aliens + other];
  // What another CPU puts there just now, is for the next time.
  if (alien === 0 || readOnce(k, alien + AVAIL) === 0) return;
  const flags = spin_lock_irqsave(k, alien + ARRAY_LOCK);
  drainAlien(k, cache, alien, other);
  spin_unlock_irqrestore(k, alien + ARRAY_LOCK, flags);
}

/** Empties the array that the CPUs of a node share. Any context. */
export function drainShared(k: Cpu, cache: number, node: number): void {
  const list = nodeList(k, cache, node);
  const flags = spin_lock_irqsave(k, list + LOCK);
  const shared = k.i32[list + SHARED];
  if (shared !== 0) {
    free_block(k, cache, shared + ENTRY, k.i32[shared + AVAIL], list);
    k.i32[shared + AVAIL] = 0;
  }
  spin_unlock_irqrestore(k, list + LOCK, flags);
}

/**
 * The reaper at an array: one that was used since the last time is let be, of another a part goes back to the slabs
 * (drain_array). Interrupts are off; a shared array is under the node's list_lock, which this takes.
 *
 * @param isShared whether `array` is that of the node; it may have been exchanged by the time the lock is held
 */
export function drain_array(k: Cpu, cache: number, list: number, isShared: boolean): void {
  const { i32 } = k;
  if (!isShared && i32[ownArray(k, cache) + AVAIL] === 0) return;
  spin_lock(k, list + LOCK);
  const array = isShared ? i32[list + SHARED] : ownArray(k, cache);
  if (array !== 0 && i32[array + AVAIL] > 0) {
    if (i32[array + TOUCHED] !== 0) i32[array + TOUCHED] = 0;
    else {
      const count = portion(i32[array + AVAIL], i32[array + LIMIT]);
      free_block(k, cache, array + ENTRY, count, list);
      dropFirst(k, array, count);
    }
  }
  spin_unlock(k, list + LOCK);
}

/** A fifth of what fits, or half of what is there. */
function portion(available: number, limit: number): number {
  const fifth = Math.floor((limit + 4) / 5);
  return fifth > available ? (available + 1) >>> 1 : fifth;
}

/**
 * Frees empty slabs of a node, those that were emptied first (drain_freelist). Any context.
 *
 * Those of a SLAB_DESTROY_BY_RCU cache stay until it is destroyed: there is no RCU that would tell when nobody looks at them.
 *
 * @param most how many; all with Infinity
 * @returns how many
 */
export function drain_freelist(k: Cpu, cache: number, list: number, most: number): number {
  const { i32 } = k;
  if ((i32[cache + KMEM_CACHE.at.flags] & SLAB_DESTROY_BY_RCU) !== 0) return 0;
  return freeEmptySlabs(k, cache, list, most);
}

/** {@link drain_freelist} of a cache that ends, or of one whose slabs need not stay. */
export function freeEmptySlabs(k: Cpu, cache: number, list: number, most: number): number {
  const { i32 } = k;
  let freed = 0;
  for (; freed < most; freed++) {
    const flags = spin_lock_irqsave(k, list + LOCK);
    const slab = i32[list + FREE + 1];
    const isEmpty = slab === list + FREE;
    if (!isEmpty) {
      list_del(i32, slab);
      i32[list + FREE_OBJECTS] -= i32[cache + KMEM_CACHE.at.num];
    }
    spin_unlock_irqrestore(k, list + LOCK, flags);
    if (isEmpty) break;
    slab_destroy(k, cache, slab);
  }
  return freed;
}
