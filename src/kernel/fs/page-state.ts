import { ZONE_HIGHMEM } from '../../arch/address-space.js';
import type { Cpu } from '../core/cpu.js';
import { readOnce } from '../core/access-once.js';
import { KERNEL } from '../core/kernel-data.js';
import { zone_page_state } from '../mm/vmstat.js';
import { NR_FREE_PAGES, populatedZones, ZONE } from '../mm/zone.js';

/**
 * Zone statistics added up. Without what CPUs have not folded into the zones yet, so a sum can be off by CPUs times
 * threshold, and read while others count: a deliberate race.
 */

/** A statistic of the whole machine; never negative. */
export function global_page_state(k: Cpu, item: number): number {
  let sum = 0;
  for (const zone of populatedZones(k)) sum += readOnce(k, zone + ZONE.at.vm_stat + item);
  return Math.max(0, sum);
}

/** A statistic of a node. */
export function node_page_state(k: Cpu, nid: number, item: number): number {
  let sum = 0;
  for (const zone of populatedZones(k)) {
    if (k.i32[zone + ZONE.at.node] === nid) sum += zone_page_state(k, zone, item);
  }
  return sum;
}

/** Memory without permanent kernel addresses, in pages. */
export interface HighMemory {
  readonly total: number;
  readonly free: number;
}

/**
 * The high memory of a node or of the whole machine: HighMem, and Movable where it was taken from HighMem.
 *
 * @param nid node, or -1 for all
 */
export function highMemory(k: Cpu, nid: number): HighMemory {
  let total = 0;
  let free = 0;
  for (const zone of populatedZones(k)) {
    if (nid >= 0 && k.i32[zone + ZONE.at.node] !== nid) continue;
    if (k.i32[zone + ZONE.at.type] < ZONE_HIGHMEM) continue;
    if (k.i32[zone + ZONE.at.zone_start_pfn] < k.i32[KERNEL.max_low_pfn]) continue;
    total += k.i32[zone + ZONE.at.present_pages];
    free += zone_page_state(k, zone, NR_FREE_PAGES);
  }
  return { total, free };
}

/** Whether the kernel is built with high memory (CONFIG_HIGHMEM): only then do files speak of it. */
export function hasHighMemory(k: Cpu): boolean {
  return k.space.zoneTypes.includes(ZONE_HIGHMEM);
}
