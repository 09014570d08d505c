import { PAGE_SHIFT, SECTION_PAGES_SHIFT } from '../../arch/page.js';
import { WORD_INDEX_MASK } from '../../image/memory-image.js';
import { struct, word } from '../../image/struct.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { LIST_HEAD } from '../core/list.js';

/**
 * `struct page`, one per frame, in the memory map of the frame's node (facts file, section 1.2). `struct page *` is a
 * page frame number; 0 is NULL, since frame 0 is never handed out.
 *
 * Who may write a field depends on where the page is: on a buddy list, holders of zone->lock; on a per-CPU list,
 * that CPU; allocated, its owner, except `_count`, which changes by Atomics as soon as there are two references.
 *
 * The buddy system looks at the neighbours of a block, whoever has them: it reads `flags`, `private` and `_count` so
 * that the race is a deliberate one, and believes them only of pages that are free in its zone. Who has a reference
 * reads `_count` so too, to find out whether it is the only one and always was.
 *
 * What every free looks at stands in the first four words, so that the free of a large block can look at two at once.
 */
export const PAGE = struct('page', {
  /** PG_* bits; node and zone above {@link PG_ZONE_SHIFT}. */
  flags: word,
  /** Page cache owner; for slab pages and compound tails used otherwise. */
  mapping: word,
  /** References; 0 is free. With {@link COUNT_WAS_SHARED} as soon as one of several was dropped. */
  _count: word,
  /** Page table entries that map it, -1 for none. */
  _mapcount: word,
  /** Head of a free block: its order. On a per-CPU list: its migrate type. Else the owner's. */
  private: word,
  index: word,
  lru: LIST_HEAD,
});

/**
 * Flag in `_count`: others have had references too, and dropped them. A plain look at the count tells the last owner
 * that they are gone, but what they did before is sure to have happened only for who looks with Atomics; the flag says
 * that this is needed.
 */
export const COUNT_WAS_SHARED = 1 << 30;

/** log2 of the words of a struct page: a page's word index is a shift and an addition away. */
export const PAGE_STRUCT_SHIFT = 3;

export const PG_locked = 0;
export const PG_error = 1;
export const PG_referenced = 2;
export const PG_uptodate = 3;
export const PG_dirty = 4;
export const PG_lru = 5;
export const PG_active = 6;
export const PG_slab = 7;
export const PG_owner_priv_1 = 8;
export const PG_arch_1 = 9;
export const PG_reserved = 10;
export const PG_private = 11;
export const PG_writeback = 12;
/** Compound pages: 2.6.24 marks tails by PG_compound with PG_reclaim. */
export const PG_compound = 14;
export const PG_swapcache = 15;
export const PG_mappedtodisk = 16;
export const PG_reclaim = 17;
export const PG_buddy = 19;
/** Bits from here on say which zone and node the page is in: 3 bits zone type, 6 bits node. */
export const PG_ZONE_SHIFT = 23;

const SECTION_MEM_MAP = KERNEL.section_mem_map;
const SECTION_SHIFT = SECTION_PAGES_SHIFT;
const STRUCT_SHIFT = PAGE_STRUCT_SHIFT;
const COUNT = PAGE.at._count;
const FLAGS = PAGE.at.flags;
const MAPPING = PAGE.at.mapping;
const MAPCOUNT = PAGE.at._mapcount;
const LRU = PAGE.at.lru;
const INDEX = WORD_INDEX_MASK;

/**
 * The word index of a frame's struct page. The frame must have one ({@link pfn_valid}); on the fast paths that is
 * known, because the frame came from the allocator.
 */
export function pageOf(i32: Int32Array, pfn: number): number {
  return (i32[SECTION_MEM_MAP + (pfn >>> SECTION_SHIFT)] + (pfn << STRUCT_SHIFT)) & INDEX;
}

/** Whether a page shows any use, which a free page must not: references, mappings or an owner in the page cache. */
export function isInUse(i32: Int32Array, page: number): boolean {
  return (i32[page + COUNT] | i32[page + MAPPING] | (i32[page + MAPCOUNT] + 1)) !== 0;
}

/** Whether a frame has a struct page. Any number is allowed. */
export function pfn_valid(k: Cpu, pfn: number): boolean {
  return (
    Number.isInteger(pfn) &&
    pfn > 0 &&
    pfn < k.i32[KERNEL.max_pfn] &&
    k.i32[SECTION_MEM_MAP + (pfn >>> SECTION_SHIFT)] !== 0
  );
}

/** The value of `page->flags` of a page in a zone, without PG_ bits. */
export function zoneBits(zoneType: number, node: number): number {
  return ((node << 3) | zoneType) << PG_ZONE_SHIFT;
}

/** The zone of a page, by its flags: the word index of its struct zone. */
export function zoneOfFlags(i32: Int32Array, flags: number): number {
  return i32[ZONE_TABLE + (flags >>> ZONE_SHIFT)];
}
const ZONE_TABLE = KERNEL.zone_table;
const ZONE_SHIFT = PG_ZONE_SHIFT;

/** page_to_nid: the node of a page. */
export function page_to_nid(k: Cpu, pfn: number): number {
  return k.i32[pageOf(k.i32, pfn) + FLAGS] >>> (PG_ZONE_SHIFT + 3);
}

/** page_zonenum: the zone type of a page. */
export function page_zonenum(k: Cpu, pfn: number): number {
  return (k.i32[pageOf(k.i32, pfn) + FLAGS] >>> PG_ZONE_SHIFT) & 7;
}

/** page_count: references to a page, or to the head of its compound page. */
export function page_count(k: Cpu, pfn: number): number {
  return references(Atomics.load(k.i32, pageOf(k.i32, compound_head(k, pfn)) + COUNT));
}

/** The references that a value of `_count` stands for; a count that was dropped too often is negative. */
export function references(count: number): number {
  return count > 0 ? count & ~COUNT_WAS_SHARED : count;
}

/** Whether the page is behind the head of a compound page. */
export function PageTail(i32: Int32Array, page: number): boolean {
  return (i32[page + FLAGS] & PG_TAIL_BITS) === PG_TAIL_BITS;
}

/** Both bits are set in a tail page, PG_compound alone in a head. */
export const PG_TAIL_BITS = (1 << PG_compound) | (1 << PG_reclaim);

/** compound_head: the first page of a compound page, the page itself if it is none. */
export function compound_head(k: Cpu, pfn: number): number {
  const page = pageOf(k.i32, pfn);
  // A tail's `private` is first_page.
  return PageTail(k.i32, page) ? k.i32[page + PAGE.at.private] : pfn;
}

/** compound_order: the order of a compound page, given its head; 0 if it is none. */
export function compound_order(k: Cpu, pfn: number): number {
  const page = pageOf(k.i32, pfn);
  if ((k.i32[page + FLAGS] & PG_TAIL_BITS) !== 1 << PG_compound) return 0;
  return k.i32[page + PAGE.words + LRU + 1];
}

/** Physical address of a frame's first byte. Can exceed 32 bits. */
export function pfn_to_phys(pfn: number): number {
  return pfn * 2 ** PAGE_SHIFT;
}
