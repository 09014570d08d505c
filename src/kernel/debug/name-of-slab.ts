import { PAGE_SHIFT, WORDS_PER_SECTION } from '../../arch/page.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { IMAGE_SECTIONS } from '../core/limits.js';
import { PAGE, pageOf, pfn_valid, PG_slab } from '../mm/page.js';
import { cacheName } from '../slab/cache-name.js';
import {
  ARRAY_CACHE,
  ARRAYS,
  CACHE_STATISTICS,
  cacheStatistics,
  cacheWords,
  ENTRY,
  KMEM_CACHE,
  KMEM_LIST3,
  nodeList,
  nodeListsOf,
  ownArrays,
  SLAB,
  slab_bufctl,
} from '../slab/kmem-cache.js';

/** Caches that are looked at: the chain can be damaged. */
const MOST_CACHES = 4096;

const FRAME_SHIFT = PAGE_SHIFT - 2;
const NEXT = KMEM_CACHE.at.next;

/**
 * What lies at a word of the image, if the slab allocator has it there: a word of a cache, of its lists or arrays, of what
 * describes a slab, or of an object. Looks at all caches; any thread, any state of the image.
 */
export function slabWordName(k: Cpu, index: number): string | undefined {
  const { i32 } = k;
  let link = i32[KERNEL.cache_chain];
  for (let i = 0; i < MOST_CACHES && link !== KERNEL.cache_chain; i++) {
    const cache = link - NEXT;
    if (!(cache > 0 && cache + cacheWords(k) <= i32.length)) break;
    const name = partOfCache(k, cache, index);
    if (name !== undefined) return `cache ${nameOfCache(k, cache)}, ${name}`;
    link = i32[link];
  }
  return partOfSlab(k, index);
}

function nameOfCache(k: Cpu, cache: number): string {
  return cacheName(k, cache) ?? '<lost>';
}

function partOfCache(k: Cpu, cache: number, index: number): string | undefined {
  const offset = index - cache;
  if (offset >= 0 && offset < KMEM_CACHE.words) return KMEM_CACHE.nameAt(offset).slice(1);
  if (offset >= 0 && offset < cacheWords(k)) return tableName(k, cache, index);
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    const name = arrayName(k, k.i32[ownArrays(k, cache) + cpu], index);
    if (name !== undefined) return `cpu ${cpu} array${name}`;
  }
  for (let node = 0; node < k.i32[KERNEL.nr_nodes]; node++) {
    const name = partOfList(k, nodeList(k, cache, node), index);
    if (name !== undefined) return `node ${node} ${name}`;
  }
  return undefined;
}

/** What is behind a cache. */
function tableName(k: Cpu, cache: number, index: number): string {
  if (index < nodeListsOf(k, cache)) return `shortcut[${index - cache - ARRAYS}]`;
  if (index < ownArrays(k, cache)) return `nodelists[${index - nodeListsOf(k, cache)}]`;
  const counted = index - cacheStatistics(k, cache);
  return counted < 0
    ? `array[${index - ownArrays(k, cache)}]`
    : `statistics${CACHE_STATISTICS.nameAt(counted)}`;
}

function partOfList(k: Cpu, list: number, index: number): string | undefined {
  const { i32 } = k;
  if (list === 0) return undefined;
  if (index >= list && index < list + KMEM_LIST3.words)
    return fieldName(KMEM_LIST3.nameAt(index - list)).slice(1);
  const shared = arrayName(k, i32[list + KMEM_LIST3.at.shared], index);
  if (shared !== undefined) return `shared${shared}`;
  const table = i32[list + KMEM_LIST3.at.alien];
  if (table === 0) return undefined;
  for (let other = 0; other < i32[KERNEL.nr_nodes]; other++) {
    if (index === table + other) return `alien[${other}]`;
    const name = arrayName(k, i32[table + other], index);
    if (name !== undefined) return `alien[${other}]${name}`;
  }
  return undefined;
}

/** A word of an array, as a suffix. */
function arrayName(k: Cpu, array: number, index: number): string | undefined {
  if (!(array > 0) || index < array) return undefined;
  if (index < array + ENTRY) return fieldName(ARRAY_CACHE.nameAt(index - array));
  const entry = index - array - ENTRY;
  return entry < k.i32[array + ARRAY_CACHE.at.limit] ? `[${entry}]` : undefined;
}

/** The word of a lock is called as the lock. */
function fieldName(name: string): string {
  return name.endsWith('.slock') ? name.slice(0, -'.slock'.length) : name;
}

/** A word in the pages of a slab. */
function partOfSlab(k: Cpu, index: number): string | undefined {
  const { i32 } = k;
  const section = Math.floor(index / WORDS_PER_SECTION);
  if (!(section >= 0 && section < IMAGE_SECTIONS)) return undefined;
  const slot = i32[KERNEL.image_sections + section] * WORDS_PER_SECTION + (index % WORDS_PER_SECTION);
  const frame = Math.floor(slot / (1 << FRAME_SHIFT));
  if (!pfn_valid(k, frame)) return undefined;
  const page = pageOf(i32, frame);
  if ((i32[page + PAGE.at.flags] & (1 << PG_slab)) === 0) return undefined;
  const cache = i32[page + PAGE.at.lru];
  const slab = i32[page + PAGE.at.lru + 1];
  if (!(cache > 0 && cache + cacheWords(k) <= i32.length && slab > 0 && slab + SLAB.words <= i32.length))
    return undefined;
  return `cache ${nameOfCache(k, cache)}, ${wordOfSlab(k, cache, slab, index, slot)}`;
}

function wordOfSlab(k: Cpu, cache: number, slab: number, index: number, slot: number): string {
  const { i32 } = k;
  const described = `slab at word ${slab}`;
  if (index >= slab && index < slab + SLAB.words)
    return `${described}, ${SLAB.nameAt(index - slab).slice(1)}`;
  const num = i32[cache + KMEM_CACHE.at.num];
  const bufctl = index - slab_bufctl(k, slab);
  if (bufctl >= 0 && bufctl < num) return `${described}, bufctl[${bufctl}]`;
  const words = i32[cache + KMEM_CACHE.at.buffer_size] / 4;
  const offset = slot - (i32[slab + SLAB.at.s_mem] >>> 0);
  const number = Math.floor(offset / words);
  if (!(number >= 0 && number < num)) return `${described}, unused word ${slot}`;
  return `object ${number} of the ${described}, byte ${(offset - number * words) * 4}`;
}

/** Of which cache and slab a page is; undefined when it is of none. Any state of the image. */
export function slabOfFrame(k: Cpu, frame: number): string | undefined {
  if (!pfn_valid(k, frame)) return undefined;
  const page = pageOf(k.i32, frame);
  if ((k.i32[page + PAGE.at.flags] & (1 << PG_slab)) === 0) return undefined;
  const cache = k.i32[page + PAGE.at.lru];
  if (!(cache > 0 && cache + cacheWords(k) <= k.i32.length)) return undefined;
  return `page of a slab of cache ${nameOfCache(k, cache)}`;
}
