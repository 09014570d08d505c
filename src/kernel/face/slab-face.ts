import type { gfp_t } from '../mm/gfp.js';
import * as alloc from '../slab/alloc.js';
import { kmem_cache_create } from '../slab/cache-create.js';
import { kmem_cache_destroy, kmem_cache_shrink } from '../slab/cache-destroy.js';
import { checkCache } from '../slab/cache-handle.js';
import { kmem_cache_name } from '../slab/cache-name.js';
import { KMEM_CACHE, type kmem_cache_t } from '../slab/kmem-cache.js';
import * as general from '../slab/kmalloc.js';
import type { ShortWays } from '../slab/short-ways.js';
import { TaskFace } from './task-face.js';

/**
 * The slab allocator: a cache (`kmem_cache_t *`) is a word index of the image, an object a kernel address, 0 is NULL. Requests for
 * memory may sleep if the mask has `__GFP_WAIT`: process context; else any context. What each throws is a KernelBug.
 */
export abstract class SlabFace extends TaskFace {
  /** The short ways of the slab allocator, made for the image. */
  protected abstract short: ShortWays;

  /**
   * Makes a cache of objects of one size. May sleep; process context.
   *
   * @param name a text that no other cache has, of less than 64 bytes; or the address of one in kernel memory
   * @param size bytes, from 8 (4 on x86) to the largest of {@link kmalloc}
   * @param align bytes, a power of two; 0: a word, or a cache line with SLAB_HWCACHE_ALIGN
   * @param flags SLAB_* bits
   * @param ctor symbol number of `(k, object, cache, SLAB_CTOR_* bits)`, called for each object of a new slab; 0: none
   * @param dtor the same, called for each object of a slab that goes; only with a constructor
   * @returns the cache; 0 (NULL) without memory
   * @throws for an argument that is none of that
   */
  kmem_cache_create(
    name: string | number,
    size: number,
    align: number,
    flags: number,
    ctor = 0,
    dtor = 0,
  ): kmem_cache_t {
    return kmem_cache_create(this, name, size, align, flags, ctor, dtor);
  }

  /** An object, as its constructor or last user left it; 0 without memory. @throws for what is no cache */
  kmem_cache_alloc(cache: kmem_cache_t, gfp: gfp_t): number {
    return this.short.kmem_cache_alloc(this, cache, gfp);
  }

  /** {@link kmem_cache_alloc} preferably from a node; below 0: as without it. */
  kmem_cache_alloc_node(cache: kmem_cache_t, gfp: gfp_t, nid: number): number {
    return alloc.kmem_cache_alloc_node(this, cache, gfp, nid);
  }

  /** {@link kmem_cache_alloc}, cleared. */
  kmem_cache_zalloc(cache: kmem_cache_t, gfp: gfp_t): number {
    return alloc.kmem_cache_zalloc(this, cache, gfp);
  }

  /**
   * Gives an object back to its cache. Any context.
   *
   * Of a misuse (freed before, another cache, no object's address) only debugging notices all; without it `machine.audit()` may
   * see what came of it, and an address that lies a multiple of 16 GiB beyond an object counts as the object's.
   */
  kmem_cache_free(cache: kmem_cache_t, object: number): void {
    this.short.kmem_cache_free(this, cache, object);
  }

  /** Frees the slabs of which nothing is out; 0 when there are no others, else 1. May sleep; process context. */
  kmem_cache_shrink(cache: kmem_cache_t): number {
    return kmem_cache_shrink(this, cache);
  }

  /** Ends a cache that nobody uses; 0, or 1 when objects are out: that is reported, and it stays. May sleep; process context. */
  kmem_cache_destroy(cache: kmem_cache_t): number {
    return kmem_cache_destroy(this, cache);
  }

  /** Bytes of an object, as they were asked for. */
  kmem_cache_size(cache: kmem_cache_t): number {
    checkCache(this, cache, 'kmem_cache_size');
    return this.i32[cache + KMEM_CACHE.at.obj_size];
  }

  kmem_cache_name(cache: kmem_cache_t): string {
    checkCache(this, cache, 'kmem_cache_name');
    return kmem_cache_name(this, cache);
  }

  /**
   * `size` bytes: contiguous, physically too, not cleared, from a cache of 32, 64, 128, 192, 256, 512 bytes, and so on.
   *
   * @returns 0 (NULL) without memory, and for more than 131072 bytes (4 MiB with `slabProfile: '2.6.24'`)
   * @throws for what is no size
   */
  kmalloc(size: number, gfp: gfp_t): number {
    return this.short.kmalloc(this, size, gfp);
  }

  /** {@link kmalloc} preferably from a node; below 0: as without it. */
  kmalloc_node(size: number, gfp: gfp_t, nid: number): number {
    return general.kmalloc_node(this, size, gfp, nid);
  }

  /** {@link kmalloc}, cleared. */
  kzalloc(size: number, gfp: gfp_t): number {
    return general.kzalloc(this, size, gfp);
  }

  /** {@link kmalloc} of `n` elements, cleared. */
  kcalloc(n: number, size: number, gfp: gfp_t): number {
    return general.kcalloc(this, n, size, gfp);
  }

  /** Makes memory of kmalloc larger or smaller; it may move. 0 without memory: the old stays. NULL: as kmalloc; 0 bytes: kfree. */
  krealloc(p: number, size: number, gfp: gfp_t): number {
    return general.krealloc(this, p, size, gfp);
  }

  /** Frees memory of kmalloc; NULL is ignored. Any context. Misuse is noticed as by {@link kmem_cache_free}. */
  kfree(p: number): void {
    this.short.kfree(this, p);
  }

  /** Bytes of memory of kmalloc that may be used, which can be more than were asked for. @throws for what is no object */
  ksize(p: number): number {
    return general.ksize(this, p);
  }
}
