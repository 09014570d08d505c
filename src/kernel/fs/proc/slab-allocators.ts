import type { Cpu } from '../../core/cpu.js';
import { KERNEL } from '../../core/kernel-data.js';
import { firstCache, nextCache } from '../../slab/cache-chain.js';
import { kmem_cache_name } from '../../slab/cache-name.js';
import { siteOf, slabOwners } from '../../slab/slab-owners.js';
import { spin_lock_irqsave, spin_unlock_irqrestore } from '../../sync/spinlock.js';

/**
 * /proc/slab_allocators: who has the objects of caches whose users are tracked (SLAB_STORE_USER, debug.slab): a line
 * `cache: count function [file:line]` for each place that objects were allocated at, where Linux has a line
 * `cache: count function+offset/size`. What the slab allocator has itself is not in it.
 */
export function slabAllocators(k: Cpu): string {
  let text = '';
  const flags = spin_lock_irqsave(k, KERNEL.cache_chain_lock);
  try {
    for (let cache = firstCache(k); cache !== 0; cache = nextCache(k, cache)) {
      for (const { count, trace } of slabOwners(k, cache))
        if (trace !== '') text += `${kmem_cache_name(k, cache)}: ${count} ${siteOf(trace)}\n`;
    }
  } finally {
    spin_unlock_irqrestore(k, KERNEL.cache_chain_lock, flags);
  }
  return text;
}
