import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { FREE_AREA, NR_FREE_PAGES, ZONE } from './zone.js';

/** How deep an allocation may dig (facts file, sections 1.8 and 1.10). */
export const ALLOC_NO_WATERMARKS = 0x01;
export const ALLOC_WMARK_MIN = 0x02;
export const ALLOC_WMARK_LOW = 0x04;
export const ALLOC_WMARK_HIGH = 0x08;
/** Cannot wait, or real-time: a quarter deeper. */
export const ALLOC_HARDER = 0x10;
/** `__GFP_HIGH`: half as deep. */
export const ALLOC_HIGH = 0x20;
/** Obey the task's cpuset. */
export const ALLOC_CPUSET = 0x40;

const FREE_AREAS = ZONE.at.free_area;
const AREA_WORDS = FREE_AREA.words;
const NR_FREE = FREE_AREA.at.nr_free;
const FREE_PAGES = ZONE.at.vm_stat + NR_FREE_PAGES;
const LOWMEM_RESERVE = ZONE.at.lowmem_reserve;
const DIG_DEEPER = ALLOC_HIGH | ALLOC_HARDER;
const HIGH_BIT = ALLOC_HIGH;
const HARDER_BIT = ALLOC_HARDER;

/**
 * Whether a zone has enough free memory for a request: above the mark and the reserve for higher zones as a whole,
 * and above a mark that halves with each order in blocks that are large enough.
 *
 * Reads counters without the lock: a deliberate race; the removal may still fail.
 *
 * @param mark in pages
 * @param classzone type of the highest zone the request may use
 * @param allocFlags ALLOC_* bits
 */
export function zone_watermark_ok(
  k: Cpu,
  zone: number,
  order: number,
  mark: number,
  classzone: number,
  allocFlags: number,
): boolean {
  const { i32 } = k;
  let min = (allocFlags & DIG_DEEPER) === 0 ? mark : deeperMark(mark, allocFlags);
  // zone_page_state() counts a negative statistic as 0.
  const stat = readOnce(k, zone + FREE_PAGES);
  let free = (stat < 0 ? 0 : stat) - (1 << order) + 1;
  if (free <= min + i32[zone + LOWMEM_RESERVE + classzone]) return false;
  for (let o = 0; o < order; o++) {
    free -= readOnce(k, zone + FREE_AREAS + o * AREA_WORDS + NR_FREE) << o;
    min >>= 1;
    if (free <= min) return false;
  }
  return true;
}

function deeperMark(mark: number, allocFlags: number): number {
  let min = mark;
  if ((allocFlags & HIGH_BIT) !== 0) min -= min >> 1;
  if ((allocFlags & HARDER_BIT) !== 0) min -= min >> 2;
  return min;
}
