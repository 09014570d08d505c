import type { Cpu } from '../kernel/core/cpu.js';
import { CPU_AREA } from '../kernel/core/cpu-area.js';
import { KERNEL } from '../kernel/core/kernel-data.js';
import { INIT_LIST_HEAD, list_add } from '../kernel/core/list.js';
import { __free_one_page } from '../kernel/mm/buddy.js';
import { PAGE, pageOf, PG_reserved, PG_ZONE_SHIFT, zoneOfFlags } from '../kernel/mm/page.js';
import { __mod_zone_page_state } from '../kernel/mm/vmstat.js';
import {
  FREE_AREA,
  freeArea,
  MAX_ORDER,
  NR_FREE_PAGES,
  NR_SLAB_RECLAIMABLE,
  NR_SLAB_UNRECLAIMABLE,
  NR_VM_ZONE_STAT_ITEMS,
  PCP_COLD,
  PCP_HOT,
  PER_CPU_PAGES,
  PER_CPU_PAGESET,
  populatedZones,
  ZONE,
} from '../kernel/mm/zone.js';
import { MIGRATE_TYPES } from '../kernel/mm/gfp.js';
import {
  ARRAY_CACHE,
  KMEM_CACHE,
  KMEM_LIST3,
  nodeList,
  SLAB,
  slab_bufctl,
} from '../kernel/slab/kmem-cache.js';
import { slotCache, slotSlab } from '../kernel/slab/slot.js';
import {
  allCaches,
  arraysOf,
  descriptionCache,
  descriptionSlot,
  findSlabs,
  freeInSlab,
  objectIndex,
  type Slab,
  slotsIn,
} from './slab-survey.js';

/**
 * Makes a heap whole after a thread has ended at any point inside the allocator. Nobody else is inside: the caller has the
 * heap's lock.
 *
 * What is believed: which pages are slabs' and of which (see {@link findSlabs}), and the chains of free objects of the slabs, which
 * change by one store at a time. What the dead thread's arrays and the shared ones hold is free, too, if no chain has it; the
 * arrays of others are theirs, and stay. Everything else is made anew from that: lists, counts, the buddy system. All of it
 * can be done again when it was done in part.
 *
 * Objects that the dead thread had allocated stay allocated, also one that it was about to get or to give back. At the worst
 * instant the object that describes a new slab is lost.
 *
 * @param k any place's
 * @param places those of threads that are not in their arrays now and will find them empty: dead ones, free ones, and
 *   those that have died inside
 */
export function rebuildHeap(k: Cpu, places: readonly number[]): void {
  for (const place of places) resetPlace(k, place);
  const caches = allCaches(k);
  const found = findSlabs(k, caches);
  for (const cache of caches) {
    k.i32[nodeList(k, cache, 0) + KMEM_LIST3.at.list_lock] = 0;
    const slabs = describedSlabs(k, cache, found);
    found.set(cache, slabs);
    collectFree(k, cache, new Set(slabs.map(({ slab }) => slab)), places);
    fileSlabs(k, cache, slabs);
  }
  k.i32[KERNEL.cache_chain_lock] = 0;
  k.i32[KERNEL.logbuf_lock] = 0;
  rebuildZones(k, found);
}

/** The CPU of a place does nothing now. */
function resetPlace(k: Cpu, place: number): void {
  const area = k.i32[KERNEL.cpu_area + place];
  k.i32[area + CPU_AREA.at.locks_held] = 0;
  k.i32[area + CPU_AREA.at.preempt_count] = 0;
  k.i32[area + CPU_AREA.at.irqs_disabled] = 0;
  k.i32[area + CPU_AREA.at.pageInTransit] = 0;
}

/** The slabs of a cache but for those whose description is free: they were being ended. */
function describedSlabs(k: Cpu, cache: number, found: ReadonlyMap<number, Slab[]>): Slab[] {
  const slabs = found.get(cache) ?? [];
  const describing = descriptionCache(k, cache);
  // That cache's slabs describe themselves, and it has been put in order before.
  return describing === 0
    ? slabs
    : slabs.filter(({ slab }) => isOut(k, describing, descriptionSlot(k, slab)));
}

/** Whether an object is not in the chain of its slab. */
function isOut(k: Cpu, cache: number, slot: number): boolean {
  const slab = slotSlab(k, slot);
  return !freeInSlab(k, cache, slab).has(objectIndex(k, cache, slab, slot));
}

/** What is free and in arrays that nobody uses goes back to its slab, each object once. */
function collectFree(k: Cpu, cache: number, slabs: ReadonlySet<number>, places: readonly number[]): void {
  const { i32 } = k;
  const free = new Map<number, Set<number>>();
  for (const array of arraysOf(k, cache, places, true)) {
    for (const slot of slotsIn(k, array)) {
      const slab = slotSlab(k, slot);
      // Its slab has been ended already.
      if (slotCache(k, slot) !== cache || !slabs.has(slab)) continue;
      const chain = free.get(slab) ?? freeInSlab(k, cache, slab);
      free.set(slab, chain);
      const index = objectIndex(k, cache, slab, slot);
      if (chain.has(index)) continue;
      chain.add(index);
      i32[slab_bufctl(k, slab) + index] = i32[slab + SLAB.at.free];
      i32[slab + SLAB.at.free] = index;
    }
    i32[array + ARRAY_CACHE.at.avail] = 0;
  }
}

/** Makes the lists of a cache's slabs, and all that is counted. */
function fileSlabs(k: Cpu, cache: number, slabs: readonly Slab[]): void {
  const { i32 } = k;
  const list = nodeList(k, cache, 0);
  const num = i32[cache + KMEM_CACHE.at.num];
  const { slabs_partial: partial, slabs_full: full, slabs_free: empty, free_objects } = KMEM_LIST3.at;
  for (const head of [partial, full, empty]) INIT_LIST_HEAD(i32, list + head);
  let freeObjects = 0;
  for (const { slab } of slabs) {
    const free = freeInSlab(k, cache, slab).size;
    freeObjects += free;
    i32[slab + SLAB.at.inuse] = num - free;
    list_add(i32, slab, list + (free === 0 ? full : free === num ? empty : partial));
  }
  i32[list + free_objects] = freeObjects;
}

/** Makes the buddy system anew: free are all pages that are neither reserved nor those of a slab. */
function rebuildZones(k: Cpu, found: ReadonlyMap<number, Slab[]>): void {
  const { i32 } = k;
  const isUsed = new Uint8Array(i32[KERNEL.max_pfn] + 1);
  for (const [cache, slabs] of found) {
    const pages = 1 << i32[cache + KMEM_CACHE.at.gfporder];
    for (const { pfn } of slabs) isUsed.fill(1, pfn, pfn + pages);
  }
  for (const zone of populatedZones(k)) {
    emptyZone(k, zone);
    for (let pfn = 0; pfn < i32[KERNEL.max_pfn]; pfn++) {
      const page = pageOf(i32, pfn);
      const flags = i32[page + PAGE.at.flags];
      if ((flags & (1 << PG_reserved)) !== 0) isUsed[pfn] = 1;
      else if (isUsed[pfn] === 0) cleanPage(i32, page);
      else if (zoneOfFlags(i32, flags) === zone) __mod_zone_page_state(k, zone, NR_SLAB_UNRECLAIMABLE, 1);
    }
    const start = i32[zone + ZONE.at.zone_start_pfn];
    freeRuns(k, zone, isUsed, start, start + i32[zone + ZONE.at.spanned_pages]);
  }
}

/** A zone without free pages, and page sets without pages. */
function emptyZone(k: Cpu, zone: number): void {
  const { i32 } = k;
  i32[zone + ZONE.at.lock] = 0;
  for (let order = 0; order < MAX_ORDER; order++) {
    i32[freeArea(zone, order) + FREE_AREA.at.nr_free] = 0;
    for (let type = 0; type < MIGRATE_TYPES; type++)
      INIT_LIST_HEAD(i32, freeArea(zone, order) + FREE_AREA.at.free_list + 2 * type);
  }
  for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) {
    const set = i32[zone + ZONE.at.pageset + cpu];
    for (const list of [PCP_HOT, PCP_COLD]) {
      const pcp = set + list * PER_CPU_PAGES.words;
      i32[pcp + PER_CPU_PAGES.at.count] = 0;
      INIT_LIST_HEAD(i32, pcp + PER_CPU_PAGES.at.list);
    }
    const diff = set + PER_CPU_PAGESET.at.vm_stat_diff;
    i32.fill(0, diff, diff + NR_VM_ZONE_STAT_ITEMS);
  }
  for (const item of [NR_FREE_PAGES, NR_SLAB_RECLAIMABLE, NR_SLAB_UNRECLAIMABLE])
    i32[zone + ZONE.at.vm_stat + item] = 0;
}

/** A page that is about to be freed, whatever it was. */
function cleanPage(i32: Int32Array, page: number): void {
  i32[page + PAGE.at.flags] &= -1 << PG_ZONE_SHIFT;
  i32[page + PAGE.at._count] = 0;
  i32[page + PAGE.at.mapping] = 0;
  i32[page + PAGE.at._mapcount] = -1;
  i32[page + PAGE.at.private] = 0;
  i32[page + PAGE.at.lru] = 0;
  i32[page + PAGE.at.lru + 1] = 0;
}

/** Frees the pages of a zone that nobody uses, in blocks as large as can be. */
function freeRuns(k: Cpu, zone: number, isUsed: Uint8Array, start: number, end: number): void {
  for (let pfn = start; pfn < end;) {
    if (isUsed[pfn] !== 0) {
      pfn++;
      continue;
    }
    let order = 0;
    while (order < MAX_ORDER - 1 && isFreeBlock(isUsed, pfn, order + 1, end)) order++;
    __free_one_page(k, zone, pfn, order);
    pfn += 1 << order;
  }
}

function isFreeBlock(isUsed: Uint8Array, pfn: number, order: number, end: number): boolean {
  const pages = 1 << order;
  if ((pfn & (pages - 1)) !== 0 || pfn + pages > end) return false;
  for (let i = pages >>> 1; i < pages; i++) if (isUsed[pfn + i] !== 0) return false;
  return true;
}
