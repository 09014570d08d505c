import type { Cpu } from '../kernel/core/cpu.js';
import { KERNEL } from '../kernel/core/kernel-data.js';
import { PAGE, pageOf, PG_reserved, PG_slab } from '../kernel/mm/page.js';
import { firstCache, nextCache } from '../kernel/slab/cache-chain.js';
import {
  ARRAY_CACHE,
  BUFCTL_END,
  ENTRY,
  KMEM_CACHE,
  KMEM_LIST3,
  nodeList,
  ownArrays,
  SLAB,
  slab_bufctl,
} from '../kernel/slab/kmem-cache.js';
import { CFLGS_OFF_SLAB } from '../kernel/slab/slab-flags.js';
import { slotFrame, wordSlot } from '../kernel/slab/slot.js';

/** What there is in a heap, found without its lists: from the pages, which say what they are. Under the heap's lock. */

const {
  num: NUM,
  buffer_size: BUFFER_SIZE,
  gfporder: ORDER,
  flags: FLAGS,
  slabp_cache: SLABP_CACHE,
} = KMEM_CACHE.at;
const { s_mem: S_MEM, free: FREE } = SLAB.at;

/** A slab of a cache. */
export interface Slab {
  /** Word index of its description, and its first frame. */
  readonly slab: number;
  readonly pfn: number;
}

/** All caches of a heap. Constant: a heap makes none later. Those that describe slabs of others come first. */
export function allCaches(k: Cpu): number[] {
  const caches: number[] = [];
  for (let cache = firstCache(k); cache !== 0; cache = nextCache(k, cache)) caches.push(cache);
  return caches.sort((a, b) => Number(isOffSlab(k, a)) - Number(isOffSlab(k, b)));
}

/** Whether what describes a cache's slabs lies in objects of another cache. */
export function isOffSlab(k: Cpu, cache: number): boolean {
  return (k.i32[cache + FLAGS] & CFLGS_OFF_SLAB) !== 0;
}

/**
 * The whole slabs of each cache: all pages say that they belong to the same. Where a thread died while it made or ended a
 * slab, they do not, or what describes the slab is a free object (see {@link isDescribed}).
 */
export function findSlabs(k: Cpu, caches: readonly number[]): Map<number, Slab[]> {
  const { i32 } = k;
  const found = new Map<number, Slab[]>(caches.map((cache) => [cache, []]));
  for (let pfn = 1; pfn < i32[KERNEL.max_pfn];) {
    const page = pageOf(i32, pfn);
    const slabs = isSlabPage(k, page) ? found.get(i32[page + PAGE.at.lru]) : undefined;
    const pages = slabs === undefined ? 1 : 1 << i32[i32[page + PAGE.at.lru] + ORDER];
    if (slabs === undefined || !isWhole(k, pfn, pages)) pfn++;
    else {
      slabs.push({ slab: i32[page + PAGE.at.lru + 1], pfn });
      pfn += pages;
    }
  }
  return found;
}

/** Whether a page says that it is one of a slab, and of which. */
function isSlabPage(k: Cpu, page: number): boolean {
  return (k.i32[page + PAGE.at.flags] & ((1 << PG_slab) | (1 << PG_reserved))) === 1 << PG_slab;
}

function isWhole(k: Cpu, pfn: number, pages: number): boolean {
  const { i32 } = k;
  const first = pageOf(i32, pfn);
  const slab = i32[first + PAGE.at.lru + 1];
  if (slab === 0 || (pfn & (pages - 1)) !== 0) return false;
  for (let i = 0; i < pages; i++) {
    const page = pageOf(i32, pfn + i);
    const isSame =
      i32[page + PAGE.at.lru] === i32[first + PAGE.at.lru] && i32[page + PAGE.at.lru + 1] === slab;
    if (!isSlabPage(k, page) || !isSame) return false;
  }
  return slotFrame(i32[slab + S_MEM]) === pfn;
}

/** The cache that the descriptions of a cache's slabs come from; 0: they lie in the slabs. */
export function descriptionCache(k: Cpu, cache: number): number {
  return isOffSlab(k, cache) ? k.i32[cache + SLABP_CACHE] : 0;
}

/** The slot of a slab's description. */
export function descriptionSlot(k: Cpu, slab: number): number {
  return wordSlot(k, slab);
}

/** The numbers of the free objects of a slab, by its chain, as far as that is one. */
export function freeInSlab(k: Cpu, cache: number, slab: number): Set<number> {
  const { i32 } = k;
  const free = new Set<number>();
  const bufctl = slab_bufctl(k, slab);
  for (let index = i32[slab + FREE]; index !== BUFCTL_END; index = i32[bufctl + index]) {
    if (!(index >= 0 && index < i32[cache + NUM]) || free.has(index)) break;
    free.add(index);
  }
  return free;
}

/** The slot of an object of a slab. */
export function objectSlot(k: Cpu, cache: number, slab: number, index: number): number {
  return (k.i32[slab + S_MEM] + (index * k.i32[cache + BUFFER_SIZE]) / 4) >>> 0;
}

/** Which object of its slab a slot is in; not an integer, or beyond the last, if it is none's beginning. */
export function objectIndex(k: Cpu, cache: number, slab: number, slot: number): number {
  return ((slot >>> 0) - (k.i32[slab + S_MEM] >>> 0)) / (k.i32[cache + BUFFER_SIZE] / 4);
}

/** The arrays of free objects that a cache has, the node's at the end if it has one. */
export function arraysOf(k: Cpu, cache: number, places: readonly number[], shared: boolean): number[] {
  const { i32 } = k;
  const arrays: number[] = [];
  for (const place of places) arrays.push(i32[ownArrays(k, cache) + place]);
  if (shared) arrays.push(i32[nodeList(k, cache, 0) + KMEM_LIST3.at.shared]);
  return arrays.filter((array) => array !== 0);
}

/** The slots in an array. */
export function slotsIn(k: Cpu, array: number): number[] {
  const slots: number[] = [];
  for (let i = 0; i < k.i32[array + ARRAY_CACHE.at.avail]; i++) slots.push(k.i32[array + ENTRY + i] >>> 0);
  return slots;
}

/** The slots of all free objects that a cache has in arrays. */
export function freeObjects(k: Cpu, cache: number, places: readonly number[]): Set<number> {
  const slots = new Set<number>();
  for (const array of arraysOf(k, cache, places, true)) for (const slot of slotsIn(k, array)) slots.add(slot);
  return slots;
}
