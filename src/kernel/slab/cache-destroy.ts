import { BUG_ON } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { list_empty } from '../core/list.js';
import { in_interrupt } from '../core/preempt.js';
import { mutex_lock, mutex_unlock } from '../sched/mutex.js';
import { spin_lock_irqsave, spin_unlock_irqrestore } from '../sync/spinlock.js';
import { freeAliens } from './array-cache.js';
import { chainCache, unchainCache } from './cache-chain.js';
import { checkCache, endHandle } from './cache-handle.js';
import { drain_cpu_caches, drain_freelist, freeEmptySlabs } from './drain.js';
import { freeSlot } from './free.js';
import { kfreeWords } from './internal-memory.js';
import { KMEM_LIST3, nodeList, ownArrays } from './kmem-cache.js';
import { slab_error } from './slab-error.js';
import { logCacheLeaks } from './slab-leaks.js';
import { wordSlot } from './slot.js';

/** The end of caches, and of what they keep (facts file, section 3.1). */

/**
 * Frees all slabs of a cache of which nothing is out. May sleep; process context.
 *
 * @returns 0 when the cache now has no slab at all, else 1
 */
export function kmem_cache_shrink(k: Cpu, cache: number): number {
  BUG_ON(k, in_interrupt(k), 'kmem_cache_shrink: called in an interrupt');
  mutex_lock(k, KERNEL.cache_chain_mutex);
  try {
    checkCache(k, cache, 'kmem_cache_shrink');
    return shrinkCache(k, cache);
  } finally {
    mutex_unlock(k, KERNEL.cache_chain_mutex);
  }
}

/** Under cache_chain_mutex. */
function shrinkCache(k: Cpu, cache: number): number {
  drain_cpu_caches(k, cache);
  let inUse = 0;
  for (let node = 0; node < k.i32[KERNEL.nr_nodes]; node++) {
    const list = nodeList(k, cache, node);
    drain_freelist(k, cache, list, Infinity);
    if (hasObjectsOut(k, list)) inUse = 1;
  }
  return inUse;
}

function hasObjectsOut(k: Cpu, list: number): boolean {
  const flags = spin_lock_irqsave(k, list + KMEM_LIST3.at.list_lock);
  const { i32 } = k;
  const isUsed =
    !list_empty(i32, list + KMEM_LIST3.at.slabs_full) || !list_empty(i32, list + KMEM_LIST3.at.slabs_partial);
  spin_unlock_irqrestore(k, list + KMEM_LIST3.at.list_lock, flags);
  return isUsed;
}

/**
 * Ends a cache. The caller has seen to it that nobody uses it any more, and that all objects are back. May sleep; process
 * context.
 *
 * @returns 0; 1 when there are objects that did not come back: this is reported, and the cache stays
 */
export function kmem_cache_destroy(k: Cpu, cache: number): number {
  BUG_ON(k, in_interrupt(k), 'kmem_cache_destroy: called in an interrupt');
  mutex_lock(k, KERNEL.cache_chain_mutex);
  try {
    // Under the mutex: of two who destroy it, the second one finds none.
    checkCache(k, cache, 'kmem_cache_destroy');
    unchainCache(k, cache);
    if (shrinkCache(k, cache) !== 0) {
      slab_error(k, 'kmem_cache_destroy', cache, "Can't free all objects");
      logCacheLeaks(k, cache);
      chainCache(k, cache);
      return 1;
    }
    for (let node = 0; node < k.i32[KERNEL.nr_nodes]; node++)
      freeEmptySlabs(k, cache, nodeList(k, cache, node), Infinity);
    destroyDescriptor(k, cache);
    return 0;
  } finally {
    mutex_unlock(k, KERNEL.cache_chain_mutex);
  }
}

/** Frees a cache's descriptor, arrays and lists: there are no slabs, and it is not in the chain (__kmem_cache_destroy). */
export function destroyDescriptor(k: Cpu, cache: number): void {
  const { i32 } = k;
  endHandle(k, cache);
  for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) kfreeWords(k, i32[ownArrays(k, cache) + cpu]);
  for (let node = 0; node < i32[KERNEL.nr_nodes]; node++) {
    const list = nodeList(k, cache, node);
    if (list === 0) continue;
    kfreeWords(k, i32[list + KMEM_LIST3.at.shared]);
    freeAliens(k, i32[list + KMEM_LIST3.at.alien]);
    kfreeWords(k, list);
  }
  freeSlot(k, i32[KERNEL.cache_cache], wordSlot(k, cache));
}
