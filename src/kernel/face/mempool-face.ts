import type { gfp_t } from '../mm/gfp.js';
import * as pools from '../slab/mempool.js';
import type { mempool_t } from '../slab/mempool.js';
import { SlabFace } from './slab-face.js';

/**
 * Memory pools: a pool (`mempool_t *`) is a word index of the image, an element what the pool's function returned, 0 is NULL.
 * Functions are symbol numbers: `mempool_alloc_slab` and its like, or of `module_symbol`. What each throws is a KernelBug.
 */
export abstract class MempoolFace extends SlabFace {
  /**
   * Makes a pool and fills its reserve. May sleep; process context.
   *
   * @param min_nr elements of the reserve, 0 or more
   * @param alloc_fn `(k, gfp, pool_data) => element`, 0 without memory
   * @param free_fn `(k, element, pool_data)`
   * @param pool_data a number for both: the cache, the order or the size for the usual functions
   * @returns the pool; 0 (NULL) without memory for all of it
   */
  mempool_create(min_nr: number, alloc_fn: number, free_fn: number, pool_data: number): mempool_t {
    return pools.mempool_create(this, min_nr, alloc_fn, free_fn, pool_data);
  }

  /** {@link mempool_create} with the pool itself preferably in memory of a node; below 0: this CPU's. */
  mempool_create_node(
    min_nr: number,
    alloc_fn: number,
    free_fn: number,
    pool_data: number,
    nid: number,
  ): mempool_t {
    return pools.mempool_create_node(this, min_nr, alloc_fn, free_fn, pool_data, nid);
  }

  /** An element. With `__GFP_WAIT` never 0: it sleeps until there is one; process context. */
  mempool_alloc(pool: mempool_t, gfp: gfp_t): number {
    return pools.mempool_alloc(this, pool, gfp);
  }

  /** Gives an element back: into the reserve if that is not full. 0 is ignored. */
  mempool_free(element: number, pool: mempool_t): void {
    pools.mempool_free(this, element, pool);
  }

  /**
   * Changes how many elements the reserve is to have. May sleep if the mask has `__GFP_WAIT`.
   *
   * @param new_min_nr 1 or more
   * @returns 0; -ENOMEM (-12) without memory for the larger reserve: the pool is as it was
   */
  mempool_resize(pool: mempool_t, new_min_nr: number, gfp: gfp_t): number {
    return pools.mempool_resize(this, pool, new_min_nr, gfp);
  }

  /** Ends a pool that nobody uses. @throws when the reserve is not full, or tasks wait: the pool is as it was */
  mempool_destroy(pool: mempool_t): void {
    pools.mempool_destroy(this, pool);
  }
}
