import { MAX_PHYSICAL_BYTES, SECTION_BYTES } from '../../arch/page.js';
import { WORD_BYTES } from '../../image/struct.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';

/**
 * The word of the image that a physical address lies in. Any number is allowed. Within a section the image is
 * contiguous; across sections it need not be, so a longer stretch is walked section by section.
 *
 * @param phys bytes; can exceed 32 bits
 * @returns the word index, -1 where no memory is
 */
export function phys_to_word(k: Cpu, phys: number): number {
  if (!(phys >= 0 && phys < MAX_PHYSICAL_BYTES)) return -1;
  const section = k.i32[KERNEL.section_memory + Math.floor(phys / SECTION_BYTES)];
  return section < 0 ? -1 : section + Math.floor((phys % SECTION_BYTES) / WORD_BYTES);
}
