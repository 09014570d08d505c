import type { MemoryImage } from '../image/memory-image.js';
import { KERNEL } from '../kernel/core/kernel-data.js';
import { KMEM_CACHE, KMEM_LIST3, nodeList, ownArrays, setArray } from '../kernel/slab/kmem-cache.js';
import type { Kernel } from '../kernel/kernel.js';
import { CallSites, callSite } from './call-sites.js';
import {
  FREED,
  GUARD,
  HEADER,
  HEADER_BYTES,
  LIVE,
  paintRedZones,
  poison,
  poisonDamage,
  RED_ZONE_BYTES,
  redZoneDamage,
} from './debug-object.js';
import { type HeapCore, LARGEST, type Place } from './heap-core.js';
import { HeapError, type HeapErrorCode, hex } from './heap-error.js';
import { findSlabs, freeInSlab, freeObjects, objectSlot } from './slab-survey.js';

const AT = HEADER.at;

/** The most that one allocation can have. */
export const LARGEST_DEBUG = LARGEST - HEADER_BYTES - RED_ZONE_BYTES;

/** Objects that are out, allocated at one place in the program by one thread. */
export interface LiveObjects {
  /** The place, innermost function first. */
  readonly site: string;
  /** Node's number of the thread. */
  readonly thread: number;
  readonly count: number;
  readonly bytes: number;
  /** One of them. */
  readonly pointer: number;
}

/** Sends every request the slow way, and keeps slabs that become empty: what was poisoned stays so. At the heap's creation. */
export function watchAll(k: Kernel, caches: readonly number[]): void {
  for (const cache of caches) {
    k.i32[cache + KMEM_CACHE.at.looked_at] = 1;
    k.i32[nodeList(k, cache, 0) + KMEM_LIST3.at.free_limit] = 2 ** 31 - 1;
    for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++)
      setArray(k, cache, cpu, k.i32[ownArrays(k, cache) + cpu]);
  }
}

/** What a debugging heap does with its objects. All of it has the heap's lock. */
export class HeapDebug {
  readonly #core: HeapCore;
  readonly #image: MemoryImage;
  readonly #sites: CallSites;

  constructor(core: HeapCore) {
    this.#core = core;
    this.#image = core.image;
    this.#sites = new CallSites(core.image);
    core.beforeShrink = (cache) => this.#forgetFree(cache);
  }

  /**
   * @param alignment of the pointer, a power of two
   * @returns a pointer, or 0
   */
  malloc(size: number, alignment: number, threadId: number): number {
    const site = callSite();
    return this.#core.lock.run(() => {
      const room = HEADER_BYTES + size + RED_ZONE_BYTES + Math.max(0, alignment - HEADER_BYTES);
      const start = room > LARGEST ? 0 : this.#core.allocateLocked(room);
      if (start === 0) return 0;
      const { i32 } = this.#image;
      const place = this.#core.locate(start);
      this.#checkPoison(place);
      const offset = Math.ceil((start + HEADER_BYTES) / alignment) * alignment - start;
      const header = start / 4;
      i32[header + AT.state] = 0;
      i32[header + AT.size] = size;
      i32[header + AT.offset] = offset;
      i32[header + AT.site] = this.#sites.number(site);
      i32[header + AT.thread] = threadId;
      i32[header + AT.guard] = GUARD;
      paintRedZones(this.#image, start, start + place.size, offset, size);
      i32[header + AT.state] = LIVE;
      return start + offset;
    });
  }

  /** Looks at an object that is about to be given out. If it is damaged, it stays free, in order again. */
  #checkPoison(place: Place): void {
    const header = place.start / 4;
    const { i32 } = this.#image;
    const damage = i32[header + AT.state] === FREED ? poisonDamage(this.#image, place.start) : -1;
    if (damage < 0) return;
    poison(this.#image, place.start);
    this.#core.releaseLocked(place);
    throw new HeapError('USE_AFTER_FREE', this.#describeDamage(header, damage), place.start);
  }

  #describeDamage(header: number, damage: number): string {
    const at = header * 4 + this.#image.i32[header + AT.offset] + damage;
    return `somebody wrote to free memory, at ${hex(at)}; it ${this.#describeFree(header)}`;
  }

  /** @throws HeapError when the pointer is none of an object that is out, or somebody wrote beyond its ends */
  free(pointer: number, threadId: number): void {
    const site = callSite();
    this.#core.lock.run(() => {
      const place = this.#locate(pointer, 'DOUBLE_FREE');
      const { i32 } = this.#image;
      const header = place.start / 4;
      const problem = this.#damage(place);
      i32[header + AT.free_site] = this.#sites.number(site);
      i32[header + AT.free_thread] = threadId;
      i32[header + AT.state] = FREED;
      poison(this.#image, place.start);
      this.#core.releaseLocked(place);
      if (problem !== undefined) throw new HeapError('OUT_OF_BOUNDS', problem, pointer);
    });
  }

  /**
   * The bytes that a pointer's user asked for.
   *
   * @param ifFree what it is to ask that of memory that was freed
   */
  usableSize(pointer: number, ifFree: HeapErrorCode): number {
    return this.#core.lock.run(() => this.#image.i32[this.#locate(pointer, ifFree).start / 4 + AT.size]);
  }

  /** All that is wrong with objects, and what is out. With the lock held. */
  inspect(): { problems: string[]; live: LiveObjects[] } {
    const problems: string[] = [];
    const live = new Map<string, LiveObjects>();
    this.#each((place, isFree) => {
      const header = place.start / 4;
      const { i32 } = this.#image;
      if (isFree) {
        const damage = i32[header + AT.state] === FREED ? poisonDamage(this.#image, place.start) : -1;
        if (damage >= 0) problems.push(this.#describeDamage(header, damage));
      } else if (i32[header + AT.state] === LIVE) {
        const problem = this.#damage(place);
        if (problem !== undefined) problems.push(problem);
        this.#add(live, place);
      }
    });
    return { problems, live: [...live.values()].sort((a, b) => b.bytes - a.bytes) };
  }

  #add(live: Map<string, LiveObjects>, { start }: Place): void {
    const { i32 } = this.#image;
    const header = start / 4;
    const thread = i32[header + AT.thread];
    const key = `${i32[header + AT.site]} ${thread}`;
    const before = live.get(key);
    live.set(key, {
      site: this.#sites.text(i32[header + AT.site]),
      thread,
      count: (before?.count ?? 0) + 1,
      bytes: (before?.bytes ?? 0) + i32[header + AT.size],
      pointer: before?.pointer ?? start + i32[header + AT.offset],
    });
  }

  /** The object that a pointer is of, which is out. */
  #locate(pointer: number, ifFree: HeapErrorCode): Place {
    const place = this.#core.locate(pointer);
    const { i32 } = this.#image;
    const header = place.start / 4;
    const state = i32[header + AT.state];
    const isItsOwn = pointer === place.start + i32[header + AT.offset];
    if (isItsOwn && state === FREED)
      throw new HeapError(ifFree, `${hex(pointer)} ${this.#describeFree(header)} already`, pointer);
    if (!isItsOwn && state === LIVE)
      throw new HeapError('WILD_POINTER', `${hex(pointer)} points into the middle of an object`, pointer);
    if (state !== LIVE)
      throw new HeapError('WILD_POINTER', `${hex(pointer)} is no pointer of this heap`, pointer);
    return place;
  }

  #describeFree(header: number): string {
    const { i32 } = this.#image;
    const freedAt = this.#sites.text(i32[header + AT.free_site]);
    const allocatedAt = this.#sites.text(i32[header + AT.site]);
    return (
      `was freed by thread ${i32[header + AT.free_thread]} at ${freedAt}, ` +
      `allocated by thread ${i32[header + AT.thread]} at ${allocatedAt}`
    );
  }

  /** What is wrong around the bytes of an object that is out. */
  #damage({ start, size }: Place): string | undefined {
    const distance = redZoneDamage(this.#image, start, start + size);
    if (distance === 0) return undefined;
    const { i32 } = this.#image;
    const header = start / 4;
    const where = distance < 0 ? `${-distance} before the first` : `${distance} behind the last`;
    return (
      `somebody wrote beyond ${hex(start + i32[header + AT.offset])}, byte ${where} of its ${i32[header + AT.size]}; ` +
      `allocated by thread ${i32[header + AT.thread]} at ${this.#sites.text(i32[header + AT.site])}`
    );
  }

  /** All objects of the sizes that users get. */
  #each(visit: (place: Place, isFree: boolean) => void): void {
    const { kernel: k, caches, general } = this.#core;
    const found = findSlabs(k, caches);
    for (const cache of general) {
      if (cache === 0) continue;
      const inArrays = freeObjects(k, cache, this.#core.places());
      for (const { slab } of found.get(cache) ?? []) {
        const chain = freeInSlab(k, cache, slab);
        for (let index = 0; index < k.i32[cache + KMEM_CACHE.at.num]; index++) {
          const start = objectSlot(k, cache, slab, index) * 4;
          const place = { cache, slab, index, start, size: k.i32[cache + KMEM_CACHE.at.buffer_size] };
          visit(place, inArrays.has(start >>> 2) || chain.has(index));
        }
      }
    }
  }

  /** Free objects of a cache are to become pages: what is written there later is no misuse. */
  #forgetFree(cache: number): void {
    const { kernel: k, caches } = this.#core;
    for (const { slab } of findSlabs(k, caches).get(cache) ?? []) {
      for (let index = 0; index < k.i32[cache + KMEM_CACHE.at.num]; index++) {
        const header = objectSlot(k, cache, slab, index);
        if (this.#image.i32[header + AT.state] === FREED) this.#image.i32[header + AT.state] = 0;
      }
    }
  }
}
