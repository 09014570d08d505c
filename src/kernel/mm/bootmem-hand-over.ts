import { BUG_ON } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { MAX_NUMNODES } from '../core/limits.js';
import { findNextClear, findNextSet } from './bootmem-bitmap.js';
import {
  BOOTMEM_DATA,
  bootmem_bootmap_pages,
  bootmemOf,
  bootmemOfNode,
  bootmemUsable,
  closeBootmem,
  spans,
} from './bootmem-data.js';
import { dropPages } from './page-free.js';
import { PAGE, PG_reserved, pageOf } from './page.js';

const AT = BOOTMEM_DATA.at;
const FLAGS = PAGE.at.flags;
const COUNT = PAGE.at._count;
const PAGE_STRUCT_WORDS = PAGE.words;
const RESERVED_BIT = 1 << PG_reserved;

/**
 * Frees a block that the buddy system has never had: its pages are reserved, as the memory map begins.
 *
 * @param pfn first frame; a multiple of 2^order, not 0
 */
export function __free_pages_bootmem(k: Cpu, pfn: number, order: number): void {
  const { i32 } = k;
  BUG_ON(k, pfn === 0, '__free_pages_bootmem: frame 0 is NULL and must stay reserved');
  const head = pageOf(i32, pfn);
  const end = head + (PAGE_STRUCT_WORDS << order);
  let reserved = RESERVED_BIT;
  for (let page = head; page < end; page += PAGE_STRUCT_WORDS) reserved &= i32[page + FLAGS];
  BUG_ON(
    k,
    reserved === 0,
    `__free_pages_bootmem: frame ${pfn}, order ${order}: not reserved, so not boot memory`,
  );
  for (let page = head; page < end; page += PAGE_STRUCT_WORDS) {
    i32[page + FLAGS] &= ~RESERVED_BIT;
    i32[page + COUNT] = 0;
  }
  i32[head + COUNT] = 1;
  // The short way would only learn from boot that the long one is usual.
  dropPages(k, pfn, order);
}

/**
 * Hands the free memory of a node over to the buddy system, and then the bit map that said which it is. The node's
 * boot allocator is gone; what was allocated from it stays reserved for ever.
 *
 * @returns the number of pages handed over
 */
export function free_all_bootmem_node(k: Cpu, nid: number): number {
  const { i32 } = k;
  const data = bootmemOfNode(k, nid, 'free_all_bootmem_node');
  const map = i32[data + AT.node_bootmem_map];
  const start = i32[data + AT.node_boot_start];
  const bits = i32[data + AT.node_low_pfn] - start;
  const mapFrame = i32[data + AT.map_pfn];
  const mapPages = bootmem_bootmap_pages(bits);
  if (spans(k, data, mapFrame, mapFrame + mapPages)) {
    const free = start + findNextClear(i32, map, mapFrame - start, mapFrame + mapPages - start);
    BUG_ON(
      k,
      free < mapFrame + mapPages,
      `free_all_bootmem_node: the bit map at frame ${free} is not reserved`,
    );
  }

  let total = 0;
  let bit = findNextClear(i32, map, 0, bits);
  while (bit < bits) {
    const end = findNextSet(i32, map, bit, bits);
    freeRun(k, start + bit, start + end);
    total += end - bit;
    bit = findNextClear(i32, map, end, bits);
  }
  closeBootmem(k, nid);
  for (let frame = mapFrame; frame < mapFrame + mapPages; frame++) __free_pages_bootmem(k, frame, 0);
  return total + mapPages;
}

/** {@link free_all_bootmem_node} of all nodes that have not been handed over yet. The end of boot memory. */
export function free_all_bootmem(k: Cpu): number {
  bootmemUsable(k, 'free_all_bootmem');
  let total = 0;
  for (let nid = 0; nid < MAX_NUMNODES; nid++) {
    if (bootmemOf(k, nid) !== 0) total += free_all_bootmem_node(k, nid);
  }
  return total;
}

/** Frees the frames in [from, end): in blocks of as many pages as a `long` has bits where they are aligned to that. */
function freeRun(k: Cpu, from: number, end: number): void {
  const order = 31 - Math.clz32(k.space.bits);
  const block = 1 << order;
  for (let frame = from; frame < end;) {
    const fits = (frame & (block - 1)) === 0 && frame + block <= end;
    __free_pages_bootmem(k, frame, fits ? order : 0);
    frame += fits ? block : 1;
  }
}
