import type { Cpu } from '../core/cpu.js';
import { DEBUG_SLAB, KERNEL } from '../core/kernel-data.js';
import { printk } from '../core/printk.js';
import { firstCache, nextCache } from './cache-chain.js';
import { kmem_cache_name } from './cache-name.js';
import { type SlabOwner, tellOwners, untoldOwners } from './slab-owners.js';

/** Objects that nobody has freed, by the place where they were allocated. */

/** Logs what is still out of a cache that was to end. */
export function logCacheLeaks(k: Cpu, cache: number): void {
  for (const owner of tellOwners(k, cache)) logOwner(k, cache, owner);
}

/**
 * Logs, on a machine with debug.slab, what users have allocated and not freed, but for what {@link logCacheLeaks} has told. The
 * console, when the machine was halted and all its threads are gone.
 */
export function logLeaks(k: Cpu): void {
  if ((k.debug & DEBUG_SLAB) === 0 || k.i32[KERNEL.cache_cache] === 0) return;
  let total = 0;
  for (let cache = firstCache(k); cache !== 0; cache = nextCache(k, cache)) {
    for (const owner of untoldOwners(k, cache)) {
      logOwner(k, cache, owner);
      total += owner.count;
    }
  }
  if (total > 0) printk(k, `slab: ${total} ${total === 1 ? 'object was' : 'objects were'} never freed`);
}

function logOwner(k: Cpu, cache: number, { count, trace }: SlabOwner): void {
  const objects = `${count} ${count === 1 ? 'object' : 'objects'}`;
  const where = trace === '' ? '' : `, allocated at:\n${trace}`;
  printk(k, `slab: leak of ${objects} of cache \`${kmem_cache_name(k, cache)}'${where}`);
}
