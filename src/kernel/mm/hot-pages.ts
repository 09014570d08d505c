import { WORD_INDEX_MASK } from '../../image/memory-image.js';
import { readOnce as once } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { local_irq_restore as irqRestore, local_irq_save as irqSave } from '../core/irqflags.js';
import { DEBUG_FAULTS, DEBUG_PAGE_OWNER, DEBUG_SLEEP, KERNEL } from '../core/kernel-data.js';
import { ALLOC_BAD_FLAGS } from './bad-page.js';
import { get_pageblock_migratetype as pageblockType } from './buddy.js';
import {
  __GFP_COLD,
  __GFP_THISNODE,
  __GFP_WAIT,
  __GFP_ZERO,
  allocflags_to_migratetype as migrateType,
  type gfp_t,
  zoneModifiers as modifiersOf,
} from './gfp.js';
import { list_add as listAdd, listDelFirst as delFirst } from '../core/list.js';
import { isInUse as inUse, PAGE, PAGE_STRUCT_SHIFT, pageOf as pageAt, PG_ZONE_SHIFT } from './page.js';
import { free_pages_bulk } from './page-sets.js';
import { NR_FREE_PAGES, PER_CPU_PAGES, PER_CPU_PAGESET, ZONE } from './zone.js';

/**
 * The short way of single pages: from the hot list of this CPU for the zone that its node prefers, and back to the
 * hot list. Nearly all requests go it. It does what the long way (`__alloc_pages`, `__free_pages`) does for them, in
 * one piece, because here calls cost more than work. Whatever is unusual, it leaves alone: the answer then is "no",
 * nothing has changed, and the caller goes the long way.
 */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const INDEX = WORD_INDEX_MASK;
const PREEMPT_COUNT = CPU_AREA.at.preempt_count;
const IRQS_DISABLED = CPU_AREA.at.irqs_disabled;
const MEMPOLICY = CPU_AREA.at.mempolicy;
const PREFERRED_SETS = CPU_AREA.at.preferred_sets;
const IN_TRANSIT = CPU_AREA.at.pageInTransit;
const PGFREE = CPU_AREA.at.pgfree;
const NR_CPUSETS = KERNEL.number_of_cpusets;
const PAGE_SETS = CPU_AREA.at.page_sets;
const ZONE_SHIFT = PG_ZONE_SHIFT;
const SET_ZONE = PER_CPU_PAGESET.at.zone;
const HIT_LOCAL = PER_CPU_PAGESET.at.hit_local;
const HOT_LIST = PER_CPU_PAGESET.at.pcp + PER_CPU_PAGES.at.list;
const HOT_COUNT = PER_CPU_PAGESET.at.pcp + PER_CPU_PAGES.at.count;
const HOT_HIGH = PER_CPU_PAGESET.at.pcp + PER_CPU_PAGES.at.high;
const HOT_BATCH = PER_CPU_PAGESET.at.pcp + PER_CPU_PAGES.at.batch;
const HOT = PER_CPU_PAGESET.at.pcp;
const FREE_PAGES = ZONE.at.vm_stat + NR_FREE_PAGES;
const PAGES_LOW = ZONE.at.pages_low;
const MEM_MAP = ZONE.at.mem_map;
const FLAGS = PAGE.at.flags;
const COUNT = PAGE.at._count;
const MAPPING = PAGE.at.mapping;
const MAPCOUNT = PAGE.at._mapcount;
const PRIVATE = PAGE.at.private;
const LRU = PAGE.at.lru;
const STRUCT_SHIFT = PAGE_STRUCT_SHIFT;
const ZONE_BITS = -1 << PG_ZONE_SHIFT;
/** Also what a page must not have that is freed without further ado: a dirty one has to be cleaned. */
const BAD_FLAGS = ALLOC_BAD_FLAGS;
const UNUSUAL_MASK = __GFP_COLD | __GFP_ZERO | __GFP_THISNODE;
const WAIT_BIT = __GFP_WAIT;
const SLEEP_BIT = DEBUG_SLEEP;
/** With these the long way has more to do. */
const LONG_BITS = DEBUG_PAGE_OWNER | DEBUG_FAULTS;
// The same for functions.
const readOnce = once;
const local_irq_save = irqSave;
const local_irq_restore = irqRestore;
const get_pageblock_migratetype = pageblockType;
const list_add = listAdd;
const listDelFirst = delFirst;
const allocflags_to_migratetype = migrateType;
const zoneModifiers = modifiersOf;
const isInUse = inUse;
const pageOf = pageAt;

/**
 * A single page for a request of the running task.
 *
 * @returns its frame, or 0: the long way has to decide. Context: by the mask
 */
export function allocHotPage(k: Cpu, gfp_mask: gfp_t): number {
  const { i32 } = k;
  const area = k.area & INDEX;
  let odd = (gfp_mask & UNUSUAL_MASK) | (k.debug & LONG_BITS) | i32[area + MEMPOLICY];
  // Where might_sleep() could have something to report.
  if ((gfp_mask & WAIT_BIT) !== 0 && (k.debug & SLEEP_BIT) !== 0)
    odd |= i32[area + PREEMPT_COUNT] | i32[area + IRQS_DISABLED];
  const set = i32[area + PREFERRED_SETS + zoneModifiers(gfp_mask)] & INDEX;
  if (odd !== 0 || readOnce(k, NR_CPUSETS) > 1 || set === 0) return 0;
  const zone = i32[set + SET_ZONE] & INDEX;
  // The watermark check of an order-0 request: no zone keeps a reserve from requests of its own type.
  if (readOnce(k, zone + FREE_PAGES) <= i32[zone + PAGES_LOW]) return 0;
  const flags = local_irq_save(k);
  const pfn = takeFirst(k, area, set, zone, allocflags_to_migratetype(i32, gfp_mask));
  local_irq_restore(k, flags);
  return pfn;
}

/** Takes the first page of the hot list, if it has the type and may be used at once. Interrupts are off. */
function takeFirst(k: Cpu, area: number, set: number, zone: number, type: number): number {
  const { i32 } = k;
  const head = set + HOT_LIST;
  const link = i32[head] & INDEX;
  const page = (link - LRU) & INDEX;
  if (link === head || i32[page + PRIVATE] !== type) return 0;
  const pageFlags = i32[page + FLAGS];
  if ((pageFlags & BAD_FLAGS) !== 0 || isInUse(i32, page)) return 0;
  const pfn = (page - i32[zone + MEM_MAP]) >> STRUCT_SHIFT;
  i32[area + IN_TRANSIT] = pfn;
  listDelFirst(i32, link, head);
  i32[set + HOT_COUNT]--;
  k.f64[(set + HIT_LOCAL) >>> 1]++;
  i32[page + FLAGS] = pageFlags & ZONE_BITS;
  i32[page + PRIVATE] = 0;
  i32[page + COUNT] = 1;
  i32[area + IN_TRANSIT] = 0;
  return pfn;
}

/**
 * Frees a single page that has one reference. Any context.
 *
 * @returns false when the long way has to look at it
 */
export function freeHotPage(k: Cpu, pfn: number): boolean {
  const { i32 } = k;
  const page = pageOf(i32, pfn);
  const pageFlags = i32[page + FLAGS];
  const odd = (readOnce(k, page + COUNT) ^ 1) | i32[page + MAPPING] | (i32[page + MAPCOUNT] + 1);
  if ((odd | (pageFlags & BAD_FLAGS) | (k.debug & LONG_BITS)) !== 0) return false;
  const area = k.area & INDEX;
  const set = i32[area + PAGE_SETS + (pageFlags >>> ZONE_SHIFT)] & INDEX;
  const flags = local_irq_save(k);
  // Without an owner and not in a list yet: a death from here on must not lose it.
  i32[area + IN_TRANSIT] = pfn;
  i32[page + COUNT] = 0;
  k.f64[(area + PGFREE) >>> 1]++;
  i32[page + PRIVATE] = get_pageblock_migratetype(k, i32[set + SET_ZONE] & INDEX, pfn);
  list_add(i32, page + LRU, set + HOT_LIST);
  const count = i32[set + HOT_COUNT] + 1;
  i32[set + HOT_COUNT] = count;
  i32[area + IN_TRANSIT] = 0;
  if (count >= i32[set + HOT_HIGH]) return giveBack(k, i32[set + SET_ZONE], set, flags);
  local_irq_restore(k, flags);
  return true;
}

/** Gives a batch of a full list back; ends {@link freeHotPage}. */
function giveBack(k: Cpu, zone: number, set: number, flags: number): boolean {
  free_pages_bulk(k, zone, set + HOT, k.i32[set + HOT_BATCH]);
  local_irq_restore(k, flags);
  return true;
}
