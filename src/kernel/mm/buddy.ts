import { WORD_INDEX_MASK } from '../../image/memory-image.js';
import { readOnce } from '../core/access-once.js';
import { BUG_ON, WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { DEBUG_VM, KERNEL } from '../core/kernel-data.js';
import { bad_page } from './bad-page.js';
import { destroy_compound_page } from './compound.js';
import { MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_RESERVE, MIGRATE_UNMOVABLE } from './gfp.js';
import { list_add, list_del } from '../core/list.js';
import {
  PAGE,
  PAGE_STRUCT_SHIFT,
  PG_TAIL_BITS,
  PG_ZONE_SHIFT,
  PG_buddy,
  PG_compound,
  pageOf,
} from './page.js';
import { __mod_zone_page_state } from './vmstat.js';
import { FREE_AREA, MAX_ORDER, NR_FREE_PAGES, ZONE } from './zone.js';

/**
 * The buddy system (facts file, section 1.6): free memory in blocks of 2^order pages, each aligned to its size, a
 * list per order and migrate type. Everything here runs under zone->lock with interrupts off.
 */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const FREE_AREAS = ZONE.at.free_area;
const AREA_WORDS = FREE_AREA.words;
const NR_FREE = FREE_AREA.at.nr_free;
const MEM_MAP = ZONE.at.mem_map;
const PAGEBLOCK_TYPES = ZONE.at.pageblock_types;
const PAGEBLOCK_ORDER = KERNEL.pageblock_order;
const FLAGS = PAGE.at.flags;
const COUNT = PAGE.at._count;
const PRIVATE = PAGE.at.private;
const LRU = PAGE.at.lru;
const STRUCT_SHIFT = PAGE_STRUCT_SHIFT;
const BUDDY_BIT = 1 << PG_buddy;
const COMPOUND_BIT = 1 << PG_compound;
const TAIL_BITS = PG_TAIL_BITS;
const ZONE_SHIFT = PG_ZONE_SHIFT;
const INDEX = WORD_INDEX_MASK;
const TOP_ORDER = MAX_ORDER - 1;

/** Where a request looks when its own lists are empty; MIGRATE_RESERVE comes last, by itself. */
const FALLBACKS = [
  [MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE],
  [MIGRATE_UNMOVABLE, MIGRATE_MOVABLE],
  [MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE],
  // A mask with both mobility flags, which is a mistake, asks for the reserve itself.
  [],
] as const;

/** The migrate type of the pageblock that a frame is in. Any context: a deliberate race with its change. */
export function get_pageblock_migratetype(k: Cpu, zone: number, pfn: number): number {
  const { i32 } = k;
  return readOnce(k, (i32[zone + PAGEBLOCK_TYPES] + (pfn >>> i32[PAGEBLOCK_ORDER])) & INDEX);
}

export function set_pageblock_migratetype(k: Cpu, zone: number, pfn: number, type: number): void {
  const { i32 } = k;
  const wanted = i32[KERNEL.page_group_by_mobility_disabled] !== 0 ? MIGRATE_UNMOVABLE : type;
  i32[i32[zone + PAGEBLOCK_TYPES] + (pfn >>> i32[PAGEBLOCK_ORDER])] = wanted;
}

/**
 * Takes a block out of the free lists.
 *
 * @param order of the block
 * @param type migrate type, at most MIGRATE_RESERVE: that is what a mask with both mobility flags means
 * @returns the first frame, or 0 when the zone has none
 */
export function __rmqueue(k: Cpu, zone: number, order: number, type: number): number {
  const pfn = __rmqueue_smallest(k, zone, order, type);
  return pfn !== 0 ? pfn : __rmqueue_fallback(k, zone, order, type);
}

/**
 * Reports a mask with both mobility flags: it asks for the reserve, as in the kernel. Called before zone->lock is
 * taken.
 */
export function checkMobility(k: Cpu, type: number): void {
  if (type === MIGRATE_RESERVE) WARN(k, 'allocation mask with both __GFP_MOVABLE and __GFP_RECLAIMABLE');
}

/** Takes the smallest block that fits from the lists of one type, splitting it. */
function __rmqueue_smallest(k: Cpu, zone: number, order: number, type: number): number {
  const { i32 } = k;
  for (let current = order; current <= TOP_ORDER; current++) {
    const head = zone + FREE_AREAS + current * AREA_WORDS + type * 2;
    const link = i32[head];
    if (link === head) continue;
    takeBlock(i32, zone, link, current);
    __mod_zone_page_state(k, zone, NR_FREE_PAGES, -(1 << order));
    expand(i32, zone, link, order, current, type);
    return (link - LRU - i32[zone + MEM_MAP]) >> STRUCT_SHIFT;
  }
  return 0;
}

/** Unlinks the free block whose list entry is `link`; it is no free block any more. */
function takeBlock(i32: Int32Array, zone: number, link: number, order: number): void {
  const page = link - LRU;
  list_del(i32, link);
  i32[page + FLAGS] &= ~BUDDY_BIT;
  i32[page + PRIVATE] = 0;
  i32[zone + FREE_AREAS + order * AREA_WORDS + NR_FREE]--;
}

/** Links a block as free, at the head of the list. */
function putBlock(i32: Int32Array, zone: number, page: number, order: number, type: number): void {
  const area = zone + FREE_AREAS + order * AREA_WORDS;
  i32[page + PRIVATE] = order;
  i32[page + FLAGS] |= BUDDY_BIT;
  list_add(i32, page + LRU, area + type * 2);
  i32[area + NR_FREE]++;
}

/** Gives the upper halves of a block of order `high` back until a block of order `low` is left. */
function expand(i32: Int32Array, zone: number, link: number, low: number, high: number, type: number): void {
  for (let order = high - 1; order >= low; order--) {
    putBlock(i32, zone, link - LRU + (1 << (order + STRUCT_SHIFT)), order, type);
  }
}

/**
 * Takes a block of another migrate type: the largest there is, so that types mix as rarely as possible. A large
 * one brings its whole pageblock over to the wanted type.
 */
function __rmqueue_fallback(k: Cpu, zone: number, order: number, wanted: number): number {
  const { i32 } = k;
  const types = FALLBACKS[wanted];
  for (let current = TOP_ORDER; current >= order; current--) {
    for (const type of types) {
      const head = zone + FREE_AREAS + current * AREA_WORDS + type * 2;
      const link = i32[head];
      if (link === head) continue;
      return steal(k, zone, link, order, current, type, wanted);
    }
  }
  return __rmqueue_smallest(k, zone, order, MIGRATE_RESERVE);
}

function steal(
  k: Cpu,
  zone: number,
  link: number,
  order: number,
  current: number,
  type: number,
  wanted: number,
): number {
  const { i32 } = k;
  const pageblockOrder = i32[PAGEBLOCK_ORDER];
  const pfn = (link - LRU - i32[zone + MEM_MAP]) >> STRUCT_SHIFT;
  let remainder = type;
  if (current >= pageblockOrder >> 1 || wanted === MIGRATE_RECLAIMABLE) {
    const moved = move_freepages_block(k, zone, pfn, wanted);
    if (moved >= 1 << (pageblockOrder - 1)) set_pageblock_migratetype(k, zone, pfn, wanted);
    remainder = wanted;
  }
  takeBlock(i32, zone, link, current);
  __mod_zone_page_state(k, zone, NR_FREE_PAGES, -(1 << order));
  // A block of a pageblock's size takes every pageblock in it over.
  if (current >= pageblockOrder) {
    for (let block = pfn; block < pfn + (1 << current); block += 1 << pageblockOrder) {
      set_pageblock_migratetype(k, zone, block, wanted);
    }
  }
  expand(i32, zone, link, order, current, remainder);
  return pfn;
}

/**
 * Moves all free blocks of the pageblock around a frame to another type's lists.
 *
 * @returns how many pages moved; 0 when the pageblock reaches beyond the zone
 */
export function move_freepages_block(k: Cpu, zone: number, pfn: number, type: number): number {
  const { i32 } = k;
  const size = 1 << i32[PAGEBLOCK_ORDER];
  const zoneStart = i32[zone + ZONE.at.zone_start_pfn];
  const aligned = pfn & -size;
  const start = aligned < zoneStart ? pfn : aligned;
  const end = aligned + size;
  if (end > zoneStart + i32[zone + ZONE.at.spanned_pages]) return 0;
  let moved = 0;
  for (let frame = start; frame < end;) {
    const page = pageOf(i32, frame);
    // Pages in use are their owners': only the bit is of interest, and that changes under the lock alone.
    if ((readOnce(k, page + FLAGS) & BUDDY_BIT) === 0) {
      frame++;
      continue;
    }
    const order = i32[page + PRIVATE];
    list_del(i32, page + LRU);
    list_add(i32, page + LRU, zone + FREE_AREAS + order * AREA_WORDS + type * 2);
    moved += 1 << order;
    frame += 1 << order;
  }
  return moved;
}

/**
 * Puts a block back, merging it with its buddy as long as that is free in the same size.
 *
 * @param pfn first frame; a multiple of 2^order
 */
export function __free_one_page(k: Cpu, zone: number, pfn: number, order: number): void {
  const { i32 } = k;
  const map = i32[zone + MEM_MAP];
  if ((i32[map + (pfn << STRUCT_SHIFT) + FLAGS] & COMPOUND_BIT) !== 0) freeCompound(k, pfn, order);
  if ((k.debug & DEBUG_VM) !== 0) {
    BUG_ON(
      k,
      (pfn & ((1 << order) - 1)) !== 0,
      `free of frame 0x${pfn.toString(16)}: not aligned to order ${order}`,
    );
  }
  const type = get_pageblock_migratetype(k, zone, pfn);
  __mod_zone_page_state(k, zone, NR_FREE_PAGES, 1 << order);
  let first = pfn;
  let current = order;
  while (current < TOP_ORDER) {
    const buddy = map + ((first ^ (1 << current)) << STRUCT_SHIFT);
    if (!page_is_buddy(k, map + (first << STRUCT_SHIFT), buddy, current)) break;
    takeBlock(i32, zone, buddy + LRU, current);
    first &= ~(1 << current);
    current++;
  }
  putBlock(i32, zone, map + (first << STRUCT_SHIFT), current, type);
}

/**
 * Whether a page is the head of a free block of this order in the same zone. A block of the largest order never
 * crosses a section, so the buddy always has a struct page, even in a hole.
 *
 * The buddy may be in use, on another CPU's list or of another zone, whose owner writes to it without this lock: a
 * deliberate race. PG_buddy of a page of this zone changes under the lock alone, and with it the page belongs here.
 */
function page_is_buddy(k: Cpu, page: number, buddy: number, order: number): boolean {
  const flags = readOnce(k, buddy + FLAGS);
  return (
    (flags & BUDDY_BIT) !== 0 &&
    readOnce(k, buddy + PRIVATE) === order &&
    readOnce(k, buddy + COUNT) === 0 &&
    flags >>> ZONE_SHIFT === k.i32[page + FLAGS] >>> ZONE_SHIFT
  );
}

/** A compound block must be freed whole, by its head. */
function freeCompound(k: Cpu, pfn: number, order: number): void {
  if ((k.i32[pageOf(k.i32, pfn) + FLAGS] & TAIL_BITS) === TAIL_BITS) {
    bad_page(k, pfn);
    k.i32[pageOf(k.i32, pfn) + FLAGS] &= ~TAIL_BITS;
    return;
  }
  destroy_compound_page(k, pfn, order);
}
