import type { gfp_t } from '../mm/gfp.js';
import * as pools from '../slab/mempool.js';
import type { mempool_t } from '../slab/mempool.js';
import { SlabFace } from './slab-face.js';

/**
 * Memory pools: a pool (`mempool_t *`) is a word index of the image, an element what the pool's function returned. Functions
 * are symbol numbers: `mempool_alloc_slab` and its like, or of `module_symbol`.
 */
export abstract class MempoolFace extends SlabFace {
  mempool_create(min_nr: number, alloc_fn: number, free_fn: number, pool_data: number): mempool_t {
    return pools.mempool_create(this, min_nr, alloc_fn, free_fn, pool_data);
  }

  mempool_create_node(
    min_nr: number,
    alloc_fn: number,
    free_fn: number,
    pool_data: number,
    nid: number,
  ): mempool_t {
    return pools.mempool_create_node(this, min_nr, alloc_fn, free_fn, pool_data, nid);
  }

  mempool_alloc(pool: mempool_t, gfp: gfp_t): number {
    return pools.mempool_alloc(this, pool, gfp);
  }

  mempool_free(element: number, pool: mempool_t): void {
    pools.mempool_free(this, element, pool);
  }

  mempool_resize(pool: mempool_t, new_min_nr: number, gfp: gfp_t): number {
    return pools.mempool_resize(this, pool, new_min_nr, gfp);
  }

  mempool_destroy(pool: mempool_t): void {
    pools.mempool_destroy(this, pool);
  }
}
