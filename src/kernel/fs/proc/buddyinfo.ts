import type { Cpu } from '../../core/cpu.js';
import { populatedZones, ZONE, zoneName } from '../../mm/zone.js';
import { lu, zoneHeading } from '../format.js';
import { freeBlocks } from '../free-blocks.js';

/**
 * /proc/buddyinfo: free blocks by order, a line per zone with memory, under its zone->lock. Pages on per-CPU lists
 * are not in it.
 */
export function buddyinfo(k: Cpu): string {
  let text = '';
  for (const zone of populatedZones(k)) {
    text += buddyinfoLine(k.i32[zone + ZONE.at.node], zoneName(k, zone), freeBlocks(k, zone));
  }
  return text;
}

/** One line, from its numbers; it ends with a blank, as in the kernel. */
export function buddyinfoLine(nid: number, zone: string, blocks: readonly number[]): string {
  let line = `${zoneHeading(nid, zone)} `;
  for (const count of blocks) line += `${lu(count, 6)} `;
  return `${line}\n`;
}
