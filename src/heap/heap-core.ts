import type { MemoryImage } from '../image/memory-image.js';
import { KERNEL } from '../kernel/core/kernel-data.js';
import { Kernel } from '../kernel/kernel.js';
import { __GFP_NOWARN } from '../kernel/mm/gfp.js';
import { PAGE, pageOf, PG_slab } from '../kernel/mm/page.js';
import { drain_local_pages } from '../kernel/mm/page-sets.js';
import { allocSlot } from '../kernel/slab/alloc.js';
import { do_drain, drainShared, freeEmptySlabs } from '../kernel/slab/drain.js';
import { freeSlot } from '../kernel/slab/free.js';
import { GENERAL_SIZES, generalCache, sizeClass } from '../kernel/slab/general-caches.js';
import { KMEM_CACHE, nodeList } from '../kernel/slab/kmem-cache.js';
import { HeapError, hex } from './heap-error.js';
import { HEAP, THREAD } from './heap-layout.js';
import { HeapLock } from './heap-lock.js';
import { HeapPlatform } from './heap-platform.js';
import { claimOf, freePlace, isDead, memberAt, type Membership, threadRecord } from './heap-threads.js';
import { rebuildHeap } from './rebuild.js';
import { allCaches, objectIndex, objectSlot } from './slab-survey.js';

/** Where a pointer is. */
export interface Place {
  readonly cache: number;
  /** Word index of the description of its slab, and its number in it. */
  readonly slab: number;
  readonly index: number;
  /** The object's first byte, an offset in the buffer, and its bytes. */
  readonly start: number;
  readonly size: number;
}

/** Not waiting, and without a report when there is no memory. */
const GFP = __GFP_NOWARN;

/** The most that one allocation can have. */
export const LARGEST = GENERAL_SIZES.at(-1) ?? 0;

/** The allocator of a heap as one thread has it: the slow ways, each with the heap's lock. */
export class HeapCore {
  readonly image: MemoryImage;
  readonly kernel: Kernel;
  readonly lock: HeapLock;
  readonly membership: Membership;
  /** All caches of the allocator, and of them those that users get objects from, in the order of GENERAL_SIZES. */
  readonly caches: readonly number[];
  readonly general: readonly number[];

  constructor(image: MemoryImage, membership: Membership) {
    this.image = image;
    this.membership = membership;
    this.kernel = new Kernel(image, membership.place, new HeapPlatform());
    this.lock = new HeapLock(image, membership, () => this.#repair());
    this.caches = allCaches(this.kernel);
    this.general = GENERAL_SIZES.map((size) => generalCache(this.kernel, size, 0));
  }

  /** An object that holds `size` bytes, as an offset in the buffer; 0: there is no memory. */
  allocate(size: number): number {
    return this.lock.run(() => this.allocateLocked(size));
  }

  /** {@link allocate} with the lock held. */
  allocateLocked(size: number): number {
    const cache = this.general[sizeClass(size)];
    let slot = allocSlot(this.kernel, cache, GFP, -1);
    if (slot === 0) {
      this.#reclaim();
      slot = allocSlot(this.kernel, cache, GFP, -1);
    }
    return (slot >>> 0) * 4;
  }

  /** Frees an object. */
  release(place: Place): void {
    this.lock.run(() => this.releaseLocked(place));
  }

  /** {@link release} with the lock held. */
  releaseLocked({ cache, start }: Place): void {
    freeSlot(this.kernel, cache, start >>> 2);
  }

  /**
   * The object that an offset in the buffer lies in.
   *
   * @throws HeapError when none of this heap's does
   */
  locate(pointer: number): Place {
    const found = this.find(pointer);
    if (found === undefined)
      throw new HeapError('WILD_POINTER', `${hex(pointer)} is no pointer of this heap`, pointer);
    return found;
  }

  /** {@link locate}, undefined where there is none. */
  find(pointer: number): Place | undefined {
    const k = this.kernel;
    const { i32 } = k;
    const pfn = pointer >>> 12;
    if (pointer >>> 0 !== pointer || pfn === 0 || pfn >= i32[KERNEL.max_pfn]) return undefined;
    const page = pageOf(i32, pfn);
    const cache = i32[page + PAGE.at.lru];
    if ((i32[page + PAGE.at.flags] & (1 << PG_slab)) === 0 || !this.general.includes(cache)) return undefined;
    const slab = i32[page + PAGE.at.lru + 1];
    const index = Math.floor(objectIndex(k, cache, slab, pointer >>> 2));
    if (!(index >= 0 && index < i32[cache + KMEM_CACHE.at.num])) return undefined;
    const size = i32[cache + KMEM_CACHE.at.buffer_size];
    return { cache, slab, index, start: objectSlot(k, cache, slab, index) * 4, size };
  }

  /** Empties the arrays of a place. With the lock held; nobody has the place, or the calling thread. */
  drainPlace(place: number): void {
    const k = this.kernel.as(place);
    for (const cache of this.caches) do_drain(k, cache);
    drain_local_pages(k);
  }

  places(): number[] {
    return Array.from({ length: this.image.i32[HEAP.threads] }, (_, place) => place);
  }

  /** Takes back what dead threads have in their arrays. With the lock held. */
  buryDead(): void {
    for (const place of this.places()) {
      const claim = claimOf(this.image, place);
      if (!isDead(this.image, place, claim)) continue;
      this.drainPlace(place);
      // Not if another thread has taken it over meanwhile: that finds it empty.
      freePlace(this.image, place, claim);
    }
  }

  /** Makes pages of all that is free and not in the arrays of other threads. With the lock held. */
  #reclaim(): void {
    this.buryDead();
    const k = this.kernel;
    // Those first whose slabs are described by objects of the others.
    for (const cache of [...this.caches].reverse()) {
      do_drain(k, cache);
      drainShared(k, cache, 0);
      this.beforeShrink(cache);
      freeEmptySlabs(k, cache, nodeList(k, cache, 0), Infinity);
    }
    // Only who has the lock touches the pages of a CPU.
    for (const place of this.places()) drain_local_pages(k.as(place));
  }

  /** Called before the empty slabs of a cache are freed. With the lock held. */
  beforeShrink: (cache: number) => void = () => {};

  #repair(): void {
    const { image, membership } = this;
    const { i32 } = image;
    const inside = (place: number): number => threadRecord(place) + THREAD.at.inside;
    const places = this.places().filter(
      (place) =>
        i32[inside(place)] !== 0 ||
        (place !== membership.place && (memberAt(image, place) === 0 || isDead(image, place))),
    );
    rebuildHeap(this.kernel, places);
    i32[HEAP.repairs]++;
    for (const place of places) i32[inside(place)] = 0;
    i32[HEAP.dirty] = 0;
  }
}
