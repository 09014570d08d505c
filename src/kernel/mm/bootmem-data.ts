import { frameOf, PAGE_SIZE } from '../../arch/page.js';
import { lineStart, struct, word, WORD_BYTES } from '../../image/struct.js';
import { BUG, BUG_ON } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { MAX_NUMNODES } from '../core/limits.js';
import { phys_to_word } from './phys.js';

/**
 * The boot allocator of one node (`struct bootmem_data`). Nothing can be allocated yet when it is made, so it lies
 * right in front of its bit map: a bit per page of low memory from `node_boot_start` on, 1 = reserved. Boot CPU only.
 */
export const BOOTMEM_DATA = struct('bootmem_data', {
  /** First frame of the node, and the one behind its last low one. */
  node_boot_start: word,
  node_low_pfn: word,
  /** Word index of the bit map, and the frame that this struct begins in. */
  node_bootmem_map: word,
  map_pfn: word,
  /** How much of the last page of the last allocation is in use, in bytes; 0: all of it, or there is none. */
  last_offset: word,
  /** That page. */
  last_pos: word,
  /** First frame of the last allocation: where the next search with a goal below it begins. */
  last_success: word,
  mapStart: lineStart,
});

const AT = BOOTMEM_DATA.at;

/** What `KERNEL.bootmem_data` holds for a node whose memory the buddy system has. */
const HANDED_OVER = -1;

/** Bytes of the struct and bit map for `pages` pages. */
export function bootmapBytes(pages: number): number {
  return (BOOTMEM_DATA.words + Math.ceil(pages / 32)) * WORD_BYTES;
}

/** bootmem_bootmap_pages: the pages that {@link init_bootmem_node} needs to manage `pages` pages. */
export function bootmem_bootmap_pages(pages: number): number {
  return Math.ceil(bootmapBytes(pages) / PAGE_SIZE);
}

/**
 * Starts the boot allocator of a node, with everything reserved: the caller then frees what is RAM, and reserves in
 * it what is in use, the map itself included.
 *
 * @param mapFrame where to put struct and bit map: memory that nothing else uses, within one range of RAM
 * @param startFrame first frame of the node
 * @param endFrame the frame behind its last low one
 * @returns the bytes used at `mapFrame`
 */
export function init_bootmem_node(
  k: Cpu,
  nid: number,
  mapFrame: number,
  startFrame: number,
  endFrame: number,
): number {
  const { i32 } = k;
  BUG_ON(k, !(nid >= 0 && nid < MAX_NUMNODES), `init_bootmem_node: no such node: ${nid}`);
  const state = i32[KERNEL.bootmem_data + nid];
  if (state === HANDED_OVER) unusable(k, 'init_bootmem_node');
  BUG_ON(k, state !== 0, `init_bootmem_node: node ${nid} has a boot allocator already`);
  BUG_ON(k, startFrame >= endFrame, `init_bootmem_node: node ${nid} has no low memory`);
  const bytes = bootmapBytes(endFrame - startFrame);
  const words = bytes / WORD_BYTES;
  const data = phys_to_word(k, mapFrame * PAGE_SIZE);
  const lastWord = phys_to_word(k, mapFrame * PAGE_SIZE + bytes - 1);
  // Sections are packed into the image in ascending order: if the end is where it should be, all between is too.
  BUG_ON(k, data < 0 || lastWord !== data + words - 1, `init_bootmem_node: no room at frame ${mapFrame}`);

  i32.fill(0, data, data + BOOTMEM_DATA.words);
  i32[data + AT.node_boot_start] = startFrame;
  i32[data + AT.node_low_pfn] = endFrame;
  i32[data + AT.node_bootmem_map] = data + BOOTMEM_DATA.words;
  i32[data + AT.map_pfn] = mapFrame;
  i32.fill(-1, data + BOOTMEM_DATA.words, data + words);
  i32[KERNEL.bootmem_data + nid] = data;
  i32[KERNEL.bootmem_active] = 1;
  return bytes;
}

/** Word index of a node's {@link BOOTMEM_DATA}, 0 when it has none (any more). Any number is allowed. */
export function bootmemOf(k: Cpu, nid: number): number {
  return nid >= 0 && nid < MAX_NUMNODES ? Math.max(0, k.i32[KERNEL.bootmem_data + nid]) : 0;
}

/** {@link bootmemOf} of a node that must have one. */
export function bootmemOfNode(k: Cpu, nid: number, caller: string): number {
  bootmemUsable(k, caller);
  const data = bootmemOf(k, nid);
  BUG_ON(k, data === 0, `${caller}: node ${nid} has no boot memory`);
  return data;
}

/** Refuses the call when the boot allocator does not exist: not yet, or no longer. */
export function bootmemUsable(k: Cpu, caller: string): void {
  if (k.i32[KERNEL.bootmem_active] === 0) unusable(k, caller);
}

function unusable(k: Cpu, caller: string): never {
  return BUG(k, `${caller}: boot memory is only there while the kernel boots, modules cannot use it`);
}

/** Whether the frames lie in the span of a node. The node need not own all of its span. */
export function spans(k: Cpu, data: number, startFrame: number, endFrame: number): boolean {
  return startFrame >= k.i32[data + AT.node_boot_start] && endFrame <= k.i32[data + AT.node_low_pfn];
}

/** Ends the boot allocator of a node; that of the last one ends it for good. */
export function closeBootmem(k: Cpu, nid: number): void {
  const { i32 } = k;
  i32[KERNEL.bootmem_data + nid] = HANDED_OVER;
  for (let other = 0; other < MAX_NUMNODES; other++) if (i32[KERNEL.bootmem_data + other] > 0) return;
  i32[KERNEL.bootmem_active] = 0;
  for (let other = 0; other < MAX_NUMNODES; other++) i32[KERNEL.bootmem_data + other] = HANDED_OVER;
}

/** The frames that lie wholly in `size` bytes at a physical address: the first, and the one behind the last. */
export function wholeFrames(phys: number, size: number): { start: number; end: number } {
  return { start: Math.ceil(phys / PAGE_SIZE), end: frameOf(phys + size) };
}

/** The frames that `size` bytes at a physical address touch. */
export function touchedFrames(phys: number, size: number): { start: number; end: number } {
  return { start: frameOf(phys), end: Math.ceil((phys + size) / PAGE_SIZE) };
}
