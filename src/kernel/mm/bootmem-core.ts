import { frameOf, PAGE_SIZE, SECTION_BYTES } from '../../arch/page.js';
import { alignUp, WORD_BYTES } from '../../image/struct.js';
import { BUG_ON } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { findNextClear, findNextSet, setBits } from './bootmem-bitmap.js';
import { BOOTMEM_DATA, bootmemOf, bootmemUsable } from './bootmem-data.js';
import { phys_to_word } from './phys.js';

const AT = BOOTMEM_DATA.at;

/**
 * Takes zeroed memory from one node: the first fit from the goal on (or from the last success, if that is higher),
 * else the first fit from the start of the node. A request that starts right behind the page where the last one
 * ended begins in the unused tail of that page.
 *
 * @param size bytes, not 0
 * @param align bytes, a power of two
 * @param goal physical address to stay above if possible; 0: none. One outside the node's low memory does not count
 * @param limit physical address to stay below; 0: none
 * @returns kernel address, or 0 (NULL) when the node has no such memory
 */
export function __alloc_bootmem_core(
  k: Cpu,
  nid: number,
  size: number,
  align: number,
  goal: number,
  limit: number,
): number {
  bootmemUsable(k, '__alloc_bootmem_core');
  BUG_ON(k, !(Number.isInteger(size) && size > 0), `bootmem alloc of ${size} bytes`);
  BUG_ON(k, !Number.isInteger(Math.log2(align)), `bootmem alloc with alignment ${align}: not a power of two`);
  const data = bootmemOf(k, nid);
  if (data === 0) return 0;
  const frame = search(k, data, size, align, goal, limit);
  if (frame < 0) return 0;
  const phys = take(k, data, frame, size, align);
  clearMemory(k, phys, size);
  return k.space.PAGE_OFFSET + phys;
}

/** The first frame of the memory to use, or -1. */
function search(k: Cpu, data: number, size: number, align: number, goal: number, limit: number): number {
  const { i32 } = k;
  const start = i32[data + AT.node_boot_start];
  const low = i32[data + AT.node_low_pfn];
  const end = limit === 0 ? low : Math.min(low, frameOf(limit));
  const pages = Math.ceil(size / PAGE_SIZE);
  const step = Math.max(1, align / PAGE_SIZE);
  const goalFrame = frameOf(alignUp(goal, align));
  if (goal !== 0 && goalFrame >= start && goalFrame < end) {
    const found = findRun(k, data, Math.max(goalFrame, i32[data + AT.last_success]), end, pages, step);
    if (found >= 0) return found;
  }
  return findRun(k, data, start, end, pages, step);
}

/** The first `pages` free frames in a row within [from, end) that begin at a multiple of `step`, or -1. */
function findRun(k: Cpu, data: number, from: number, end: number, pages: number, step: number): number {
  const { i32 } = k;
  const map = i32[data + AT.node_bootmem_map];
  const start = i32[data + AT.node_boot_start];
  let frame = from;
  for (;;) {
    const first = alignUp(start + findNextClear(i32, map, frame - start, end - start), step);
    const behind = first + pages;
    if (behind > end) return -1;
    const taken = start + findNextSet(i32, map, first - start, behind - start);
    if (taken === behind) return first;
    frame = taken + 1;
  }
}

/**
 * Reserves the memory found.
 *
 * @param frame start of enough free frames
 * @returns physical address of the first byte: in the frame before when that has room left
 */
function take(k: Cpu, data: number, frame: number, size: number, align: number): number {
  const { i32 } = k;
  const used = i32[data + AT.last_offset];
  const merge = align < PAGE_SIZE && used !== 0 && i32[data + AT.last_pos] + 1 === frame;
  const phys = merge ? (frame - 1) * PAGE_SIZE + alignUp(used, align) : frame * PAGE_SIZE;
  const end = phys + size;
  const endFrame = Math.ceil(end / PAGE_SIZE);
  const start = i32[data + AT.node_boot_start];
  setBits(i32, i32[data + AT.node_bootmem_map], frame - start, endFrame - start);
  i32[data + AT.last_pos] = endFrame - 1;
  i32[data + AT.last_offset] = end % PAGE_SIZE;
  i32[data + AT.last_success] = frame;
  return phys;
}

/** Zeroes memory, section by section. It may zero up to a word boundary behind the end: no one has that yet. */
function clearMemory(k: Cpu, phys: number, size: number): void {
  const end = phys + size;
  let from = phys;
  // The bytes before the first word boundary share their word with what was allocated before.
  for (; from < end && from % WORD_BYTES !== 0; from++) {
    k.u8[phys_to_word(k, from) * WORD_BYTES + (from % WORD_BYTES)] = 0;
  }
  while (from < end) {
    const part = Math.min(end, alignUp(from + 1, SECTION_BYTES)) - from;
    const first = phys_to_word(k, from);
    BUG_ON(k, first < 0, `bootmem: no memory at physical address ${from}`);
    k.i32.fill(0, first, first + Math.ceil(part / WORD_BYTES));
    from += part;
  }
}
