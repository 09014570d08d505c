import { KERNEL } from '../kernel/core/kernel-data.js';
import { NR_FREE_PAGES, PCP_COLD, PCP_HOT, PER_CPU_PAGES, populatedZones, ZONE } from '../kernel/mm/zone.js';
import { GENERAL_SIZES } from '../kernel/slab/general-caches.js';
import { KMEM_CACHE } from '../kernel/slab/kmem-cache.js';
import type { HeapCore } from './heap-core.js';
import { HEAP } from './heap-layout.js';
import { isDead, memberAt, threadIdAt } from './heap-threads.js';
import { arraysOf, descriptionCache, findSlabs, freeInSlab, slotsIn } from './slab-survey.js';

/** The objects of one size. */
export interface HeapClass {
  /** Bytes of an object. */
  readonly size: number;
  /** Objects that users have. */
  readonly used: number;
  /** Objects that are free, in slabs and in the arrays of threads. */
  readonly free: number;
  readonly slabs: number;
}

export interface HeapStats {
  /** Bytes of shared memory. */
  readonly size: number;
  /** Bytes of objects that users have, each with its whole size. */
  readonly used: number;
  /** Bytes of free pages and of free objects. What is missing to `size` is the allocator's own. */
  readonly free: number;
  readonly classes: readonly HeapClass[];
  readonly threads: {
    /** Most threads. */
    readonly limit: number;
    /** Node's numbers of those that have the heap now; 0 is the main thread. */
    readonly attached: readonly number[];
  };
  /** How often the allocator was repaired after a thread had died inside. */
  readonly repairs: number;
}

/** What a heap holds. Other threads go on meanwhile: what they allocate and free at this moment may count or not. */
export function heapStats(core: HeapCore): HeapStats {
  const { image } = core;
  const { classes, pages, repairs } = core.lock.run(() => {
    core.buryDead();
    return {
      classes: countClasses(core, true),
      pages: freePages(core),
      repairs: image.i32[HEAP.repairs],
    };
  });
  const living = core.places().filter((place) => memberAt(image, place) !== 0 && !isDead(image, place));
  return {
    size: image.buffer.byteLength,
    used: classes.reduce((sum, { size, used }) => sum + size * used, 0),
    free: pages * 4096 + classes.reduce((sum, objects) => sum + objects.size * objects.free, 0),
    classes,
    threads: {
      limit: image.i32[HEAP.threads],
      attached: living.map((place) => threadIdAt(image, place)),
    },
    repairs,
  };
}

/**
 * The objects of each size. With the lock held.
 *
 * @param own whether to leave out those that the allocator itself has: see {@link noteInternal}
 */
function countClasses(core: HeapCore, own: boolean): HeapClass[] {
  const { kernel: k, image } = core;
  const found = findSlabs(k, core.caches);
  const describing = new Map<number, number>();
  for (const [cache, slabs] of found) {
    const from = descriptionCache(k, cache);
    describing.set(from, (describing.get(from) ?? 0) + slabs.length);
  }
  return core.general.map((cache, index) => {
    const slabs = found.get(cache) ?? [];
    const arrays = arraysOf(k, cache, core.places(), true);
    let free = arrays.reduce((sum, array) => sum + slotsIn(k, array).length, 0);
    for (const { slab } of slabs) free += freeInSlab(k, cache, slab).size;
    const out = slabs.length * k.i32[cache + KMEM_CACHE.at.num] - free;
    const internal = own ? image.i32[HEAP.internal + index] : 0;
    const used = out - (describing.get(cache) ?? 0) - internal;
    return { size: GENERAL_SIZES[index], used, free, slabs: slabs.length };
  });
}

/** Notes what the allocator has of its own objects. At the heap's creation, when nobody has others. */
export function noteInternal(core: HeapCore): void {
  const { i32 } = core.image;
  countClasses(core, false).forEach(({ used }, index) => (i32[HEAP.internal + index] = used));
}

/** With the lock held. */
function freePages({ kernel: k }: HeapCore): number {
  const { i32 } = k;
  let pages = 0;
  for (const zone of populatedZones(k)) {
    pages += Atomics.load(i32, zone + ZONE.at.vm_stat + NR_FREE_PAGES);
    for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) {
      const set = i32[zone + ZONE.at.pageset + cpu];
      for (const list of [PCP_HOT, PCP_COLD])
        pages += i32[set + list * PER_CPU_PAGES.words + PER_CPU_PAGES.at.count];
    }
  }
  return pages;
}
