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

/** The slab allocator: a cache (`kmem_cache_t *`) is a word index of the image, an object a kernel address. */
export abstract class SlabFace extends TaskFace {
  /** The short ways of the slab allocator, made for the image. */
  protected abstract short: ShortWays;

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

  kmem_cache_alloc(cache: kmem_cache_t, gfp: gfp_t): number {
    return this.short.kmem_cache_alloc(this, cache, gfp);
  }

  kmem_cache_alloc_node(cache: kmem_cache_t, gfp: gfp_t, nid: number): number {
    return alloc.kmem_cache_alloc_node(this, cache, gfp, nid);
  }

  kmem_cache_zalloc(cache: kmem_cache_t, gfp: gfp_t): number {
    return alloc.kmem_cache_zalloc(this, cache, gfp);
  }

  kmem_cache_free(cache: kmem_cache_t, object: number): void {
    this.short.kmem_cache_free(this, cache, object);
  }

  kmem_cache_shrink(cache: kmem_cache_t): number {
    return kmem_cache_shrink(this, cache);
  }

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

  kmalloc(size: number, gfp: gfp_t): number {
    return this.short.kmalloc(this, size, gfp);
  }

  kmalloc_node(size: number, gfp: gfp_t, nid: number): number {
    return general.kmalloc_node(this, size, gfp, nid);
  }

  kzalloc(size: number, gfp: gfp_t): number {
    return general.kzalloc(this, size, gfp);
  }

  kcalloc(n: number, size: number, gfp: gfp_t): number {
    return general.kcalloc(this, n, size, gfp);
  }

  krealloc(p: number, size: number, gfp: gfp_t): number {
    return general.krealloc(this, p, size, gfp);
  }

  kfree(p: number): void {
    this.short.kfree(this, p);
  }

  ksize(p: number): number {
    return general.ksize(this, p);
  }
}
