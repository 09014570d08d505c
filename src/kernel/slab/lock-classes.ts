import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { lock_class } from '../sync/lockdep.js';
import { CFLGS_OFF_SLAB } from './slab-flags.js';
import { KMEM_CACHE } from './kmem-cache.js';

/**
 * Classes of the allocator's locks, for the order checker. When a slab is freed whose description lies in an object of
 * another cache, that object is freed under the locks of the first: so the locks of caches with such slabs come before
 * those of the others.
 */

/** The array for objects of another node. */
export const ALIEN_CLASS = 0;
/** The slabs of a node. */
export const LIST_CLASS = 1;
/** From here on the same for caches whose slabs are described elsewhere. */
const OFF_SLAB = 2;

const NAMES = ['alien->lock', 'list_lock', 'alien->lock (off-slab)', 'list_lock (off-slab)'] as const;

/** Makes the classes. Boot CPU, once. */
export function initLockClasses(k: Cpu): void {
  for (let i = 0; i < NAMES.length; i++) k.i32[KERNEL.slab_lock_classes + i] = lock_class(k, NAMES[i]);
}

/** The class of a cache's locks of a kind: ALIEN_CLASS or LIST_CLASS. */
export function lockClassOf(k: Cpu, cache: number, kind: number): number {
  const offSlab = (k.i32[cache + KMEM_CACHE.at.flags] & CFLGS_OFF_SLAB) !== 0;
  return k.i32[KERNEL.slab_lock_classes + kind + (offSlab ? OFF_SLAB : 0)];
}
