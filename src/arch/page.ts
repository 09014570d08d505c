/** Pages, page frames and sections: the units in which x86 memory is handled (facts file, section 0). */

export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 4096;

/** A page in words of the image. */
export const PAGE_WORDS = PAGE_SIZE / 4;

/**
 * A section is the granule in which physical memory is mapped onto the image: as large as the largest buddy block
 * (2^10 pages), so that a block never crosses a section.
 */
export const SECTION_PAGES_SHIFT = 10;
export const SECTION_PAGES = 1 << SECTION_PAGES_SHIFT;
export const SECTION_BYTES = SECTION_PAGES * PAGE_SIZE;
export const WORDS_PER_SECTION = SECTION_BYTES / 4;

/** Sections the machine can have: physical addresses end at 16 GiB. */
export const NR_MEM_SECTIONS = 4096;
export const MAX_PHYSICAL_BYTES = NR_MEM_SECTIONS * SECTION_BYTES;

/** The frame that holds physical address `bytes`. Physical addresses can exceed 32 bits, so no shifts. */
export function frameOf(bytes: number): number {
  return Math.floor(bytes / PAGE_SIZE);
}
