import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { spin_lock, spin_unlock } from '../sync/spinlock.js';
import { __free_one_page, __rmqueue, checkMobility, get_pageblock_migratetype } from './buddy.js';
import { list_add, list_del } from '../core/list.js';
import { PAGE, PAGE_STRUCT_SHIFT } from './page.js';
import { PCP_COLD, PCP_HOT, PER_CPU_PAGES, ZONE, populatedZones } from './zone.js';

/**
 * Per-CPU page lists (facts file, section 1.7): each CPU keeps, for each zone, a list of cache-hot and one of
 * cache-cold single pages, and deals with the buddy system a batch at a time. A CPU touches its own lists only, with
 * interrupts off; so they need no lock. Another CPU that wants them emptied sends an IPI.
 */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const PAGESET = ZONE.at.pageset;
const MEM_MAP = ZONE.at.mem_map;
const LOCK = ZONE.at.lock;
const ALL_UNRECLAIMABLE = ZONE.at.all_unreclaimable;
const PAGES_SCANNED = ZONE.at.pages_scanned;
const PCP_WORDS = PER_CPU_PAGES.words;
const PCP_COUNT = PER_CPU_PAGES.at.count;
const PCP_HIGH = PER_CPU_PAGES.at.high;
const PCP_BATCH = PER_CPU_PAGES.at.batch;
const PCP_LIST = PER_CPU_PAGES.at.list;
const LRU = PAGE.at.lru;
const PRIVATE = PAGE.at.private;
const STRUCT_SHIFT = PAGE_STRUCT_SHIFT;
const IN_TRANSIT = CPU_AREA.at.pageInTransit;

/**
 * Takes a page from this CPU's list, refilling it when it has none of the wanted type. Interrupts are off.
 *
 * @param cold PCP_HOT or PCP_COLD
 * @param type wanted migrate type
 * @returns frame, or 0 when the zone gave nothing
 */
export function takePage(k: Cpu, zone: number, cold: number, type: number): number {
  const { i32, area } = k;
  const pcp = i32[zone + PAGESET + k.cpu] + cold * PCP_WORDS;
  const head = pcp + PCP_LIST;
  let link = i32[head];
  while (link !== head && i32[link - LRU + PRIVATE] !== type) link = i32[link];
  if (link === head) {
    link = refill(k, zone, pcp, type);
    if (link === 0) return 0;
  }
  const pfn = (link - LRU - i32[zone + MEM_MAP]) >> STRUCT_SHIFT;
  i32[area + IN_TRANSIT] = pfn;
  list_del(i32, link);
  i32[pcp + PCP_COUNT]--;
  return pfn;
}

/**
 * Puts a page, noted as in transit, on the head of this CPU's list; a full list gives a batch back. Interrupts are off.
 *
 * @param page word index of its struct page
 */
export function putPage(k: Cpu, zone: number, page: number, pfn: number, cold: number): void {
  const { i32, area } = k;
  const pcp = i32[zone + PAGESET + k.cpu] + cold * PCP_WORDS;
  i32[page + PRIVATE] = get_pageblock_migratetype(k, zone, pfn);
  list_add(i32, page + LRU, pcp + PCP_LIST);
  const count = i32[pcp + PCP_COUNT] + 1;
  i32[pcp + PCP_COUNT] = count;
  i32[area + IN_TRANSIT] = 0;
  if (count >= i32[pcp + PCP_HIGH]) free_pages_bulk(k, zone, pcp, i32[pcp + PCP_BATCH]);
}

/** Fetches a batch; the link of the first page that came, or 0. */
function refill(k: Cpu, zone: number, pcp: number, type: number): number {
  const { i32 } = k;
  checkMobility(k, type);
  const added = rmqueue_bulk(k, zone, i32[pcp + PCP_BATCH], pcp + PCP_LIST, type);
  if (added === 0) return 0;
  i32[pcp + PCP_COUNT] += added;
  return i32[pcp + PCP_LIST];
}

/** Moves up to `count` pages from the buddy lists to the head of a list, in the order they came. Interrupts off. */
function rmqueue_bulk(k: Cpu, zone: number, count: number, list: number, type: number): number {
  const { i32 } = k;
  const map = i32[zone + MEM_MAP];
  let added = 0;
  let behind = list;
  spin_lock(k, zone + LOCK);
  while (added < count) {
    const pfn = __rmqueue(k, zone, 0, type);
    if (pfn === 0) break;
    const page = map + (pfn << STRUCT_SHIFT);
    list_add(i32, page + LRU, behind);
    i32[page + PRIVATE] = type;
    behind = page + LRU;
    added++;
  }
  spin_unlock(k, zone + LOCK);
  return added;
}

/**
 * Gives `count` pages back from the tail of a list, the coldest first, under one hold of zone->lock. Interrupts
 * are off.
 *
 * @param pcp word index of this CPU's list
 */
export function free_pages_bulk(k: Cpu, zone: number, pcp: number, count: number): void {
  const { i32 } = k;
  const map = i32[zone + MEM_MAP];
  const head = pcp + PCP_LIST;
  spin_lock(k, zone + LOCK);
  i32[zone + ALL_UNRECLAIMABLE] = 0;
  i32[zone + PAGES_SCANNED] = 0;
  for (let i = 0; i < count; i++) {
    const link = i32[head + 1];
    list_del(i32, link);
    i32[pcp + PCP_COUNT]--;
    __free_one_page(k, zone, (link - LRU - map) >> STRUCT_SHIFT, 0);
  }
  spin_unlock(k, zone + LOCK);
}

/**
 * Empties all page lists of this CPU. Any context; takes zone->lock.
 *
 * This is also the function that an IPI runs on a CPU whose lists others need.
 */
export function drain_local_pages(k: Cpu): void {
  const { i32 } = k;
  // Off for all of them: they are to be the lists of one CPU.
  const flags = local_irq_save(k);
  for (const zone of populatedZones(k)) {
    for (const list of [PCP_HOT, PCP_COLD]) {
      const pcp = i32[zone + PAGESET + k.cpu] + list * PCP_WORDS;
      const count = i32[pcp + PCP_COUNT];
      if (count > 0) free_pages_bulk(k, zone, pcp, count);
    }
  }
  local_irq_restore(k, flags);
}
