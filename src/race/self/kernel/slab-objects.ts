import { KERNEL } from '../../../kernel/core/kernel-data.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { GFP_KERNEL } from '../../../kernel/mm/gfp.js';
import { freeAliens } from '../../../kernel/slab/array-cache.js';
import {
  ARRAY_CACHE,
  BUFCTL_END,
  KMEM_CACHE,
  KMEM_LIST3,
  nodeList,
  ownArrays,
  SLAB,
  slab_bufctl,
} from '../../../kernel/slab/kmem-cache.js';
import { do_tune_cpucache } from '../../../kernel/slab/tune.js';
import { expectValue } from '../expect-value.js';

/** How scenarios make caches and use their objects. */

/** Bytes of an object: two fit into a slab of a page. */
const OBJECT_BYTES = 1360;

/**
 * A cache whose arrays hold few objects, so that short runs refill and flush them. In setup.
 *
 * @param limit objects that the array of a CPU holds, and one for another node
 * @param shared objects that the CPUs of a node share at most
 * @param flags SLAB_* bits
 */
export function makeSmallCache(k: Kernel, limit: number, shared: number, flags = 0): number {
  const cache = k.kmem_cache_create('few', OBJECT_BYTES, 0, flags);
  for (let node = 0; node < k.i32[KERNEL.nr_nodes]; node++) {
    const word = nodeList(k, cache, node) + KMEM_LIST3.at.alien;
    freeAliens(k, k.i32[word]);
    k.i32[word] = 0;
  }
  expectValue('what tuning returns', do_tune_cpucache(k, cache, limit, 1, shared), 0);
  return cache;
}

/** An object, marked as the caller's. */
export function takeObject(k: Kernel, cache: number, mark: number): number {
  const object = k.kmem_cache_alloc(cache, GFP_KERNEL);
  if (object === 0) throw new Error('an allocation failed although there is memory');
  k.write32(object, mark);
  return object;
}

/** Frees an object that must still have the caller's mark, and nobody else's. */
export function giveObject(k: Kernel, cache: number, object: number, mark: number): void {
  expectValue('the mark in an object', k.read32(object), mark);
  k.write32(object, 0);
  k.kmem_cache_free(cache, object);
}

/**
 * After an execution: fails unless the cache's slabs are in order, and objects out of them, in arrays or in use, are as
 * many as the arrays have and `used`. All CPUs are quiet.
 */
export function expectCache(k: Kernel, cache: number, used: number): void {
  const { i32 } = k;
  let out = 0;
  let listed = 0;
  for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) {
    listed += i32[i32[ownArrays(k, cache) + cpu] + ARRAY_CACHE.at.avail];
  }
  for (let node = 0; node < i32[KERNEL.nr_nodes]; node++) {
    const list = nodeList(k, cache, node);
    out += objectsOut(k, cache, list);
    const shared = i32[list + KMEM_LIST3.at.shared];
    if (shared !== 0) listed += i32[shared + ARRAY_CACHE.at.avail];
    const aliens = i32[list + KMEM_LIST3.at.alien];
    for (let other = 0; aliens !== 0 && other < i32[KERNEL.nr_nodes]; other++) {
      if (other !== node) listed += i32[i32[aliens + other] + ARRAY_CACHE.at.avail];
    }
  }
  expectValue('objects that are out of their slabs', out, listed + used);
}

/** The objects that are out of the slabs of a node; fails where a slab, a list and a count disagree. */
function objectsOut(k: Kernel, cache: number, list: number): number {
  const { i32 } = k;
  const { slabs_partial, slabs_full, slabs_free, free_objects } = KMEM_LIST3.at;
  const num = i32[cache + KMEM_CACHE.at.num];
  let out = 0;
  let free = 0;
  for (const head of [list + slabs_partial, list + slabs_full, list + slabs_free]) {
    for (let slab = i32[head], before = head; slab !== head; before = slab, slab = i32[slab]) {
      expectValue('the link back in a list of slabs', i32[slab + 1], before);
      const inuse = i32[slab + SLAB.at.inuse];
      const place = inuse === num ? slabs_full : inuse === 0 ? slabs_free : slabs_partial;
      expectValue('the list of a slab', head - list, place);
      expectValue('free objects of a slab', freeObjects(k, slab, num), num - inuse);
      out += inuse;
      free += num - inuse;
    }
  }
  expectValue('free_objects', i32[list + free_objects], free);
  return out;
}

/** The length of a slab's chain of free objects. */
function freeObjects(k: Kernel, slab: number, num: number): number {
  let count = 0;
  let index = k.i32[slab + SLAB.at.free];
  for (; index !== BUFCTL_END && count <= num; index = k.i32[slab_bufctl(k, slab) + index]) count++;
  return count;
}
