import { MAX_NR_ZONES } from '../../src/arch/address-space.js';
import type { Cpu } from '../../src/kernel/core/cpu.js';
import { KERNEL } from '../../src/kernel/core/kernel-data.js';
import { MIGRATE_TYPES } from '../../src/kernel/mm/gfp.js';
import { PAGE, PG_buddy, pageOf } from '../../src/kernel/mm/page.js';
import { NODE_DATA } from '../../src/kernel/mm/zone.js';
import {
  FREE_AREA,
  freeArea,
  MAX_ORDER,
  NR_FREE_PAGES,
  PER_CPU_PAGES,
  PER_CPU_PAGESET,
  PG_DATA,
  populatedZones,
  ZONE,
  zoneName,
} from '../../src/kernel/mm/zone.js';
import { zonePageStateExact } from '../../src/kernel/mm/vmstat.js';
import { ZONELIST } from '../../src/kernel/mm/zonelist.js';

/** What tests read in the allocator's structures, walking the links themselves. */

/** A block in a free list. */
export interface FreeBlock {
  readonly pfn: number;
  readonly order: number;
  readonly type: number;
}

/** `0:Normal`: node and zone. */
export function zoneLabel(k: Cpu, zone: number): string {
  return `${k.i32[zone + ZONE.at.node]}:${zoneName(k, zone)}`;
}

/** The zone with such a label. */
export function zoneByLabel(k: Cpu, label: string): number {
  const found = populatedZones(k).find((zone) => zoneLabel(k, zone) === label);
  if (found === undefined) throw new Error(`the machine has no zone ${label}`);
  return found;
}

/** The label of the zone of a page. */
export function labelOf(k: Cpu, pfn: number): string {
  const flags = k.i32[pageOf(k.i32, pfn) + PAGE.at.flags];
  return zoneLabel(k, k.i32[KERNEL.zone_table + (flags >>> 23)]);
}

/** The frames of a circular list of pages, from its head on. */
export function framesOf(k: Cpu, zone: number, head: number): number[] {
  const { i32 } = k;
  const frames: number[] = [];
  for (let link = i32[head], before = head; link !== head; before = link, link = i32[link]) {
    if (i32[link + 1] !== before) throw new Error(`broken list: ${k.nameOf(link)} does not point back`);
    frames.push((link - PAGE.at.lru - i32[zone + ZONE.at.mem_map]) / PAGE.words);
    if (frames.length > 1e7) throw new Error(`endless list at ${k.nameOf(head)}`);
  }
  return frames;
}

/** The frames in the free list of an order and migrate type, from the head on. */
export function freeList(k: Cpu, zone: number, order: number, type: number): number[] {
  return framesOf(k, zone, freeArea(zone, order) + FREE_AREA.at.free_list + 2 * type);
}

/** All free blocks of a zone, by order and type. */
export function freeBlocks(k: Cpu, zone: number): FreeBlock[] {
  const blocks: FreeBlock[] = [];
  for (let order = 0; order < MAX_ORDER; order++) {
    for (let type = 0; type < MIGRATE_TYPES; type++) {
      for (const pfn of freeList(k, zone, order, type)) blocks.push({ pfn, order, type });
    }
  }
  return blocks;
}

/** The number of free blocks by order, as the zone counts them. */
export function nrFree(k: Cpu, zone: number): number[] {
  return Array.from({ length: MAX_ORDER }, (_, order) => k.i32[freeArea(zone, order) + FREE_AREA.at.nr_free]);
}

/** The free pages of a zone by its statistic, with what CPUs have not folded in yet. */
export function freePages(k: Cpu, zone: number): number {
  return zonePageStateExact(k, zone, NR_FREE_PAGES, k.i32[KERNEL.nr_cpus]);
}

/** Word index of a list of a CPU's page set. */
export function pcpOf(k: Cpu, zone: number, cpu: number, list: number): number {
  return k.i32[zone + ZONE.at.pageset + cpu] + list * PER_CPU_PAGES.words;
}

/** The frames in a list of a CPU's page set, from the head on. */
export function pcpList(k: Cpu, zone: number, cpu: number, list: number): number[] {
  const pcp = pcpOf(k, zone, cpu, list);
  const frames = framesOf(k, zone, pcp + PER_CPU_PAGES.at.list);
  if (frames.length !== k.i32[pcp + PER_CPU_PAGES.at.count]) throw new Error('wrong count of a page list');
  return frames;
}

/** The words of a CPU's page sets, to see whether anybody touched them. */
export function pagesetWords(k: Cpu, cpu: number): number[] {
  return populatedZones(k).flatMap((zone) => {
    const start = k.i32[zone + ZONE.at.pageset + cpu];
    return Array.from(k.i32.subarray(start, start + PER_CPU_PAGESET.words));
  });
}

/** Every node's counters as numastat shows them. */
export interface Numastat {
  readonly hit: number;
  readonly miss: number;
  readonly foreign: number;
  readonly interleave: number;
  readonly local: number;
  readonly other: number;
}

export function numastat(k: Cpu, nid: number): Numastat {
  const at = PER_CPU_PAGESET.at;
  let [hit, miss, foreign, interleave, local, other] = [0, 0, 0, 0, 0, 0];
  for (const zone of populatedZones(k)) {
    if (k.i32[zone + ZONE.at.node] !== nid) continue;
    for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
      const set = k.i32[zone + ZONE.at.pageset + cpu];
      const read = (field: number): number => k.f64[(set + field) / 2];
      hit += read(at.hit_local) + read(at.hit_other);
      miss += read(at.miss_local) + read(at.miss_other);
      foreign += read(at.numa_foreign);
      interleave += read(at.interleave_hit);
      local += read(at.hit_local) + read(at.miss_local);
      other += read(at.hit_other) + read(at.miss_other);
    }
  }
  return { hit, miss, foreign, interleave, local, other };
}

/** A zonelist as labels. */
export function zonelistLabels(k: Cpu, nid: number, index: number): string[] {
  const list = k.i32[NODE_DATA(k, nid) + PG_DATA.at.node_zonelists + index] + ZONELIST.at.zones;
  const labels: string[] = [];
  for (let i = list; k.i32[i] !== 0; i++) labels.push(zoneLabel(k, k.i32[i]));
  return labels;
}

/** Index of the zonelist for THISNODE requests with this highest zone. */
export function thisNodeIndex(highest: number): number {
  return MAX_NR_ZONES + highest;
}

/** Empties the page lists of all CPUs, as those CPUs. */
export function drainAll(cpus: readonly { drain_local_pages: () => void }[]): void {
  for (const cpu of cpus) cpu.drain_local_pages();
}

/** Every free block of the machine as `pfn/order`, sorted; equal texts mean equal and equally merged free memory. */
export function freeMemory(k: Cpu): string {
  return populatedZones(k)
    .map((zone) => {
      const blocks = freeBlocks(k, zone).sort((a, b) => a.pfn - b.pfn);
      return `${zoneLabel(k, zone)} ${blocks.map((b) => `${b.pfn}/${b.order}`).join(' ')}`;
    })
    .join('\n');
}

/**
 * What is wrong with the free memory: blocks not aligned, overlapping, not marked, in the wrong zone, not merged with
 * a free buddy; counters that differ from what the lists hold. Empty when all is well.
 */
export function freeMemoryFaults(k: Cpu): string[] {
  const faults: string[] = [];
  for (const zone of populatedZones(k)) faults.push(...zoneFaults(k, zone));
  return faults;
}

function zoneFaults(k: Cpu, zone: number): string[] {
  const faults: string[] = [];
  const label = zoneLabel(k, zone);
  const heads = new Map<number, number>();
  const counted = new Array<number>(MAX_ORDER).fill(0);
  const blocks = freeBlocks(k, zone);
  let pages = 0;
  for (const { pfn, order } of blocks) {
    const page = pageOf(k.i32, pfn);
    const say = (text: string): number => faults.push(`${label} block ${pfn}/${order}: ${text}`);
    if (pfn % 2 ** order !== 0) say('not aligned');
    if (heads.has(pfn)) say('in two lists');
    if (labelOf(k, pfn) !== label) say(`belongs to ${labelOf(k, pfn)}`);
    if ((k.i32[page + PAGE.at.flags] & (1 << PG_buddy)) === 0) say('no PG_buddy');
    if (k.i32[page + PAGE.at.private] !== order) say(`private is ${k.i32[page + PAGE.at.private]}`);
    heads.set(pfn, order);
    counted[order]++;
    pages += 2 ** order;
  }
  for (const { pfn, order } of blocks) {
    const buddy = pfn ^ (1 << order);
    if (order < MAX_ORDER - 1 && heads.get(buddy) === order)
      faults.push(`${label} ${pfn} and ${buddy} not merged`);
  }
  let end = 0;
  for (const [pfn, order] of [...heads].sort(([a], [b]) => a - b)) {
    if (pfn < end) faults.push(`${label} block ${pfn}/${order}: overlaps the one before`);
    end = pfn + 2 ** order;
  }
  if (nrFree(k, zone).join() !== counted.join())
    faults.push(`${label} nr_free ${nrFree(k, zone).join()}, lists ${counted.join()}`);
  if (freePages(k, zone) !== pages)
    faults.push(`${label} NR_FREE_PAGES ${freePages(k, zone)}, lists ${pages}`);
  return faults;
}
