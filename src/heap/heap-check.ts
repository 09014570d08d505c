import type { Cpu } from '../kernel/core/cpu.js';
import { KERNEL } from '../kernel/core/kernel-data.js';
import { PAGE, pageOf, PG_buddy, PG_reserved } from '../kernel/mm/page.js';
import {
  FREE_AREA,
  freeArea,
  MAX_ORDER,
  NR_FREE_PAGES,
  PCP_COLD,
  PCP_HOT,
  PER_CPU_PAGES,
  populatedZones,
  ZONE,
} from '../kernel/mm/zone.js';
import { MIGRATE_TYPES } from '../kernel/mm/gfp.js';
import { kmem_cache_name } from '../kernel/slab/cache-name.js';
import { KMEM_CACHE, KMEM_LIST3, nodeList, SLAB } from '../kernel/slab/kmem-cache.js';
import { slotCache, slotSlab } from '../kernel/slab/slot.js';
import { hex } from './heap-error.js';
import { arraysOf, findSlabs, freeInSlab, objectIndex, type Slab, slotsIn } from './slab-survey.js';

/**
 * Whether the allocator of a heap is whole: everything that is found from the pages is in the lists, and the other way round,
 * each thing once. With the heap's lock held.
 *
 * @param places those whose arrays nobody changes meanwhile
 * @returns what is wrong, a line each
 */
export function checkAllocator(k: Cpu, caches: readonly number[], places: readonly number[]): string[] {
  const problems: string[] = [];
  const found = findSlabs(k, caches);
  for (const cache of caches) {
    const slabs = found.get(cache) ?? [];
    const report = (text: string): void => {
      problems.push(`${kmem_cache_name(k, cache)}: ${text}`);
    };
    checkLists(k, cache, slabs, report);
    checkArrays(k, cache, slabs, places, report);
  }
  checkPages(k, found, (text) => problems.push(text));
  return problems;
}

type Report = (text: string) => void;

/** Each slab is in the list that it belongs to. */
function checkLists(k: Cpu, cache: number, slabs: readonly Slab[], report: Report): void {
  const { i32 } = k;
  const list = nodeList(k, cache, 0);
  const num = i32[cache + KMEM_CACHE.at.num];
  const { slabs_partial: partial, slabs_full: full, slabs_free: empty, free_objects } = KMEM_LIST3.at;
  const heads = new Map<number, number>();
  for (const head of [partial, full, empty]) {
    for (const slab of entries(k, list + head, slabs.length, report)) {
      if (heads.has(slab)) report(`the slab ${hex(slab * 4)} is in its lists twice`);
      heads.set(slab, head);
    }
  }
  let free = 0;
  for (const { slab } of slabs) {
    const count = freeInSlab(k, cache, slab).size;
    free += count;
    if (i32[slab + SLAB.at.inuse] !== num - count)
      report(
        `the slab ${hex(slab * 4)} says that ${i32[slab + SLAB.at.inuse]} of its objects are out; ${num - count} are`,
      );
    const wanted = count === 0 ? full : count === num ? empty : partial;
    if (heads.get(slab) !== wanted) report(`the slab ${hex(slab * 4)} is in the wrong list, or in none`);
    heads.delete(slab);
  }
  for (const slab of heads.keys()) report(`the pages of ${hex(slab * 4)}, which is in a list, are no slab`);
  if (i32[list + free_objects] !== free)
    report(`${i32[list + free_objects]} objects are said to be free; ${free} are`);
  if (i32[list + KMEM_LIST3.at.list_lock] !== 0) report('the lock of the lists is taken');
}

/** The entries of a list, as far as its links are right. */
function entries(k: Cpu, head: number, most: number, report: Report): number[] {
  const { i32 } = k;
  const links: number[] = [];
  let previous = head;
  for (let link = i32[head]; link !== head; link = i32[link]) {
    if (link <= 0 || link >= i32.length || i32[link + 1] !== previous || links.length > most) {
      report('the links of a list are damaged');
      break;
    }
    links.push(link);
    previous = link;
  }
  return links;
}

/** What an array holds are objects of the cache, which are in no chain and in no other array. */
function checkArrays(
  k: Cpu,
  cache: number,
  slabs: readonly Slab[],
  places: readonly number[],
  report: Report,
): void {
  const chains = new Map(slabs.map(({ slab }) => [slab, freeInSlab(k, cache, slab)]));
  const seen = new Set<number>();
  for (const array of arraysOf(k, cache, places, true)) {
    for (const slot of slotsIn(k, array)) {
      const slab = slotSlab(k, slot);
      const chain = slotCache(k, slot) === cache ? chains.get(slab) : undefined;
      const index = chain === undefined ? -1 : objectIndex(k, cache, slab, slot);
      if (chain === undefined || !Number.isInteger(index))
        report(`${hex(slot * 4)}, which is in an array, is no object`);
      else if (chain.has(index) || seen.has(slot)) report(`${hex(slot * 4)} is free twice`);
      seen.add(slot);
    }
  }
}

/** Every page is reserved, of a slab, or free, in one list. */
function checkPages(k: Cpu, found: ReadonlyMap<number, Slab[]>, report: Report): void {
  const { i32 } = k;
  const uses = new Uint8Array(i32[KERNEL.max_pfn] + (1 << MAX_ORDER));
  const use = (pfn: number, pages: number): void => {
    for (let i = 0; i < pages; i++) uses[pfn + i]++;
  };
  for (let pfn = 0; pfn < i32[KERNEL.max_pfn]; pfn++)
    if ((i32[pageOf(i32, pfn) + PAGE.at.flags] & (1 << PG_reserved)) !== 0) use(pfn, 1);
  for (const [cache, slabs] of found)
    for (const { pfn } of slabs) use(pfn, 1 << i32[cache + KMEM_CACHE.at.gfporder]);
  for (const zone of populatedZones(k)) checkZone(k, zone, use, report);
  for (let pfn = 0; pfn < i32[KERNEL.max_pfn]; pfn++) {
    if (uses[pfn] === 0) report(`the page at ${hex(pfn * 4096)} is lost`);
    if (uses[pfn] > 1) report(`the page at ${hex(pfn * 4096)} is free or used twice`);
  }
}

function checkZone(k: Cpu, zone: number, use: (pfn: number, pages: number) => void, report: Report): void {
  const { i32 } = k;
  const frame = (link: number): number => (link - PAGE.at.lru - i32[zone + ZONE.at.mem_map]) / PAGE.words;
  const most = i32[zone + ZONE.at.spanned_pages];
  let free = 0;
  for (let order = 0; order < MAX_ORDER; order++) {
    let blocks = 0;
    for (let type = 0; type < MIGRATE_TYPES; type++) {
      for (const link of entries(
        k,
        freeArea(zone, order) + FREE_AREA.at.free_list + 2 * type,
        most,
        report,
      )) {
        const page = link - PAGE.at.lru;
        const isBlock =
          (i32[page + PAGE.at.flags] & (1 << PG_buddy)) !== 0 && i32[page + PAGE.at.private] === order;
        if (!isBlock) report(`the page at ${hex(frame(link) * 4096)} is no free block of order ${order}`);
        use(frame(link), 1 << order);
        blocks++;
      }
    }
    if (i32[freeArea(zone, order) + FREE_AREA.at.nr_free] !== blocks)
      report(`wrong count of free blocks of order ${order}`);
    free += blocks << order;
  }
  if (Atomics.load(i32, zone + ZONE.at.vm_stat + NR_FREE_PAGES) !== free) report('wrong count of free pages');
  for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) {
    for (const list of [PCP_HOT, PCP_COLD]) {
      const pcp = i32[zone + ZONE.at.pageset + cpu] + list * PER_CPU_PAGES.words;
      const links = entries(k, pcp + PER_CPU_PAGES.at.list, most, report);
      for (const link of links) use(frame(link), 1);
      if (i32[pcp + PER_CPU_PAGES.at.count] !== links.length)
        report('wrong count of pages in the list of a thread');
    }
  }
}
