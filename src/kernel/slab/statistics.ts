import type { Cpu } from '../core/cpu.js';
import { DEBUG_SLAB } from '../core/kernel-data.js';
import { atomic_add, atomic_add_return, atomic_cmpxchg, atomic_dec, atomic_read } from '../sync/atomic.js';
import { CACHE_STATISTICS, cacheStatistics, KMEM_LIST3 } from './kmem-cache.js';

/**
 * What caches count on a machine with debug.slab (CACHE_STATISTICS). There all objects of all caches go the long ways, those of
 * the allocator itself, too, so that every one is counted; elsewhere nothing is. Any context.
 *
 * A CPU whose thread is ended in the midst of an allocation or free may have counted one of its steps and not another.
 */

const {
  active: ACTIVE,
  listallocs: LISTALLOCS,
  maxobjs: MAXOBJS,
  maxfreeable: MAXFREEABLE,
} = CACHE_STATISTICS.at;
const FREE = KMEM_LIST3.at.slabs_free;

/** Whether the caches of this machine count. */
export function keepsStatistics(k: Cpu): boolean {
  return (k.debug & DEBUG_SLAB) !== 0;
}

/**
 * Something has happened.
 *
 * @param event offset in CACHE_STATISTICS
 */
export function countEvent(k: Cpu, cache: number, event: number, times = 1): void {
  if (keepsStatistics(k)) atomic_add(k, times, cacheStatistics(k, cache) + event);
}

/** Objects have left their slabs. */
export function countTaken(k: Cpu, cache: number, objects: number): void {
  if (!keepsStatistics(k)) return;
  const statistics = cacheStatistics(k, cache);
  atomic_add(k, objects, statistics + LISTALLOCS);
  raise(k, statistics + MAXOBJS, atomic_add_return(k, objects, statistics + ACTIVE));
}

/** An object is back in its slab. */
export function countBack(k: Cpu, cache: number): void {
  if (keepsStatistics(k)) atomic_dec(k, cacheStatistics(k, cache) + ACTIVE);
}

/** Looks how many empty slabs a node has. Under its list_lock. */
export function countFreeable(k: Cpu, cache: number, list: number): void {
  if (!keepsStatistics(k)) return;
  let slabs = 0;
  for (let slab = k.i32[list + FREE]; slab !== list + FREE; slab = k.i32[slab]) slabs++;
  raise(k, cacheStatistics(k, cache) + MAXFREEABLE, slabs);
}

/** Makes a high mark as high as a value. */
function raise(k: Cpu, mark: number, value: number): void {
  let before = atomic_read(k, mark);
  while (before < value) {
    const seen = atomic_cmpxchg(k, mark, before, value);
    if (seen === before) return;
    before = seen;
  }
}
