import type { Cpu } from '../core/cpu.js';
import { alloc_pages_node } from '../mm/alloc-api.js';
import { __GFP_RECLAIMABLE, type gfp_t } from '../mm/gfp.js';
import { __free_pages } from '../mm/page-free.js';
import { PAGE, pageOf, PG_slab, zoneOfFlags } from '../mm/page.js';
import { __mod_zone_page_state } from '../mm/vmstat.js';
import { local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { NR_SLAB_RECLAIMABLE, NR_SLAB_UNRECLAIMABLE } from '../mm/zone.js';
import { CACHE_STATISTICS, KMEM_CACHE } from './kmem-cache.js';
import { SLAB_RECLAIM_ACCOUNT } from './slab-flags.js';
import { countEvent } from './statistics.js';

/** The pages of slabs. Each says to which cache and slab it belongs, in the words that it would have in a list. */

const FLAGS = PAGE.at.flags;
const LRU = PAGE.at.lru;
const SLAB_BIT = 1 << PG_slab;
const { flags: CACHE_FLAGS, gfpflags: GFPFLAGS, gfporder: ORDER } = KMEM_CACHE.at;

/**
 * Pages for a slab (kmem_getpages). May sleep as the mask says.
 *
 * @param node where; below 0: wherever there are some, this CPU's node first
 * @returns first frame, or 0
 */
export function kmem_getpages(k: Cpu, cache: number, gfp: gfp_t, node: number): number {
  const { i32 } = k;
  const order = i32[cache + ORDER];
  let mask = gfp | i32[cache + GFPFLAGS];
  if (isReclaimable(k, cache)) mask |= __GFP_RECLAIMABLE;
  const pfn = alloc_pages_node(k, node, mask, order);
  if (pfn === 0) {
    countEvent(k, cache, CACHE_STATISTICS.at.error);
    return 0;
  }
  for (let i = 0; i < 1 << order; i++) {
    const page = pageOf(i32, pfn + i);
    i32[page + LRU] = cache;
    i32[page + FLAGS] |= SLAB_BIT;
  }
  count(k, cache, pfn, 1 << order);
  return pfn;
}

/** Says of the pages of a slab that they belong to it (slab_map_pages). */
export function slab_map_pages(k: Cpu, cache: number, pfn: number, slab: number): void {
  const { i32 } = k;
  for (let i = 0; i < 1 << i32[cache + ORDER]; i++) i32[pageOf(i32, pfn + i) + LRU + 1] = slab;
}

/** Gives the pages of a slab back (kmem_freepages). Any context. */
export function kmem_freepages(k: Cpu, cache: number, pfn: number): void {
  const { i32 } = k;
  const order = i32[cache + ORDER];
  for (let i = 0; i < 1 << order; i++) {
    const page = pageOf(i32, pfn + i);
    i32[page + LRU] = 0;
    i32[page + LRU + 1] = 0;
    i32[page + FLAGS] &= ~SLAB_BIT;
  }
  // Nothing comes in between: where CPUs are stopped, the statistics are those of the pages.
  count(k, cache, pfn, -(1 << order));
  __free_pages(k, pfn, order);
}

function count(k: Cpu, cache: number, pfn: number, pages: number): void {
  const item = isReclaimable(k, cache) ? NR_SLAB_RECLAIMABLE : NR_SLAB_UNRECLAIMABLE;
  const zone = zoneOfFlags(k.i32, k.i32[pageOf(k.i32, pfn) + FLAGS]);
  const flags = local_irq_save(k);
  __mod_zone_page_state(k, zone, item, pages);
  local_irq_restore(k, flags);
}

function isReclaimable(k: Cpu, cache: number): boolean {
  return (k.i32[cache + CACHE_FLAGS] & SLAB_RECLAIM_ACCOUNT) !== 0;
}
