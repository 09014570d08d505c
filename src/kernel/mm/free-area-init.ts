import {
  MAX_NR_ZONES,
  ZONE_DMA,
  ZONE_DMA32,
  ZONE_HIGHMEM,
  ZONE_MOVABLE,
  ZONE_NAMES,
  ZONE_NORMAL,
} from '../../arch/address-space.js';
import type { Hardware } from '../../arch/hardware.js';
import { frameOf, SECTION_BYTES, SECTION_PAGES } from '../../arch/page.js';
import { alignUp, CACHE_LINE_WORDS, WORD_BYTES } from '../../image/struct.js';
import type { Cpu } from '../core/cpu.js';
import { DEBUG_PAGE_OWNER, KERNEL } from '../core/kernel-data.js';
import { printk } from '../core/printk.js';
import { lock_class } from '../sync/lockdep.js';
import { spin_lock_init } from '../sync/spinlock.js';
import { frameWord, virt_to_page } from './address.js';
import { alloc_bootmem_node } from './bootmem.js';
import { MIGRATE_MOVABLE, MIGRATE_TYPES, MIGRATE_UNMOVABLE } from './gfp.js';
import { INIT_LIST_HEAD } from '../core/list.js';
import { PAGE_OWNER } from './page-owner.js';
import { PAGE, PG_reserved, PG_ZONE_SHIFT, zoneBits } from './page.js';
import { movableStarts } from './zone-movable.js';
import { FREE_AREA, freeArea, MAX_ORDER, NODE_DATA, PG_DATA, ZONE, zoneOf } from './zone.js';
import { zonelistWords } from './zonelist.js';

/**
 * Node and zone structures and the memory map, made in node-local boot memory (facts file, sections 1.2 and 1.3).
 * Boot CPU only.
 */

/** The frames of a zone on a node; `end` is exclusive. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** Makes everything. */
export function free_area_init_nodes(k: Cpu, hardware: Hardware): void {
  const limits = zoneLimitFrames(k, hardware);
  const movable = movableStarts(hardware, limits);
  printZoneRanges(k, limits, movable);
  for (let nid = 0; nid < hardware.nodes; nid++) initNode(k, hardware, nid, limits, movable);
  let total = 0;
  for (let nid = 0; nid < hardware.nodes; nid++) {
    total += k.i32[NODE_DATA(k, nid) + PG_DATA.at.node_present_pages];
  }
  k.i32[KERNEL.vm_total_pages] = total;
  const grouping = total >= (1 << k.i32[KERNEL.pageblock_order]) * MIGRATE_TYPES;
  k.i32[KERNEL.page_group_by_mobility_disabled] = grouping ? 0 : 1;
  k.i32[KERNEL.migrate_mask] = grouping ? 3 : 0;
  for (let nid = 0; nid < hardware.nodes; nid++) {
    for (let type = 0; type < MAX_NR_ZONES; type++) initPageblocks(k, zoneOf(k, nid, type), grouping);
  }
}

/** The frames where each zone type begins and ends, by type, ZONE_MOVABLE aside. */
function zoneLimitFrames(k: Cpu, hardware: Hardware): Span[] {
  const { zoneLimits } = hardware;
  const ends: [number, number][] = [
    [ZONE_DMA, frameOf(zoneLimits.dma)],
    [ZONE_DMA32, frameOf(zoneLimits.dma32)],
    [ZONE_NORMAL, frameOf(zoneLimits.lowmem)],
    [ZONE_HIGHMEM, Infinity],
  ];
  const spans: Span[] = [];
  let start = 0;
  for (const [type, limit] of ends) {
    const exists = k.space.zoneTypes.includes(type);
    const end = exists ? Math.max(start, Math.min(limit, k.i32[KERNEL.max_pfn])) : start;
    spans.push({ start, end });
    start = end;
  }
  return spans;
}

function printZoneRanges(k: Cpu, limits: readonly Span[], movable: readonly number[]): void {
  printk(k, 'Zone PFN ranges:');
  for (const type of k.space.zoneTypes) {
    const span = limits[type];
    if (type === ZONE_MOVABLE) continue;
    const name = (ZONE_NAMES[type] ?? '').padEnd(8);
    printk(k, `  ${name} ${String(span.start).padStart(8)} -> ${String(span.end).padStart(8)}`);
  }
  printk(k, 'Movable zone start PFN for each node');
  for (let nid = 0; nid < movable.length; nid++) {
    const start = movable[nid] ?? 0;
    if (start !== 0) printk(k, `  Node ${nid}: ${start}`);
  }
}

function initNode(
  k: Cpu,
  hardware: Hardware,
  nid: number,
  limits: readonly Span[],
  movable: readonly number[],
): void {
  const data = bootWords(k, nid, PG_DATA.words);
  k.i32[KERNEL.node_data + nid] = data;
  k.i32[data + PG_DATA.at.node_id] = nid;
  const zonelists = bootWords(k, nid, 2 * MAX_NR_ZONES * zonelistWords(hardware.nodes));
  for (let i = 0; i < 2 * MAX_NR_ZONES; i++) {
    k.i32[data + PG_DATA.at.node_zonelists + i] = zonelists + i * zonelistWords(hardware.nodes);
  }
  const span = nodeSpan(hardware, nid);
  if (span.end > span.start) {
    k.i32[data + PG_DATA.at.node_start_pfn] = span.start;
    k.i32[data + PG_DATA.at.node_spanned_pages] = span.end - span.start;
    k.i32[KERNEL.node_memory_map + (nid >>> 5)] |= 1 << (nid & 31);
    allocMemMap(k, hardware, nid, span);
  }
  let present = 0;
  for (let type = 0; type < MAX_NR_ZONES; type++) {
    initZone(k, nid, type);
    present += sizeZone(k, hardware, nid, type, zoneSpan(type, span, limits, movable[nid] ?? 0));
  }
  k.i32[data + PG_DATA.at.node_present_pages] = present;
  if (present > 0) printNode(k, nid, present);
}

function printNode(k: Cpu, nid: number, present: number): void {
  printk(k, `On node ${nid} totalpages: ${present}`);
  for (let type = 0; type < MAX_NR_ZONES; type++) {
    const zone = zoneOf(k, nid, type);
    const pages = k.i32[zone + ZONE.at.present_pages];
    const memmap = Math.ceil((k.i32[zone + ZONE.at.spanned_pages] * PAGE.words * WORD_BYTES) / 4096);
    if (pages > 0)
      printk(k, `  ${ZONE_NAMES[type] ?? ''} zone: ${memmap} pages used for memmap, ${pages} pages`);
  }
}

/** First and last frame of a node's memory, holes included. */
function nodeSpan(hardware: Hardware, nid: number): Span {
  let start = Infinity;
  let end = 0;
  for (const range of hardware.memory) {
    if (range.node !== nid) continue;
    start = Math.min(start, frameOf(range.start));
    end = Math.max(end, frameOf(range.end));
  }
  return end === 0 ? { start: 0, end: 0 } : { start, end };
}

/** The part of a node that belongs to a zone type. */
function zoneSpan(type: number, node: Span, limits: readonly Span[], movableStart: number): Span {
  const movable = movableStart === 0 ? node.end : movableStart;
  if (type === ZONE_MOVABLE) return { start: movable, end: node.end };
  const limit = limits[type] ?? { start: 0, end: 0 };
  const start = Math.max(limit.start, node.start);
  return { start, end: Math.max(start, Math.min(limit.end, movable)) };
}

/**
 * The struct pages of a node, holes included, up to the end of its last section, so that a buddy always has one.
 * All are reserved until boot memory is handed over.
 */
function allocMemMap(k: Cpu, hardware: Hardware, nid: number, span: Span): void {
  const { i32 } = k;
  const data = NODE_DATA(k, nid);
  const first = Math.floor(span.start / SECTION_PAGES) * SECTION_PAGES;
  const pages = alignUp(span.end, SECTION_PAGES) - first;
  const map = bootWords(k, nid, pages * PAGE.words);
  i32[data + PG_DATA.at.node_mem_map] = map - first * PAGE.words;
  for (let page = map; page < map + pages * PAGE.words; page += PAGE.words) {
    i32[page + PAGE.at.flags] = zoneBits(0, nid) | (1 << PG_reserved);
    i32[page + PAGE.at._count] = 1;
    i32[page + PAGE.at._mapcount] = -1;
  }
  const owner = (k.debug & DEBUG_PAGE_OWNER) !== 0 ? bootWords(k, nid, pages * PAGE_OWNER.words) : 0;
  for (let section = first / SECTION_PAGES; section < (first + pages) / SECTION_PAGES; section++) {
    if (belongsToOther(hardware, nid, section)) continue;
    i32[KERNEL.section_mem_map + section] = map - first * PAGE.words;
    if (owner !== 0) i32[KERNEL.section_owner + section] = owner - first * PAGE_OWNER.words;
  }
}

/** Whether a section is memory of other nodes alone: the ranges of nodes can alternate. */
function belongsToOther(hardware: Hardware, nid: number, section: number): boolean {
  const start = section * SECTION_BYTES;
  let other = false;
  for (const range of hardware.memory) {
    if (range.start >= start + SECTION_BYTES || range.end <= start) continue;
    if (range.node === nid) return false;
    other = true;
  }
  return other;
}

/** An empty zone. */
function initZone(k: Cpu, nid: number, type: number): void {
  const { i32 } = k;
  const zone = zoneOf(k, nid, type);
  i32[zone + ZONE.at.type] = type;
  i32[zone + ZONE.at.node] = nid;
  i32[zone + ZONE.at.prev_priority] = 12;
  i32[zone + ZONE.at.mem_map] = i32[NODE_DATA(k, nid) + PG_DATA.at.node_mem_map];
  spin_lock_init(k, zone + ZONE.at.lock, lock_class(k, 'zone->lock'));
  for (let order = 0; order < MAX_ORDER; order++) {
    for (let list = 0; list < MIGRATE_TYPES; list++) {
      INIT_LIST_HEAD(i32, freeArea(zone, order) + FREE_AREA.at.free_list + 2 * list);
    }
  }
}

/** Gives a zone its frames; how many of them are memory. */
function sizeZone(k: Cpu, hardware: Hardware, nid: number, type: number, span: Span): number {
  const { i32 } = k;
  const zone = zoneOf(k, nid, type);
  let present = 0;
  for (const range of hardware.memory) {
    if (range.node !== nid) continue;
    present += Math.max(
      0,
      Math.min(span.end, frameOf(range.end)) - Math.max(span.start, frameOf(range.start)),
    );
  }
  i32[KERNEL.zone_table + (zoneBits(type, nid) >>> PG_ZONE_SHIFT)] = zone;
  if (present === 0) return 0;
  i32[zone + ZONE.at.zone_start_pfn] = span.start;
  i32[zone + ZONE.at.spanned_pages] = span.end - span.start;
  i32[zone + ZONE.at.present_pages] = present;
  const map = i32[zone + ZONE.at.mem_map];
  for (let pfn = span.start; pfn < span.end; pfn++) {
    i32[map + pfn * PAGE.words + PAGE.at.flags] = zoneBits(type, nid) | (1 << PG_reserved);
  }
  return present;
}

/** The migrate types of a zone's pageblocks: all movable, or all unmovable without grouping. */
function initPageblocks(k: Cpu, zone: number, grouping: boolean): void {
  const { i32 } = k;
  if (i32[zone + ZONE.at.present_pages] === 0) return;
  const order = i32[KERNEL.pageblock_order];
  const first = i32[zone + ZONE.at.zone_start_pfn] >>> order;
  const last = (i32[zone + ZONE.at.zone_start_pfn] + i32[zone + ZONE.at.spanned_pages] - 1) >>> order;
  const count = last - first + 1;
  const types = bootWords(k, i32[zone + ZONE.at.node], count);
  i32[zone + ZONE.at.pageblock_types] = types - first;
  i32[zone + ZONE.at.nr_pageblocks] = count;
  i32.fill(grouping ? MIGRATE_MOVABLE : MIGRATE_UNMOVABLE, types, types + count);
}

/** Boot memory on a node (or the nearest that has any) as a word index; zeroed, in cache lines of its own. */
export function bootWords(k: Cpu, nid: number, words: number): number {
  const bytes = alignUp(words, CACHE_LINE_WORDS) * WORD_BYTES;
  const address = alloc_bootmem_node(k, nid, bytes);
  const pfn = virt_to_page(k, address);
  const offset = address - k.space.PAGE_OFFSET - pfn * 4096;
  return frameWord(k, pfn) + offset / WORD_BYTES;
}
