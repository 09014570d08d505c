import type { Cpu } from '../core/cpu.js';
import { list_add, list_add_tail, list_del } from '../core/list.js';
import { spin_lock, spin_unlock } from '../sync/spinlock.js';
import { dropFirst, transferObjects } from './array-cache.js';
import { slab_destroy } from './grow.js';
import {
  ARRAY_CACHE,
  CACHE_STATISTICS,
  ENTRY,
  KMEM_CACHE,
  KMEM_LIST3,
  nodeList,
  SLAB,
  slab_bufctl,
} from './kmem-cache.js';
import { SLAB_DESTROY_BY_RCU } from './slab-flags.js';
import { isDebugged, slab_put_debugcheck } from './slab-debug.js';
import { slotSlab } from './slot.js';
import { countBack, countEvent, countFreeable } from './statistics.js';

/** Objects go back to the slabs (facts file, section 3.5). Interrupts are off in all of it. */

const { avail: AVAIL, limit: LIMIT, batchcount: BATCH, lock: ARRAY_LOCK } = ARRAY_CACHE.at;
const {
  list_lock: LOCK,
  slabs_partial: PARTIAL,
  slabs_free: FREE,
  free_objects: FREE_OBJECTS,
  free_limit: FREE_LIMIT,
  shared: SHARED,
  alien: ALIEN,
} = KMEM_LIST3.at;

/**
 * Makes room in this CPU's full array: the objects that came first go into the array that the node's CPUs share, or if that
 * is full into their slabs.
 */
export function cache_flusharray(k: Cpu, cache: number, array: number): void {
  const { i32 } = k;
  let batch = i32[array + BATCH];
  const list = nodeList(k, cache, k.node);
  spin_lock(k, list + LOCK);
  const shared = i32[list + SHARED];
  const room = shared === 0 ? 0 : i32[shared + LIMIT] - i32[shared + AVAIL];
  if (room > 0) {
    batch = Math.min(batch, room);
    const target = shared + ENTRY + i32[shared + AVAIL];
    for (let i = 0; i < batch; i++) i32[target + i] = i32[array + ENTRY + i];
    i32[shared + AVAIL] += batch;
  } else free_block(k, cache, array + ENTRY, batch, list);
  // Before the lock is free: a thread that dies with it is noticed, one that dies without must not leave objects in two places.
  dropFirst(k, array, batch);
  countFreeable(k, cache, list);
  spin_unlock(k, list + LOCK);
}

/**
 * Puts objects back into their slabs, all of one node. Under the node's list_lock.
 *
 * @param entry word index of the first slot
 * @param list the node's kmem_list3
 */
export function free_block(k: Cpu, cache: number, entry: number, count: number, list: number): void {
  for (let i = 0; i < count; i++) freeIntoSlab(k, cache, k.i32[entry + i], list);
}

/** A slab of which nothing is out any more is kept or freed as the node's limit says. Under list_lock. */
function freeIntoSlab(k: Cpu, cache: number, slot: number, list: number): void {
  const { i32 } = k;
  const slab = putIntoSlab(k, cache, slot);
  countBack(k, cache);
  i32[list + FREE_OBJECTS]++;
  list_del(i32, slab);
  if (i32[slab + SLAB.at.inuse] > 0) list_add_tail(i32, slab, list + PARTIAL);
  else if (i32[list + FREE_OBJECTS] <= i32[list + FREE_LIMIT] || mustStay(k, cache))
    list_add(i32, slab, list + FREE);
  else {
    i32[list + FREE_OBJECTS] -= i32[cache + KMEM_CACHE.at.num];
    slab_destroy(k, cache, slab);
  }
}

/** See `drain_freelist`. */
function mustStay(k: Cpu, cache: number): boolean {
  return (k.i32[cache + KMEM_CACHE.at.flags] & SLAB_DESTROY_BY_RCU) !== 0;
}

/** Makes an object the first free one of its slab (slab_put_obj); the slab. */
function putIntoSlab(k: Cpu, cache: number, slot: number): number {
  const { i32 } = k;
  const slab = slotSlab(k, slot);
  const words = i32[cache + KMEM_CACHE.at.buffer_size] / 4;
  const index = Math.floor((slot - i32[slab + SLAB.at.s_mem]) / words);
  i32[slab_bufctl(k, slab) + index] = i32[slab + SLAB.at.free];
  i32[slab + SLAB.at.free] = index;
  i32[slab + SLAB.at.inuse]--;
  if (isDebugged(k, cache)) slab_put_debugcheck(k, cache, slab);
  return slab;
}

/** Frees an object of another node: collected with others for it, or at once (cache_free_alien). */
export function freeToOtherNode(k: Cpu, cache: number, slot: number, node: number): void {
  const { i32 } = k;
  countEvent(k, cache, CACHE_STATISTICS.at.remotefrees);
  const aliens = i32[nodeList(k, cache, k.node) + ALIEN];
  if (aliens === 0) {
    freeOneToNode(k, cache, slot, node);
    return;
  }
  const alien = i32[aliens + node];
  spin_lock(k, alien + ARRAY_LOCK);
  if (i32[alien + AVAIL] === i32[alien + LIMIT]) {
    countEvent(k, cache, CACHE_STATISTICS.at.alienoverflow);
    drainAlien(k, cache, alien, node);
  }
  i32[alien + ENTRY + i32[alien + AVAIL]] = slot;
  i32[alien + AVAIL]++;
  spin_unlock(k, alien + ARRAY_LOCK);
}

/** Without arrays for other nodes, as while the allocator is being made: straight to the slab. */
function freeOneToNode(k: Cpu, cache: number, slot: number, node: number): void {
  const list = nodeList(k, cache, node);
  spin_lock(k, list + LOCK);
  freeIntoSlab(k, cache, slot | 0, list);
  spin_unlock(k, list + LOCK);
}

/**
 * Gives what was collected for another node to it: to the array that its CPUs share, the rest to its slabs
 * (__drain_alien_cache). Under the array's lock.
 */
export function drainAlien(k: Cpu, cache: number, alien: number, node: number): void {
  const { i32 } = k;
  if (i32[alien + AVAIL] === 0) return;
  const list = nodeList(k, cache, node);
  spin_lock(k, list + LOCK);
  const shared = i32[list + SHARED];
  if (shared !== 0) transferObjects(k, shared, alien, i32[alien + LIMIT]);
  free_block(k, cache, alien + ENTRY, i32[alien + AVAIL], list);
  i32[alien + AVAIL] = 0;
  spin_unlock(k, list + LOCK);
}
