import type { Cpu } from '../core/cpu.js';
import {
  SYM_MEMPOOL_ALLOC_PAGES,
  SYM_MEMPOOL_ALLOC_SLAB,
  SYM_MEMPOOL_FREE_PAGES,
  SYM_MEMPOOL_FREE_SLAB,
  SYM_MEMPOOL_KFREE,
  SYM_MEMPOOL_KMALLOC,
} from '../core/symbols.js';
import { alloc_pages } from '../mm/alloc-api.js';
import { __free_pages } from '../mm/page-free.js';
import { kmem_cache_alloc } from './alloc.js';
import { kfree, kmem_cache_free } from './free.js';
import { kmalloc } from './kmalloc.js';

/**
 * The functions of the usual kinds of memory pools, by their numbers: what `mempool_create` takes.
 */

/** Elements are objects of a cache; `pool_data` is the cache. */
export const mempool_alloc_slab = SYM_MEMPOOL_ALLOC_SLAB;
export const mempool_free_slab = SYM_MEMPOOL_FREE_SLAB;
/** Elements are blocks of 2^order pages, the first frame of each; `pool_data` is the order. */
export const mempool_alloc_pages = SYM_MEMPOOL_ALLOC_PAGES;
export const mempool_free_pages = SYM_MEMPOOL_FREE_PAGES;
/** Elements are memory of kmalloc; `pool_data` is the size in bytes. */
export const mempool_kmalloc = SYM_MEMPOOL_KMALLOC;
export const mempool_kfree = SYM_MEMPOOL_KFREE;

/** Whether a symbol is that of a function of this file. */
export function isPoolFunction(symbol: number): boolean {
  return symbol >= SYM_MEMPOOL_ALLOC_SLAB && symbol <= SYM_MEMPOOL_KFREE;
}

/**
 * Calls one of them.
 *
 * @param first what to allocate with, a mask; or the element to free
 * @returns the element, 0 (NULL) without memory
 */
export function callPoolFunction(k: Cpu, symbol: number, first: number, poolData: number): number {
  switch (symbol) {
    case SYM_MEMPOOL_ALLOC_SLAB:
      return kmem_cache_alloc(k, poolData, first);
    case SYM_MEMPOOL_ALLOC_PAGES:
      return alloc_pages(k, first, poolData);
    case SYM_MEMPOOL_KMALLOC:
      return kmalloc(k, poolData, first);
    case SYM_MEMPOOL_FREE_SLAB:
      kmem_cache_free(k, poolData, first);
      return 0;
    case SYM_MEMPOOL_FREE_PAGES:
      __free_pages(k, first, poolData);
      return 0;
    default:
      kfree(k, first);
      return 0;
  }
}
