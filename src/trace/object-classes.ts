import { type CacheLayout, cacheLayout } from './cache-layout.js';
import { EventKind, type KmemEvent, NO_TEXT } from './kmem-event.js';
import { type TextNumbers } from './text-numbers.js';

/** Caches that a replay creates at most; the objects of all further ones come from kmalloc. */
const MAX_CACHES = 512;

/** Classes that are told apart. */
const MAX_CLASSES = 8192;

/** The longest name of a cache (characters). */
const MAX_NAME = 63;

/** The `cache` of a class whose objects come from kmalloc. */
export const NO_CACHE = -1;

/** A cache to create for a replay. */
export interface CacheSpec extends CacheLayout {
  readonly name: string;
}

/** Objects that the traced kernel took from the same place: a cache, or its kmalloc objects of one size. */
export interface ObjectClass {
  /** The cache's name in the trace, or `kmalloc-N` with the size given. */
  readonly name: string;
  /** Index of the replay's cache, or {@link NO_CACHE}. */
  readonly cache: number;
}

/** The classes of a trace's objects, and the caches that a machine needs for them. */
export class ObjectClasses {
  /** The caches to create, by index. It grows while the trace is read. */
  readonly caches: CacheSpec[] = [];

  readonly #names: TextNumbers;
  readonly #largest: number;
  readonly #taken: Set<string>;
  readonly #classes: ObjectClass[] = [];
  /** Class numbers of kmalloc objects by size given. */
  readonly #bySize = new Map<number, number>();
  /** For each name of a cache, its classes by size: one, unless two caches have the same name. */
  readonly #byName: { requested: number; allocated: number; number: number }[][] = [];

  /**
   * @param names the names that events refer to
   * @param largest the largest object that a cache may have (bytes)
   * @param taken names of caches that the machine has already
   */
  constructor(names: TextNumbers, largest: number, taken: Iterable<string>) {
    this.#names = names;
    this.#largest = largest;
    this.#taken = new Set(taken);
  }

  /** The number of the class that an allocation belongs to. */
  numberOf(event: KmemEvent): number {
    if (event.kind === EventKind.objectAlloc) return this.#kmallocNumber(event.bytesAllocated);
    const { cache, bytesRequested: requested, bytesAllocated: allocated } = event;
    // The first text stands for caches without a name.
    const known = (this.#byName[cache + 1] ??= []);
    for (const entry of known) {
      if (entry.requested === requested && entry.allocated === allocated) return entry.number;
    }
    if (this.#classes.length >= MAX_CLASSES) return this.#further();
    const name = cache === NO_TEXT ? `cache-${allocated}` : this.#names.text(cache);
    const number = this.#add(name, this.#addCache(name, requested, allocated));
    known.push({ requested, allocated, number });
    return number;
  }

  /** The class of a number. */
  get(number: number): ObjectClass {
    return this.#classes[number];
  }

  #kmallocNumber(allocated: number): number {
    const known = this.#bySize.get(allocated);
    if (known !== undefined) return known;
    if (this.#classes.length >= MAX_CLASSES) return this.#further();
    const number = this.#add(`kmalloc-${allocated}`, NO_CACHE);
    this.#bySize.set(allocated, number);
    return number;
  }

  /** The number of a new cache, or NO_CACHE when its objects have to come from kmalloc. */
  #addCache(name: string, requested: number, allocated: number): number {
    const layout = cacheLayout(requested, allocated);
    if (this.caches.length >= MAX_CACHES || layout.size > this.#largest) return NO_CACHE;
    return this.caches.push({ name: this.#freeName(name), ...layout }) - 1;
  }

  #add(name: string, cache: number): number {
    return this.#classes.push({ name, cache }) - 1;
  }

  /** The class that stands for all further ones. */
  #further(): number {
    if (this.#classes.length === MAX_CLASSES) this.#add('(further caches)', NO_CACHE);
    return MAX_CLASSES;
  }

  /** The name as /proc/slabinfo can have it, in one word, and different from all others. */
  #freeName(name: string): string {
    const word = name.replaceAll(/[^!-~]/g, '_').slice(0, MAX_NAME);
    let free = word;
    for (let times = 2; this.#taken.has(free); times++) {
      const suffix = `~${times}`;
      free = word.slice(0, MAX_NAME - suffix.length) + suffix;
    }
    this.#taken.add(free);
    return free;
  }
}
