import { SECTION_PAGES_SHIFT } from '../../../arch/page.js';
import type { Cpu } from '../../core/cpu.js';
import { KERNEL } from '../../core/kernel-data.js';
import { get_pageblock_migratetype } from '../../mm/buddy.js';
import { MIGRATE_NAMES, MIGRATE_TYPES } from '../../mm/gfp.js';
import {
  FREE_AREA,
  freeArea,
  MAX_ORDER,
  NODE_DATA,
  PG_DATA,
  populatedZones,
  ZONE,
  zoneName,
} from '../../mm/zone.js';
import { spin_lock_irqsave, spin_unlock_irqrestore } from '../../sync/spinlock.js';
import { lu, zoneHeading } from '../format.js';

/**
 * /proc/pagetypeinfo: free blocks by migrate type and order, and how many pageblocks are of each type. The whole
 * file repeats for every node with memory, headings and all; each zone is read under its zone->lock.
 */
export function pagetypeinfo(k: Cpu): string {
  let text = '';
  for (let nid = 0; nid < k.i32[KERNEL.nr_nodes]; nid++) {
    if (k.i32[NODE_DATA(k, nid) + PG_DATA.at.node_present_pages] !== 0) text += nodePages(k, nid);
  }
  return text;
}

function nodePages(k: Cpu, nid: number): string {
  const order = k.i32[KERNEL.pageblock_order];
  let text = pagetypeHeading(order, MAX_ORDER);
  for (const zone of populatedZones(k)) {
    if (k.i32[zone + ZONE.at.node] === nid) text += freeRows(k, nid, zone);
  }
  text += blocksHeading(MIGRATE_NAMES);
  for (const zone of populatedZones(k)) {
    if (k.i32[zone + ZONE.at.node] === nid) text += blocksRow(nid, zoneName(k, zone), countBlocks(k, zone));
  }
  return text;
}

/** The lines above the free counts. */
export function pagetypeHeading(pageblockOrder: number, orders: number): string {
  let text = `Page block order: ${pageblockOrder}\nPages per block:  ${1 << pageblockOrder}\n\n`;
  text += `${'Free pages count per migrate type at order'.padEnd(43)} `;
  for (let order = 0; order < orders; order++) text += `${lu(order, 6)} `;
  return `${text}\n`;
}

function freeRows(k: Cpu, nid: number, zone: number): string {
  let text = '';
  const flags = spin_lock_irqsave(k, zone + ZONE.at.lock);
  for (let type = 0; type < MIGRATE_TYPES; type++) {
    const blocks: number[] = [];
    for (let order = 0; order < MAX_ORDER; order++) {
      blocks.push(listLength(k, freeArea(zone, order) + FREE_AREA.at.free_list + 2 * type));
    }
    text += freeRow(nid, zoneName(k, zone), MIGRATE_NAMES[type] ?? '?', blocks);
  }
  spin_unlock_irqrestore(k, zone + ZONE.at.lock, flags);
  return text;
}

/** Entries of a free list, counted one by one. Under zone->lock. */
function listLength(k: Cpu, head: number): number {
  let length = 0;
  for (let link = k.i32[head]; link !== head; link = k.i32[link]) length++;
  return length;
}

/** The free blocks of one type, by order. */
export function freeRow(nid: number, zone: string, type: string, blocks: readonly number[]): string {
  let row = `Node ${lu(nid, 4)}, zone ${zone.padStart(8)}, type ${type.padStart(12)} `;
  for (const count of blocks) row += `${lu(count, 6)} `;
  return `${row}\n`;
}

/** The lines above the pageblock counts. */
export function blocksHeading(types: readonly string[]): string {
  let text = `\n${'Number of blocks type'.padEnd(23)}`;
  for (const type of types) text += `${type.padStart(12)} `;
  return `${text}\n`;
}

/** The pageblocks of a zone by type. A whole pageblock without memory is in a hole and does not count. */
function countBlocks(k: Cpu, zone: number): number[] {
  const { i32 } = k;
  const counts = new Array<number>(MIGRATE_TYPES).fill(0);
  const start = i32[zone + ZONE.at.zone_start_pfn];
  const size = 1 << i32[KERNEL.pageblock_order];
  const flags = spin_lock_irqsave(k, zone + ZONE.at.lock);
  for (let pfn = start; pfn < start + i32[zone + ZONE.at.spanned_pages]; pfn += size) {
    if (i32[KERNEL.section_memory + (pfn >>> SECTION_PAGES_SHIFT)] === -1) continue;
    counts[get_pageblock_migratetype(k, zone, pfn)]++;
  }
  spin_unlock_irqrestore(k, zone + ZONE.at.lock, flags);
  return counts;
}

/** The pageblocks of one zone, by type. */
export function blocksRow(nid: number, zone: string, counts: readonly number[]): string {
  let row = `${zoneHeading(nid, zone)} `;
  for (const count of counts) row += `${lu(count, 12)} `;
  return `${row}\n`;
}
