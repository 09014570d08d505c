import { KERNEL } from '../kernel/core/kernel-data.js';
import { type Kernel } from '../kernel/kernel.js';
import { firstCache, nextCache } from '../kernel/slab/cache-chain.js';
import { generalCache } from '../kernel/slab/general-caches.js';
import { KMEM_CACHE } from '../kernel/slab/kmem-cache.js';
import { type CacheSpec } from './object-classes.js';
import { type ProgramResult, type ReplayTask, runProgram } from './run-program.js';
import { kmallocSizes, type SlabFacts } from './slab-facts.js';

/** What the CPUs of a machine run for a replay. The host calls it by this module's URL. */

/** Runs this CPU's part of a batch. */
export function replayBatch(k: Kernel, task: ReplayTask): ProgramResult {
  return runProgram(k, task);
}

/** A cache created for a replay. */
export interface CreatedCache {
  /** 0: there was no memory for it. */
  readonly cache: number;
  /** What an object takes (bytes); 0 without a cache. */
  readonly bytes: number;
}

/** Creates caches, in the order given. */
export function createCaches(k: Kernel, specs: readonly CacheSpec[]): CreatedCache[] {
  return specs.map(({ name, size, align, flags }) => {
    const cache = k.kmem_cache_create(name, size, align, flags);
    return { cache, bytes: cache === 0 ? 0 : bytesOf(k, cache) };
  });
}

/** Destroys caches; returns how many could not be, because objects of them are still out. */
export function destroyCaches(k: Kernel, caches: readonly number[]): number {
  return caches.filter((cache) => k.kmem_cache_destroy(cache) !== 0).length;
}

/** Gives the memory back that slabs have and no object needs. */
export function shrinkCaches(k: Kernel): void {
  for (const cache of allCaches(k)) k.kmem_cache_shrink(cache);
}

/** What has to be known of the slab allocator beforehand. */
export function readSlabFacts(k: Kernel): SlabFacts {
  return {
    kmallocSizes: kmallocSizes(k.i32[KERNEL.kmalloc_max]).map(({ size }) => ({
      size,
      bytes: bytesOf(k, generalCache(k, size, 0)),
    })),
    cacheNames: allCaches(k).map((cache) => k.kmem_cache_name(cache)),
    nodes: k.i32[KERNEL.nr_nodes],
  };
}

/** All caches. Nobody creates or destroys any meanwhile: nothing else runs on the machine. */
function allCaches(k: Kernel): number[] {
  const caches: number[] = [];
  for (let cache = firstCache(k); cache !== 0; cache = nextCache(k, cache)) caches.push(cache);
  return caches;
}

function bytesOf(k: Kernel, cache: number): number {
  return k.i32[cache + KMEM_CACHE.at.buffer_size];
}
