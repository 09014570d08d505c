import { PAGE_SIZE, SECTION_PAGES } from '../../arch/page.js';
import { CACHE_LINE_WORDS, WORD_BYTES } from '../../image/struct.js';
import { BUG, BUG_ON, panic } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { MAX_NUMNODES } from '../core/limits.js';
import { printk } from '../core/printk.js';
import { clearBits, findNextClear, setBits } from './bootmem-bitmap.js';
import { __alloc_bootmem_core } from './bootmem-core.js';
import {
  BOOTMEM_DATA,
  bootmemOf,
  bootmemOfNode,
  bootmemUsable,
  spans,
  touchedFrames,
  wholeFrames,
} from './bootmem-data.js';
import { phys_to_word } from './phys.js';

/**
 * Boot memory (facts file, section 8): what the kernel allocates from until the buddy system exists. It knows no
 * orders and no upper size, every allocation succeeds or the machine stops, and what is not freed again before
 * `free_all_bootmem` is lost to the system for ever. Everything here is init code: boot CPU only, no locks.
 */

const AT = BOOTMEM_DATA.at;

/** Alignment of what is not whole pages: a cache line, so that no two owners share one. */
export const SMP_CACHE_BYTES = CACHE_LINE_WORDS * WORD_BYTES;

/** The goal of all but the `_low` variants: what lies below is scarce, since devices with 24 address lines need it. */
export const MAX_DMA_ADDRESS = 16 * 1024 ** 2;

/** The `_low` variants stay below 4 GiB, as since 2.6.19. */
export const ARCH_LOW_ADDRESS_LIMIT = 4 * 1024 ** 3;

/**
 * Memory from the first node that has it, in the order of node numbers.
 *
 * @param size bytes, not 0
 * @param align bytes, a power of two
 * @param goal physical address to stay above if possible
 * @returns kernel address of zeroed memory; never NULL
 * @throws KernelPanic when there is none
 */
export function __alloc_bootmem(k: Cpu, size: number, align: number, goal: number): number {
  bootmemUsable(k, '__alloc_bootmem');
  return anyNode(k, size, align, goal, 0);
}

/** {@link __alloc_bootmem} that stays below 4 GiB. */
export function __alloc_bootmem_low(k: Cpu, size: number, align: number, goal: number): number {
  bootmemUsable(k, '__alloc_bootmem_low');
  return anyNode(k, size, align, goal, ARCH_LOW_ADDRESS_LIMIT);
}

/** {@link __alloc_bootmem} that tries one node before all others. */
export function __alloc_bootmem_node(k: Cpu, nid: number, size: number, align: number, goal: number): number {
  bootmemUsable(k, '__alloc_bootmem_node');
  return __alloc_bootmem_core(k, nid, size, align, goal, 0) || anyNode(k, size, align, goal, 0);
}

/** {@link __alloc_bootmem_node} that stays below 4 GiB. */
export function __alloc_bootmem_low_node(
  k: Cpu,
  nid: number,
  size: number,
  align: number,
  goal: number,
): number {
  bootmemUsable(k, '__alloc_bootmem_low_node');
  const limit = ARCH_LOW_ADDRESS_LIMIT;
  return __alloc_bootmem_core(k, nid, size, align, goal, limit) || anyNode(k, size, align, goal, limit);
}

function anyNode(k: Cpu, size: number, align: number, goal: number, limit: number): number {
  for (let nid = 0; nid < MAX_NUMNODES; nid++) {
    const address = __alloc_bootmem_core(k, nid, size, align, goal, limit);
    if (address !== 0) return address;
  }
  printk(k, `bootmem alloc of ${size} bytes failed!`);
  return panic(k, 'Out of memory');
}

/** `size` bytes in cache lines of their own, above the DMA zone if possible. Never NULL. */
export function alloc_bootmem(k: Cpu, size: number): number {
  bootmemUsable(k, 'alloc_bootmem');
  return __alloc_bootmem(k, size, SMP_CACHE_BYTES, MAX_DMA_ADDRESS);
}

/** {@link alloc_bootmem} from the bottom of memory. */
export function alloc_bootmem_low(k: Cpu, size: number): number {
  bootmemUsable(k, 'alloc_bootmem_low');
  return __alloc_bootmem_low(k, size, SMP_CACHE_BYTES, 0);
}

/** `size` bytes in whole pages, above the DMA zone if possible. Never NULL. */
export function alloc_bootmem_pages(k: Cpu, size: number): number {
  bootmemUsable(k, 'alloc_bootmem_pages');
  return __alloc_bootmem(k, size, PAGE_SIZE, MAX_DMA_ADDRESS);
}

/** {@link alloc_bootmem_pages} from the bottom of memory. */
export function alloc_bootmem_low_pages(k: Cpu, size: number): number {
  bootmemUsable(k, 'alloc_bootmem_low_pages');
  return __alloc_bootmem_low(k, size, PAGE_SIZE, 0);
}

/** {@link alloc_bootmem}, from this node if possible. */
export function alloc_bootmem_node(k: Cpu, nid: number, size: number): number {
  bootmemUsable(k, 'alloc_bootmem_node');
  return __alloc_bootmem_node(k, nid, size, SMP_CACHE_BYTES, MAX_DMA_ADDRESS);
}

/** {@link alloc_bootmem_pages}, from this node if possible. */
export function alloc_bootmem_pages_node(k: Cpu, nid: number, size: number): number {
  bootmemUsable(k, 'alloc_bootmem_pages_node');
  return __alloc_bootmem_node(k, nid, size, PAGE_SIZE, MAX_DMA_ADDRESS);
}

/** {@link alloc_bootmem_low_pages}, from this node if possible. */
export function alloc_bootmem_low_pages_node(k: Cpu, nid: number, size: number): number {
  bootmemUsable(k, 'alloc_bootmem_low_pages_node');
  return __alloc_bootmem_low_node(k, nid, size, PAGE_SIZE, 0);
}

/**
 * Gives memory of a node back, or for the first time. Only pages that lie wholly in it become free: ragged ends stay
 * reserved for ever.
 *
 * @param phys physical address
 * @param size bytes, not 0
 * @throws KernelBug when a page is free already, is not the node's, or does not exist
 */
export function free_bootmem_node(k: Cpu, nid: number, phys: number, size: number): void {
  const data = bootmemOfNode(k, nid, 'free_bootmem_node');
  freeFrames(k, data, phys, size, 'free_bootmem_node');
}

/** {@link free_bootmem_node} on the node that the memory lies in; one whose span no other node shares. */
export function free_bootmem(k: Cpu, phys: number, size: number): void {
  bootmemUsable(k, 'free_bootmem');
  const { start, end } = wholeFrames(phys, size);
  let owner = 0;
  for (let nid = 0; nid < MAX_NUMNODES; nid++) {
    const data = bootmemOf(k, nid);
    if (data === 0 || !spans(k, data, start, Math.max(start, end))) continue;
    BUG_ON(k, owner !== 0, `free_bootmem: frame ${start} is in the span of two nodes, use free_bootmem_node`);
    owner = data;
  }
  BUG_ON(k, owner === 0, `free_bootmem: frames ${start} to ${end} are not in one node's low memory`);
  freeFrames(k, owner, phys, size, 'free_bootmem');
}

function freeFrames(k: Cpu, data: number, phys: number, size: number, caller: string): void {
  const { i32 } = k;
  BUG_ON(k, !(size > 0), `${caller} of ${size} bytes`);
  const { start, end } = wholeFrames(phys, size);
  if (start >= end) return;
  BUG_ON(
    k,
    !spans(k, data, start, end),
    `${caller}: frames ${start} to ${end} are not in the node's low memory`,
  );
  for (let frame = start; frame < end; frame += SECTION_PAGES - (frame % SECTION_PAGES)) {
    BUG_ON(k, phys_to_word(k, frame * PAGE_SIZE) < 0, `${caller}: there is no memory at frame ${frame}`);
  }
  const map = i32[data + AT.node_bootmem_map];
  const base = i32[data + AT.node_boot_start];
  const free = base + findNextClear(i32, map, start - base, end - base);
  if (free < end) BUG(k, `${caller}: frame ${free} is free already`);
  clearBits(i32, map, start - base, end - base);
  if (start < i32[data + AT.last_success]) i32[data + AT.last_success] = start;
  // A page that is free again has no tail to go on in.
  const last = i32[data + AT.last_pos];
  if (last >= start && last < end) i32[data + AT.last_offset] = 0;
}

/**
 * Keeps memory of a node from being allocated: all pages that it touches. Some may be reserved already.
 *
 * @param phys physical address
 * @param size bytes, not 0
 * @throws KernelBug when the memory is not the node's
 */
export function reserve_bootmem_node(k: Cpu, nid: number, phys: number, size: number): void {
  const data = bootmemOfNode(k, nid, 'reserve_bootmem_node');
  BUG_ON(k, !(size > 0), `reserve_bootmem_node of ${size} bytes`);
  const { start, end } = touchedFrames(phys, size);
  BUG_ON(
    k,
    !spans(k, data, start, end),
    `reserve_bootmem_node: frames ${start} to ${end} are not in node ${nid}`,
  );
  reserveFrames(k, data, start, end);
}

/** {@link reserve_bootmem_node} in every node that the memory lies in. */
export function reserve_bootmem(k: Cpu, phys: number, size: number): void {
  bootmemUsable(k, 'reserve_bootmem');
  BUG_ON(k, !(size > 0), `reserve_bootmem of ${size} bytes`);
  const { start, end } = touchedFrames(phys, size);
  let found = false;
  for (let nid = 0; nid < MAX_NUMNODES; nid++) {
    const data = bootmemOf(k, nid);
    if (data === 0) continue;
    const first = Math.max(start, k.i32[data + AT.node_boot_start]);
    const behind = Math.min(end, k.i32[data + AT.node_low_pfn]);
    if (first >= behind) continue;
    reserveFrames(k, data, first, behind);
    found = true;
  }
  BUG_ON(k, !found, `reserve_bootmem: frames ${start} to ${end} are in no node's low memory`);
}

function reserveFrames(k: Cpu, data: number, start: number, end: number): void {
  const base = k.i32[data + AT.node_boot_start];
  setBits(k.i32, k.i32[data + AT.node_bootmem_map], start - base, end - base);
}
