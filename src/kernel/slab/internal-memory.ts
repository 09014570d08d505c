import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import type { gfp_t } from '../mm/gfp.js';
import { allocSlot } from './alloc.js';
import { freeSlot } from './free.js';
import { generalCache } from './general-caches.js';
import { slotCache, slotFrame, slotWord, wordSlot } from './slot.js';
import { PAGE, pageOf, PG_slab } from '../mm/page.js';

/** Memory for the allocator's own arrays and lists: kmalloc and kfree by word index. */

/**
 * @param gfp may have `__GFP_WAIT`
 * @returns word index of so many words, not cleared; 0: there is no memory, or no cache of such objects
 */
export function kmallocWords(k: Cpu, words: number, gfp: gfp_t, node: number): number {
  if (words * 4 > k.i32[KERNEL.kmalloc_max]) return 0;
  const slot = allocSlot(k, generalCache(k, words * 4, gfp), gfp, node);
  return slot === 0 ? 0 : slotWord(k, slot);
}

/** Frees what {@link kmallocWords} gave; what lies in boot memory stays, and 0 is allowed. Any context. */
export function kfreeWords(k: Cpu, word: number): void {
  if (word === 0) return;
  const slot = wordSlot(k, word);
  const isSlab = (k.i32[pageOf(k.i32, slotFrame(slot)) + PAGE.at.flags] & (1 << PG_slab)) !== 0;
  if (isSlab) freeSlot(k, slotCache(k, slot), slot);
}
