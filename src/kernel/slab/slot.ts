import { PAGE_SHIFT, WORDS_PER_SECTION } from '../../arch/page.js';
import { WORD_INDEX_MASK } from '../../image/memory-image.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { frameWord } from '../mm/address.js';
import { PAGE, pageOf } from '../mm/page.js';

/**
 * Slots: an object by the physical address of its first byte divided by 4. As a word of the image it may look negative; the
 * functions here take it either way.
 */

const FRAME_SHIFT = PAGE_SHIFT - 2;
const IN_FRAME = (1 << FRAME_SHIFT) - 1;
const LRU = PAGE.at.lru;
const INDEX = WORD_INDEX_MASK;

/** The kernel address of a slot. */
export function slotAddress(k: Cpu, slot: number): number {
  return (slot >>> 0) * 4 + k.space.PAGE_OFFSET;
}

/** The slot of a kernel address in the direct map. */
export function addressSlot(k: Cpu, address: number): number {
  return ((address - k.space.PAGE_OFFSET) * 0.25) >>> 0;
}

/** The frame that a slot lies in. */
export function slotFrame(slot: number): number {
  return slot >>> FRAME_SHIFT;
}

/** The slot of a frame's first byte. */
export function frameSlot(pfn: number): number {
  return (pfn << FRAME_SHIFT) >>> 0;
}

/** Word index in the image of a slot. */
export function slotWord(k: Cpu, slot: number): number {
  return frameWord(k, slot >>> FRAME_SHIFT) + (slot & IN_FRAME);
}

/** The slot of a word of the image, which lies in RAM. */
export function wordSlot(k: Cpu, word: number): number {
  const section = k.i32[KERNEL.image_sections + Math.floor(word / WORDS_PER_SECTION)];
  return (section * WORDS_PER_SECTION + (word % WORDS_PER_SECTION)) >>> 0;
}

/** The cache that the page of a slot belongs to (page_get_cache). It must be a slab's. */
export function slotCache(k: Cpu, slot: number): number {
  return k.i32[pageOf(k.i32, slot >>> FRAME_SHIFT) + LRU];
}

/** The slab that the page of a slot belongs to (virt_to_slab). */
export function slotSlab(k: Cpu, slot: number): number {
  return k.i32[pageOf(k.i32, slot >>> FRAME_SHIFT) + LRU + 1] & INDEX;
}
