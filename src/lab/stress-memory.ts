import { KERNEL } from '../kernel/core/kernel-data.js';
import { freeBlocks } from '../kernel/fs/free-blocks.js';
import { unusableFraction } from '../kernel/fs/sys/extfrag.js';
import type { Kernel } from '../kernel/kernel.js';
import { PAGE, pageOf, pfn_valid, PG_reserved, PG_slab } from '../kernel/mm/page.js';
import { zonePageStateExact } from '../kernel/mm/vmstat.js';
import {
  MAX_ORDER,
  NR_FREE_PAGES,
  NR_SLAB_RECLAIMABLE,
  NR_SLAB_UNRECLAIMABLE,
  populatedZones,
} from '../kernel/mm/zone.js';

/** What a stress run's host measures of the machine's memory, through the console. */

/** Free pages of all zones. Exact when no CPU is busy and their lists are drained. */
export function freePages(k: Kernel): number {
  const cpus = k.i32[KERNEL.nr_cpus];
  let pages = 0;
  for (const zone of populatedZones(k)) pages += zonePageStateExact(k, zone, NR_FREE_PAGES, cpus);
  return pages;
}

/**
 * {@link freePages}, and those of slabs, which the reaper gives back at any time: the pages that page stressors can have got
 * and must have given back. Exact as before.
 */
export function freeOrSlabPages(k: Kernel): number {
  const cpus = k.i32[KERNEL.nr_cpus];
  let pages = freePages(k);
  for (const zone of populatedZones(k)) {
    pages += zonePageStateExact(k, zone, NR_SLAB_RECLAIMABLE, cpus);
    pages += zonePageStateExact(k, zone, NR_SLAB_UNRECLAIMABLE, cpus);
  }
  return pages;
}

/** The unusable free space index of the whole machine, by order. */
export function unusableByOrder(k: Kernel): number[] {
  const blocks = new Array<number>(MAX_ORDER).fill(0);
  for (const zone of populatedZones(k))
    freeBlocks(k, zone).forEach((count, order) => (blocks[order] += count));
  return blocks.map((_, order) => unusableFraction(blocks, order));
}

/** The frames that are in use, but for slabs: first frames of blocks, and single pages. */
export function usedFrames(k: Kernel): Set<number> {
  const used = new Set<number>();
  for (let pfn = 1; pfn < k.i32[KERNEL.max_pfn]; pfn++) {
    if (!pfn_valid(k, pfn)) continue;
    const page = pageOf(k.i32, pfn);
    const isOthers = (k.i32[page + PAGE.at.flags] & ((1 << PG_reserved) | (1 << PG_slab))) !== 0;
    if (!isOthers && k.i32[page + PAGE.at._count] !== 0) used.add(pfn);
  }
  return used;
}
