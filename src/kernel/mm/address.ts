import { PAGE_SIZE, PAGE_WORDS, SECTION_PAGES, SECTION_PAGES_SHIFT } from '../../arch/page.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { pfn_valid } from './page.js';

/**
 * The direct map: kernel address = PAGE_OFFSET + physical address, for all of low memory (facts file, section 1.1).
 * Addresses and physical addresses can exceed 32 bits, so they are computed with, never shifted.
 */

const SECTION_MEMORY = KERNEL.section_memory;
const SECTION_SHIFT = SECTION_PAGES_SHIFT;
const FRAMES = SECTION_PAGES - 1;
const WORDS = PAGE_WORDS;

/** Word index of a frame's first byte. The frame must be memory. */
export function frameWord(k: Cpu, pfn: number): number {
  return k.i32[SECTION_MEMORY + (pfn >>> SECTION_SHIFT)] + (pfn & FRAMES) * WORDS;
}

/** Physical address of a direct-map address. */
export function __pa(k: Cpu, address: number): number {
  return address - k.space.PAGE_OFFSET;
}

/** Direct-map address of a physical address. */
export function __va(k: Cpu, physical: number): number {
  return physical + k.space.PAGE_OFFSET;
}

/** Number of the frame that a direct-map address lies in. */
export function virt_to_page(k: Cpu, address: number): number {
  return Math.floor((address - k.space.PAGE_OFFSET) / PAGE_SIZE);
}

/** Whether an address lies in the direct map, in a frame that has a struct page. */
export function virt_addr_valid(k: Cpu, address: number): boolean {
  const pfn = virt_to_page(k, address);
  return Number.isInteger(pfn) && pfn_valid(k, pfn) && !PageHighMem(k, pfn);
}

/** Whether a page has no permanent address: it lies above low memory. */
export function PageHighMem(k: Cpu, pfn: number): boolean {
  return pfn >= k.i32[KERNEL.max_low_pfn];
}

/** Kernel address of a page's first byte; 0 (NULL) for high memory that is not mapped. */
export function page_address(k: Cpu, pfn: number): number {
  return PageHighMem(k, pfn) ? 0 : __va(k, pfn * PAGE_SIZE);
}
