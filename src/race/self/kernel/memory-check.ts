import { KERNEL } from '../../../kernel/core/kernel-data.js';
import { PAGE, PG_buddy } from '../../../kernel/mm/page.js';
import {
  FREE_AREA,
  freeArea,
  MAX_ORDER,
  NR_FREE_PAGES,
  NR_VM_ZONE_STAT_ITEMS,
  PCP_COLD,
  PCP_HOT,
  PER_CPU_PAGES,
  PER_CPU_PAGESET,
  populatedZones,
  ZONE,
} from '../../../kernel/mm/zone.js';
import { MIGRATE_TYPES } from '../../../kernel/mm/gfp.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { expectValue } from '../expect-value.js';
import { scratchLine } from './scratch.js';

/**
 * The part of the audit that a scenario can afford after each execution: every free list and page list whole, every
 * count of free pages right, and as many free pages as there must be. All CPUs are quiet.
 */

/** Where {@link noteFreePages} keeps its number: behind what scenarios use. */
const NOTED = scratchLine(40);

/** At the end of a setup: remembers how many pages are free. */
export function noteFreePages(k: Kernel): void {
  k.i32[NOTED] = freePages(k);
}

/**
 * After an execution: fails unless free memory is in order and has as many pages as were noted.
 *
 * @param inUse pages that the execution allocated and kept
 */
export function expectMemory(k: Kernel, inUse = 0): void {
  expectValue('the number of free pages', freePages(k), k.i32[NOTED] - inUse);
}

/** All free pages, in the buddy system and on the lists of CPUs; fails where lists and counts disagree. */
function freePages(k: Kernel): number {
  let pages = 0;
  for (const zone of populatedZones(k)) pages += checkZone(k, zone) + checkPageSets(k, zone);
  return pages;
}

/** The pages in a zone's free lists. */
function checkZone(k: Kernel, zone: number): number {
  let pages = 0;
  for (let order = 0; order < MAX_ORDER; order++) {
    const area = freeArea(zone, order);
    let blocks = 0;
    for (let type = 0; type < MIGRATE_TYPES; type++) {
      blocks += countBlocks(k, area + FREE_AREA.at.free_list + 2 * type, order);
    }
    expectValue(`nr_free of order ${order}`, k.i32[area + FREE_AREA.at.nr_free], blocks);
    pages += blocks << order;
  }
  let stored = k.i32[zone + ZONE.at.vm_stat + NR_FREE_PAGES];
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    const set = k.i32[zone + ZONE.at.pageset + cpu];
    stored += k.i32[set + PER_CPU_PAGESET.at.vm_stat_diff + NR_FREE_PAGES];
  }
  expectValue('nr_free_pages', stored, pages);
  return pages;
}

/** The entries of a free list, each of which must head a free block of this order. */
function countBlocks(k: Kernel, head: number, order: number): number {
  const { i32 } = k;
  let blocks = 0;
  for (let link = i32[head], before = head; link !== head; before = link, link = i32[link]) {
    checkFree(k, link, before, 1);
    const page = link - PAGE.at.lru;
    if (i32[page + PAGE.at.private] !== order)
      throw new Error(`${k.nameOf(page)}: not a block of order ${order}`);
    blocks++;
  }
  return blocks;
}

/** The pages of a zone on the lists of all CPUs. */
function checkPageSets(k: Kernel, zone: number): number {
  let pages = 0;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    for (const list of [PCP_HOT, PCP_COLD]) {
      const pcp = k.i32[zone + ZONE.at.pageset + cpu] + list * PER_CPU_PAGES.words;
      const listed = countPages(k, pcp + PER_CPU_PAGES.at.list);
      expectValue(`the count of CPU ${cpu}'s page list`, k.i32[pcp + PER_CPU_PAGES.at.count], listed);
      pages += listed;
    }
  }
  return pages;
}

/** The entries of a page list, each of which must be a page without an owner. */
function countPages(k: Kernel, head: number): number {
  const { i32 } = k;
  let pages = 0;
  for (let link = i32[head], before = head; link !== head; before = link, link = i32[link]) {
    checkFree(k, link, before, 0);
    pages++;
  }
  return pages;
}

/**
 * Checks a page of a list.
 *
 * @param before the link before it
 * @param inBuddy whether the list is one of the buddy system, 1 or 0
 */
function checkFree(k: Kernel, link: number, before: number, inBuddy: number): void {
  const { i32 } = k;
  const page = link - PAGE.at.lru;
  if (i32[link + 1] !== before) throw new Error(`${k.nameOf(link)}: the list is broken`);
  if (((i32[page + PAGE.at.flags] >>> PG_buddy) & 1) !== inBuddy)
    throw new Error(`${k.nameOf(page)}: in a wrong list`);
  if (i32[page + PAGE.at._count] !== 0) throw new Error(`${k.nameOf(page)}: in a list, and in use`);
}

/** Fails if a CPU has pages on its lists. */
export function expectNothingListed(k: Kernel, cpu: number): void {
  for (const zone of populatedZones(k)) {
    const set = k.i32[zone + ZONE.at.pageset + cpu];
    for (const list of [PCP_HOT, PCP_COLD]) {
      const count = k.i32[set + list * PER_CPU_PAGES.words + PER_CPU_PAGES.at.count];
      expectValue(`the number of pages on a list of CPU ${cpu}`, count, 0);
    }
  }
}

/** Fails if a CPU, which is offline, still has pages or counts of its own. */
export function expectNothingLeft(k: Kernel, cpu: number): void {
  expectNothingListed(k, cpu);
  for (const zone of populatedZones(k)) {
    const diffs = k.i32[zone + ZONE.at.pageset + cpu] + PER_CPU_PAGESET.at.vm_stat_diff;
    for (let item = 0; item < NR_VM_ZONE_STAT_ITEMS; item++) {
      expectValue(`what CPU ${cpu} has not folded`, k.i32[diffs + item], 0);
    }
  }
}
