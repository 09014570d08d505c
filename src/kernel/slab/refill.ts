import type { Cpu } from '../core/cpu.js';
import { list_add, list_del } from '../core/list.js';
import { spin_lock, spin_unlock } from '../sync/spinlock.js';
import { GFP_THISNODE, type gfp_t } from '../mm/gfp.js';
import { ownArray, transferObjects } from './array-cache.js';
import { slab_corrupted } from './slab-error.js';
import { cache_grow } from './grow.js';
import {
  ARRAY_CACHE,
  BUFCTL_END,
  CACHE_STATISTICS,
  ENTRY,
  KMEM_CACHE,
  KMEM_LIST3,
  nodeList,
  SLAB,
  slab_bufctl,
} from './kmem-cache.js';
import { countEvent, countTaken } from './statistics.js';

/** An empty array of a CPU is filled from its node (facts file, section 3.5). */

const { avail: AVAIL, batchcount: BATCH, touched: TOUCHED } = ARRAY_CACHE.at;
const {
  list_lock: LOCK,
  slabs_partial: PARTIAL,
  slabs_full: FULL,
  slabs_free: FREE,
  free_objects: FREE_OBJECTS,
  free_touched: FREE_TOUCHED,
  shared: SHARED,
} = KMEM_LIST3.at;
const { allochit: ALLOCHIT, allocmiss: ALLOCMISS } = CACHE_STATISTICS.at;

/** An array that nobody has used since the reaper came by is not filled further than this. */
const UNTOUCHED_BATCH = 16;

/**
 * An object of this CPU's node: from its array, which is filled if it is empty (cache_alloc_refill). Interrupts are off; with
 * `__GFP_WAIT` they may be on in between, and the task may be on another CPU afterwards.
 *
 * @returns its slot, or 0: the node has no memory
 */
export function takeLocal(k: Cpu, cache: number, gfp: gfp_t): number {
  const { i32 } = k;
  let isHit = true;
  for (;;) {
    let array = ownArray(k, cache);
    if (i32[array + AVAIL] === 0) {
      isHit = false;
      fill(k, cache, array);
      if (i32[array + AVAIL] === 0) {
        const grown = cache_grow(k, cache, gfp | GFP_THISNODE, k.node);
        // Another CPU by now, or an interrupt has freed something.
        array = ownArray(k, cache);
        if (!grown && i32[array + AVAIL] === 0) return 0;
        if (i32[array + AVAIL] === 0) continue;
      }
    }
    countEvent(k, cache, isHit ? ALLOCHIT : ALLOCMISS);
    i32[array + TOUCHED] = 1;
    const left = i32[array + AVAIL] - 1;
    i32[array + AVAIL] = left;
    return i32[array + ENTRY + left] >>> 0;
  }
}

/** Fills this CPU's empty array with a batch, as far as the node has objects. Interrupts are off. */
function fill(k: Cpu, cache: number, array: number): void {
  const { i32 } = k;
  let batch = i32[array + BATCH];
  if (i32[array + TOUCHED] === 0 && batch > UNTOUCHED_BATCH) batch = UNTOUCHED_BATCH;
  const list = nodeList(k, cache, k.node);
  spin_lock(k, list + LOCK);
  const shared = i32[list + SHARED];
  if (shared === 0 || transferObjects(k, array, shared, batch) === 0)
    takeFromSlabs(k, cache, list, array, batch);
  spin_unlock(k, list + LOCK);
}

/**
 * Under list_lock. An object is in the array before it leaves its slab: where a thread dies in between, it is in both, and
 * not lost.
 */
function takeFromSlabs(k: Cpu, cache: number, list: number, array: number, batch: number): void {
  const { i32 } = k;
  const num = i32[cache + KMEM_CACHE.at.num];
  const before = i32[array + AVAIL];
  let filled = before;
  while (filled < batch) {
    const slab = slabWithObjects(k, list);
    if (slab === 0) break;
    do {
      i32[array + ENTRY + filled] = firstFree(k, cache, slab);
      filled++;
      i32[array + AVAIL] = filled;
      unchainFirst(k, slab);
    } while (i32[slab + SLAB.at.inuse] < num && filled < batch);
    fileSlab(k, list, slab);
  }
  i32[list + FREE_OBJECTS] -= filled - before;
  countTaken(k, cache, filled - before);
}

/** The first slab that has free objects: a partly used one if there is one; 0: none. Under list_lock. */
export function slabWithObjects(k: Cpu, list: number): number {
  const { i32 } = k;
  const partial = i32[list + PARTIAL];
  if (partial !== list + PARTIAL) return partial;
  i32[list + FREE_TOUCHED] = 1;
  const free = i32[list + FREE];
  return free === list + FREE ? 0 : free;
}

/** Takes the first free object of a slab (slab_get_obj); its slot. Under list_lock. */
export function takeFromSlab(k: Cpu, cache: number, slab: number): number {
  const slot = firstFree(k, cache, slab);
  unchainFirst(k, slab);
  return slot;
}

/**
 * The slot of the first free object of a slab. Under list_lock.
 *
 * @throws KernelBug when the slab has none, or its chain leads nowhere: after a double free, it may run in a circle
 */
function firstFree(k: Cpu, cache: number, slab: number): number {
  const { i32 } = k;
  const index = i32[slab + SLAB.at.free];
  const num = i32[cache + KMEM_CACHE.at.num];
  if (!(index >= 0 && index < num && i32[slab + SLAB.at.inuse] < num)) slab_corrupted(k, cache, slab);
  return i32[slab + SLAB.at.s_mem] + (index * i32[cache + KMEM_CACHE.at.buffer_size]) / 4;
}

/** Takes the first free object out of the chain of its slab. Under list_lock. */
function unchainFirst(k: Cpu, slab: number): void {
  const { i32 } = k;
  i32[slab + SLAB.at.inuse]++;
  i32[slab + SLAB.at.free] = i32[slab_bufctl(k, slab) + i32[slab + SLAB.at.free]];
}

/** Puts a slab from which objects were taken into the list that it belongs to. Under list_lock. */
export function fileSlab(k: Cpu, list: number, slab: number): void {
  const { i32 } = k;
  list_del(i32, slab);
  list_add(i32, slab, list + (i32[slab + SLAB.at.free] === BUFCTL_END ? FULL : PARTIAL));
}
