import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { describeValue } from '../core/describe-value.js';
import { KERNEL } from '../core/kernel-data.js';
import { __GFP_ZERO, type gfp_t } from '../mm/gfp.js';
import { memcpy } from '../mm/access.js';
import { allocLong } from './alloc.js';
import { checkSlabObject, kfree } from './free.js';
import { generalCache, ZERO_SIZE_PTR } from './general-caches.js';
import { KMEM_CACHE } from './kmem-cache.js';
import { debugResize, isDebugged, requestedSize, userObject } from './slab-debug.js';
import { addressSlot, slotCache } from './slot.js';

/**
 * Memory by the byte (facts file, section 4): contiguous, physically too, not cleared, from the general caches. A request for
 * 0 bytes gets the smallest object, as up to 2.6.22, or, on machines of the later profile, ZERO_SIZE_PTR.
 */

const MAX_SIZE = KERNEL.kmalloc_max;
const OBJ_SIZE = KMEM_CACHE.at.obj_size;

/** `size` bytes. Kernel.kmalloc tries the short way first, which see. Context: by the mask. */
export function kmalloc(k: Cpu, size: number, gfp: gfp_t): number {
  return kmallocLong(k, size, gfp, -1);
}

/** {@link kmalloc}, the long way: any size, any mask. */
export function kmallocLong(k: Cpu, size: number, gfp: gfp_t, node: number): number {
  if (size >>> 0 !== size || (size - 1) >>> 0 >= k.i32[MAX_SIZE]) return kmallocOdd(k, size, gfp);
  return allocLong(k, generalCache(k, size, gfp), gfp, node, size);
}

/** {@link kmalloc} preferably from a node; -1: this CPU's. */
export function kmalloc_node(k: Cpu, size: number, gfp: gfp_t, nid: number): number {
  if (!(Number.isInteger(nid) && nid < k.i32[KERNEL.nr_nodes]))
    BUG(k, `kmalloc_node: there is no node ${describeValue(nid)}`);
  return nid < 0 ? kmalloc(k, size, gfp) : kmallocLong(k, size, gfp, nid);
}

/** {@link kmalloc}, cleared. */
export function kzalloc(k: Cpu, size: number, gfp: gfp_t): number {
  return kmallocLong(k, size, gfp | __GFP_ZERO, -1);
}

/** An array of `n` elements, cleared; NULL when together they are more than there can be. */
export function kcalloc(k: Cpu, n: number, size: number, gfp: gfp_t): number {
  if (!(Number.isInteger(n) && n >= 0))
    BUG(k, `kcalloc of ${describeValue(n)} elements: must be an integer, 0 or more`);
  checkSize(k, size);
  return kzalloc(k, n * size, gfp);
}

/** Sizes that no cache serves. */
function kmallocOdd(k: Cpu, size: number, gfp: gfp_t): number {
  checkSize(k, size);
  if (size > 0) return 0;
  return k.i32[KERNEL.kmalloc_zero_size] === 0 ? kmalloc(k, 1, gfp) : ZERO_SIZE_PTR;
}

function checkSize(k: Cpu, size: number): void {
  if (!(Number.isInteger(size) && size >= 0))
    BUG(k, `kmalloc of ${describeValue(size)} bytes: must be an integer, 0 or more`);
}

/**
 * Makes an object larger or smaller. What both have in common stays; the pointer stays where the object is large enough.
 *
 * @param p from kmalloc; NULL: as {@link kmalloc}
 * @param size 0 frees the object
 * @returns the object, which may have moved; NULL when there is no memory: then the old one is as it was
 */
export function krealloc(k: Cpu, p: number, size: number, gfp: gfp_t): number {
  checkSize(k, size);
  const isNone = p === 0 || (p === ZERO_SIZE_PTR && k.i32[KERNEL.kmalloc_zero_size] !== 0);
  if (size === 0 && p !== 0) {
    kfree(k, p);
    return k.i32[KERNEL.kmalloc_zero_size] === 0 ? 0 : ZERO_SIZE_PTR;
  }
  if (isNone) return kmalloc(k, size, gfp);
  const cache = cacheOf(k, p);
  const isLookedAt = isDebugged(k, cache);
  const before = isLookedAt ? requestedSize(k, cache, p) : k.i32[cache + OBJ_SIZE];
  if (size <= k.i32[cache + OBJ_SIZE]) {
    if (isLookedAt) debugResize(k, cache, p, size, gfp);
    return p;
  }
  const moved = kmalloc(k, size, gfp);
  if (moved === 0) return 0;
  memcpy(k, moved, p, before);
  kfree(k, p);
  return moved;
}

/**
 * The cache of the object that begins at an address.
 *
 * @throws KernelBug when none does
 */
function cacheOf(k: Cpu, p: number): number {
  checkSlabObject(k, p);
  const cache = slotCache(k, addressSlot(k, p));
  userObject(k, cache, p);
  return cache;
}

/**
 * Bytes that the object at an address can hold. Any context.
 *
 * @throws KernelBug when it is no object; in the later profile also for NULL, which before had 0 bytes
 */
export function ksize(k: Cpu, p: number): number {
  const zeroSize = k.i32[KERNEL.kmalloc_zero_size] !== 0;
  if ((zeroSize && p === ZERO_SIZE_PTR) || (!zeroSize && p === 0)) return 0;
  const cache = cacheOf(k, p);
  const size = k.i32[cache + OBJ_SIZE];
  // Who asks may use all of them.
  if (isDebugged(k, cache)) debugResize(k, cache, p, size, 0);
  return size;
}
