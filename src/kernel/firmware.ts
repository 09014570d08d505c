import { FIRMWARE_BYTES, FIRMWARE_START, type Hardware, sectionRanges } from '../arch/hardware.js';
import { NR_MEM_SECTIONS, SECTION_PAGES, WORDS_PER_SECTION } from '../arch/page.js';
import type { MemoryImage } from '../image/memory-image.js';
import { WORD_BYTES } from '../image/struct.js';
import { KERNEL } from './core/kernel-data.js';

/** The firmware tables in the image: written once by the host before boot, read by every thread that attaches. */

/**
 * Leaves the description of the machine in the BIOS area.
 *
 * @throws RangeError when the description is too long for it
 */
export function writeFirmware(image: MemoryImage, hardware: Hardware): void {
  const text = JSON.stringify(hardware);
  if (text.length >= FIRMWARE_BYTES) {
    throw new RangeError(
      `the machine's description takes ${text.length} bytes; the BIOS area holds ${FIRMWARE_BYTES}`,
    );
  }
  image.writeText(FIRMWARE_START, FIRMWARE_BYTES, text);
}

/**
 * The description of the machine.
 *
 * @throws Error when the image holds none
 */
export function readFirmware(image: MemoryImage): Hardware {
  const text = image.readText(FIRMWARE_START, FIRMWARE_BYTES);
  if (text === '') throw new Error('this memory image holds no machine: its BIOS area is empty');
  // The text is what writeFirmware() made of a checked description.
  return JSON.parse(text) as Hardware;
}

/** Fills the table that maps sections of physical memory to the image. Boot CPU, first of all. */
export function mapSections(image: MemoryImage, hardware: Hardware): void {
  const { i32 } = image;
  i32.fill(-1, KERNEL.section_memory, KERNEL.section_memory + NR_MEM_SECTIONS);
  for (const range of sectionRanges(hardware)) {
    const first = range.startFrame / SECTION_PAGES;
    const count = range.endFrame / SECTION_PAGES - first;
    for (let i = 0; i < count; i++) {
      const start = range.imageOffset / WORD_BYTES + i * WORDS_PER_SECTION;
      i32[KERNEL.section_memory + first + i] = start;
      i32[KERNEL.image_sections + start / WORDS_PER_SECTION] = first + i;
    }
  }
}
