import { type Kernel } from '../kernel/kernel.js';
import { KERNEL } from '../kernel/core/kernel-data.js';
import { firstCache, nextCache } from '../kernel/slab/cache-chain.js';
import { KMEM_CACHE, KMEM_LIST3, nodeList } from '../kernel/slab/kmem-cache.js';

/** The lists of a node's slabs. */
const LISTS = [KMEM_LIST3.at.slabs_full, KMEM_LIST3.at.slabs_partial, KMEM_LIST3.at.slabs_free];

/**
 * The pages that all slabs of a machine consist of. They are counted in the lists themselves, without their locks: nothing
 * else runs on the machine.
 */
export function countSlabPages(k: Kernel): number {
  let pages = 0;
  for (let cache = firstCache(k); cache !== 0; cache = nextCache(k, cache)) {
    pages += countSlabs(k, cache) * 2 ** k.i32[cache + KMEM_CACHE.at.gfporder];
  }
  return pages;
}

function countSlabs(k: Kernel, cache: number): number {
  let slabs = 0;
  for (let node = 0; node < k.i32[KERNEL.nr_nodes]; node++) {
    const list = nodeList(k, cache, node);
    if (list === 0) continue;
    for (const head of LISTS) {
      for (let slab = k.i32[list + head]; slab !== list + head; slab = k.i32[slab]) slabs++;
    }
  }
  return slabs;
}
