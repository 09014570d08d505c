import { PAGE_SIZE } from '../arch/page.js';
import type { Kernel } from '../kernel/kernel.js';
import { __GFP_NORETRY, __GFP_NOWARN, GFP_KERNEL } from '../kernel/mm/gfp.js';
import {
  mempool_alloc_pages,
  mempool_alloc_slab,
  mempool_free_pages,
  mempool_free_slab,
} from '../kernel/slab/mempool-kinds.js';
import {
  SLAB_CTOR_CONSTRUCTOR,
  SLAB_HWCACHE_ALIGN,
  SLAB_NO_REAP,
  SLAB_RECLAIM_ACCOUNT,
} from '../kernel/slab/slab-flags.js';
import { construct, isConstructed } from './object-stress-canary.js';
import type { ObjectControl } from './object-stress-control.js';
import { addressBase, frameBase, type ObjectKind, ObjectStressFailure } from './object-stress-worker.js';

/** The caches and pools that all tasks of a run share. */

/** A cache of the workload `slab`. */
export interface SharedCache {
  readonly bytes: number;
  readonly flags: number;
  /** Whether its objects have a constructor and a destructor. */
  readonly constructed: boolean;
}

export const CACHES: readonly SharedCache[] = [
  { bytes: 8, flags: 0, constructed: false },
  { bytes: 44, flags: 0, constructed: true },
  { bytes: 104, flags: SLAB_HWCACHE_ALIGN, constructed: false },
  { bytes: 256, flags: SLAB_HWCACHE_ALIGN, constructed: true },
  { bytes: 600, flags: SLAB_RECLAIM_ACCOUNT, constructed: false },
  { bytes: 1500, flags: SLAB_NO_REAP, constructed: true },
  { bytes: 4096, flags: 0, constructed: false },
  { bytes: 20000, flags: 0, constructed: true },
];

/** A pool of the workload `mempool`. */
export interface SharedPool {
  readonly what: 'slab' | 'pages' | 'scarce';
  readonly min: number;
  readonly bytes: number;
}

/** The last two often find no memory: there tasks wait. */
export const POOLS: readonly SharedPool[] = [
  { what: 'slab', min: 4, bytes: 200 },
  { what: 'pages', min: 2, bytes: 2 * PAGE_SIZE },
  { what: 'scarce', min: 1, bytes: 64 },
  { what: 'scarce', min: 3, bytes: 1000 },
];

/** Elements of a reserve at most. */
export const MAX_RESERVE = 8;

/** Handle of the cache that the pool of objects takes its elements from. */
const POOL_CACHE = POOLS.length;

/** How many there are of a workload's caches or pools, and what else they need. */
export function makeShared(k: Kernel, control: ObjectControl, workload: string): void {
  if (workload === 'slab') {
    for (const [i, { bytes, flags, constructed }] of CACHES.entries()) {
      const ctor = constructed ? k.module_symbol(import.meta.url, 'constructOrDestroy') : 0;
      control.setHandle(i, made(k.kmem_cache_create(`stress-${bytes}`, bytes, 0, flags, ctor, ctor)));
    }
  } else if (workload === 'mempool') {
    const cache = made(k.kmem_cache_create('stress-pool', POOLS[0].bytes, 0, 0));
    control.setHandle(POOL_CACHE, cache);
    for (const [i, pool] of POOLS.entries()) control.setHandle(i, made(makePool(k, pool, cache)));
  }
}

function makePool(k: Kernel, { what, min, bytes }: SharedPool, cache: number): number {
  switch (what) {
    case 'slab':
      return k.mempool_create(min, mempool_alloc_slab, mempool_free_slab, cache);
    case 'pages':
      return k.mempool_create(min, mempool_alloc_pages, mempool_free_pages, 1);
    case 'scarce':
      return k.mempool_create(min, symbol(k, 'scarceAlloc'), symbol(k, 'scarceFree'), bytes);
  }
}

function symbol(k: Kernel, name: string): number {
  return k.module_symbol(import.meta.url, name);
}

function made(handle: number): number {
  if (handle === 0) throw new ObjectStressFailure('there is no memory for what the run needs itself');
  return handle;
}

/**
 * Ends them.
 *
 * @param lost objects that a kill may have made away with
 * @returns what is wrong, in words
 */
export function endShared(k: Kernel, control: ObjectControl, workload: string, lost: number): string[] {
  const problems: string[] = [];
  const endCache = (handle: number): void => {
    const name = k.kmem_cache_name(handle);
    if (k.kmem_cache_destroy(handle) !== 0 && lost === 0) problems.push(`the cache ${name} has objects left`);
  };
  if (workload === 'slab') for (const i of CACHES.keys()) endCache(control.handle(i));
  if (workload === 'mempool') {
    for (const [i, { min }] of POOLS.entries()) {
      // What a dead task had just been given is missing in the reserve.
      if (lost > 0) k.mempool_resize(control.handle(i), MAX_RESERVE + min, GFP_KERNEL);
      k.mempool_destroy(control.handle(i));
    }
    endCache(control.handle(POOL_CACHE));
  }
  return problems;
}

// Functions that the kernel calls

/** Constructor and destructor of the run's caches. */
export function constructOrDestroy(k: Kernel, object: number, cache: number, flags: number): void {
  const words = k.kmem_cache_size(cache) >>> 2;
  const base = k.wordAt(object);
  if ((flags & SLAB_CTOR_CONSTRUCTOR) !== 0) construct(k.i32, base, words);
  else if (!isConstructed(k.i32, base, words))
    throw new ObjectStressFailure(
      `canary broken: the destructor of ${k.kmem_cache_name(cache)} finds an object that is not as it was given back`,
    );
}

/** Has memory to fill a reserve, and later seldom. */
export function scarceAlloc(k: Kernel, gfp: number, bytes: number): number {
  const isForPool = (gfp & __GFP_NORETRY) !== 0;
  return isForPool && (k.jiffies() & 7) !== 0 ? 0 : k.kmalloc(bytes, gfp | __GFP_NOWARN);
}

export function scarceFree(k: Kernel, element: number): void {
  k.kfree(element);
}

// Their objects

/** kmalloc's. */
export const KMALLOC = -1;

/** How the objects of a workload are freed, by the number of their cache or pool. */
export function kindsOf(k: Kernel, control: ObjectControl, workload: string): (of: number) => ObjectKind {
  const base = addressBase(k);
  const general: ObjectKind = {
    base,
    free: ({ element }) => {
      k.kfree(element);
    },
  };
  let kinds: ObjectKind[] = [];
  if (workload === 'slab') kinds = CACHES.map((cache, i) => cacheKind(k, control, cache, i));
  if (workload === 'mempool') kinds = POOLS.map((pool, i) => poolKind(k, control, pool, i));
  return (of) => (of === KMALLOC ? general : kinds[of]);
}

function cacheKind(
  k: Kernel,
  control: ObjectControl,
  { constructed }: SharedCache,
  number: number,
): ObjectKind {
  const cache = control.handle(number);
  const kind: ObjectKind = {
    base: addressBase(k),
    free: ({ element }) => {
      k.kmem_cache_free(cache, element);
    },
  };
  if (!constructed) return kind;
  return {
    ...kind,
    beforeFree: ({ bytes }, base) => {
      construct(k.i32, base, bytes >>> 2);
    },
  };
}

function poolKind(k: Kernel, control: ObjectControl, { what }: SharedPool, number: number): ObjectKind {
  const pool = control.handle(number);
  return {
    base: what === 'pages' ? frameBase(k) : addressBase(k),
    free: ({ element }) => {
      k.mempool_free(element, pool);
    },
  };
}
