import type { Cpu } from '../../core/cpu.js';
import { MAX_ORDER, populatedZones, ZONE, zoneName } from '../../mm/zone.js';
import { zoneHeading } from '../format.js';
import { freeBlocks } from '../free-blocks.js';

/**
 * The unusable free space index: which part of a zone's free memory lies in blocks too small for a request of an
 * order. From 2.6.35; the page allocator of 2.6.24 is measured with it.
 */

/** The index of one order, between 0 (all can be used) and 1 (nothing can; also when nothing is free). */
export function unusableFreeSpaceIndex(k: Cpu, zone: number, order: number): number {
  return unusableFraction(freeBlocks(k, zone), order);
}

/**
 * The index from numbers of free blocks by order: of a zone, or added up over several.
 *
 * @param blocks free blocks by order
 */
export function unusableFraction(blocks: readonly number[], order: number): number {
  const { free, usable } = freeSpace(blocks, order);
  return free === 0 ? 1 : (free - usable) / free;
}

/** /sys/kernel/debug/extfrag/unusable_index: the index of each order, cut to three decimals, a line per zone. */
export function unusableIndex(k: Cpu): string {
  let text = '';
  for (const zone of populatedZones(k)) {
    text += unusableLine(k.i32[zone + ZONE.at.node], zoneName(k, zone), freeBlocks(k, zone));
  }
  return text;
}

/** One line, from free blocks by order. */
export function unusableLine(nid: number, zone: string, blocks: readonly number[]): string {
  let line = `${zoneHeading(nid, zone)} `;
  for (let order = 0; order < MAX_ORDER; order++) {
    const { free, usable } = freeSpace(blocks, order);
    const thousandths = free === 0 ? 1000 : Math.floor(((free - usable) * 1000) / free);
    line += `${Math.floor(thousandths / 1000)}.${String(thousandths % 1000).padStart(3, '0')} `;
  }
  return `${line}\n`;
}

/** Free pages, and those of them in blocks of at least an order. */
function freeSpace(blocks: readonly number[], order: number): { free: number; usable: number } {
  let free = 0;
  let usable = 0;
  for (let o = 0; o < blocks.length; o++) {
    const pages = blocks[o] * 2 ** o;
    free += pages;
    if (o >= order) usable += pages;
  }
  return { free, usable };
}
