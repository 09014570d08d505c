import { MAX_NR_ZONES, ZONE_NAMES } from '../../arch/address-space.js';
import { CACHE_LINE_WORDS, array, double, lineStart, struct, word } from '../../image/struct.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { NR_CPUS } from '../core/limits.js';
import { MIGRATE_TYPES } from './gfp.js';
import { LIST_HEAD } from '../core/list.js';

/** Orders 0 to MAX_ORDER - 1: the largest block is 1024 pages, 4 MiB. */
export const MAX_ORDER = 11;
export const MAX_ORDER_NR_PAGES = 1 << (MAX_ORDER - 1);

/** Zone statistics of 2.6.24 (enum zone_stat_item), in the order of /proc/vmstat; the NUMA ones are in the page sets. */
export const ZONE_STAT_NAMES = [
  'nr_free_pages',
  'nr_inactive',
  'nr_active',
  'nr_anon_pages',
  'nr_mapped',
  'nr_file_pages',
  'nr_dirty',
  'nr_writeback',
  'nr_slab_reclaimable',
  'nr_slab_unreclaimable',
  'nr_page_table_pages',
  'nr_unstable',
  'nr_bounce',
  'nr_vmscan_write',
] as const;
export const NR_FREE_PAGES = 0;
export const NR_INACTIVE = 1;
export const NR_ACTIVE = 2;
export const NR_SLAB_RECLAIMABLE = 8;
export const NR_SLAB_UNRECLAIMABLE = 9;
export const NR_VM_ZONE_STAT_ITEMS = ZONE_STAT_NAMES.length;

/** A per-CPU list of single pages (struct per_cpu_pages). Only its CPU touches it, with interrupts off. */
export const PER_CPU_PAGES = struct('per_cpu_pages', {
  list: LIST_HEAD,
  count: word,
  /** At this many pages a batch goes back to the buddy allocator. */
  high: word,
  batch: word,
});

/** The two lists of a page set. */
export const PCP_HOT = 0;
export const PCP_COLD = 1;

/**
 * The page set of one CPU for one zone (struct per_cpu_pageset), in memory of the CPU's node. It belongs to that CPU
 * alone; files read its counts and counters, a deliberate race. NUMA counters count allocations, kept apart by "from the intended node" and "on this CPU's node": one
 * increment an allocation; the six figures of numastat are sums of them.
 */
export const PER_CPU_PAGESET = struct('per_cpu_pageset', {
  pcp: array(PER_CPU_PAGES, 2),
  /** The zone. Constant after boot. */
  zone: word,
  /** Rounds until an untouched remote page set is given back (facts file, section 1.7). */
  expire: word,
  /** Changes of the zone's statistics that are not folded into it yet, and how large they may become. */
  stat_threshold: word,
  vm_stat_diff: array(word, NR_VM_ZONE_STAT_ITEMS),
  hit_local: double,
  hit_other: double,
  miss_local: double,
  miss_other: double,
  numa_foreign: double,
  interleave_hit: double,
  end: lineStart,
});

/** Free blocks of one order (struct free_area). Under zone->lock. */
export const FREE_AREA = struct('free_area', {
  free_list: array(LIST_HEAD, MIGRATE_TYPES),
  /** Blocks in all lists. Watermark checks read it without the lock. */
  nr_free: word,
});

/** `struct zone` (facts file, section 1.3). */
export const ZONE = struct('zone', {
  /** Watermarks and reserves, in pages. Written by the console with all CPUs stopped. */
  pages_min: word,
  pages_low: word,
  pages_high: word,
  lowmem_reserve: array(word, MAX_NR_ZONES),
  /** Constant after boot. */
  type: word,
  node: word,
  zone_start_pfn: word,
  spanned_pages: word,
  present_pages: word,
  /** Word index that the struct page of frame 0 would have. Constant after boot. */
  mem_map: word,
  /** Word index of the migrate types of the zone's pageblocks, a word each. Written under lock; read by any CPU. */
  pageblock_types: word,
  nr_pageblocks: word,
  /** Page set of each CPU: constant after boot. */
  pageset: array(word, NR_CPUS),

  lockStart: lineStart,
  /** Protects free_area and the pages in it. Taken with interrupts off. */
  lock: word,
  lockClass: word,
  free_area: array(FREE_AREA, MAX_ORDER),

  statStart: lineStart,
  /** Folded statistics. Changed by Atomics; reads without are deliberate races. */
  vm_stat: array(word, NR_VM_ZONE_STAT_ITEMS),
  /** Under lock; the dump of a failed allocation reads them without. */
  pages_scanned: word,
  all_unreclaimable: word,
  /** Constant: for reclaim. */
  prev_priority: word,
  end: lineStart,
});

/** A node (pg_data_t). Constant after boot, except the zones and zonelists in it. */
export const PG_DATA = struct('pglist_data', {
  node_id: word,
  node_start_pfn: word,
  node_spanned_pages: word,
  node_present_pages: word,
  /** Word index of the struct page of `node_start_pfn`. */
  node_mem_map: word,
  /**
   * Word index of each zonelist: by highest allowed zone type, first with fallback to other nodes, then this node
   * only (for `__GFP_THISNODE`). A zonelist is a row of zones that ends with 0.
   */
  node_zonelists: array(word, 2 * MAX_NR_ZONES),
  zonesStart: lineStart,
  node_zones: array(ZONE, MAX_NR_ZONES),
});

/** Words between the pages sets of a CPU. */
export const PAGESET_STRIDE = Math.ceil(PER_CPU_PAGESET.words / CACHE_LINE_WORDS) * CACHE_LINE_WORDS;

/** Word index of a node's pg_data_t, 0 when the node does not exist. */
export function NODE_DATA(k: Cpu, nid: number): number {
  return k.i32[KERNEL.node_data + nid];
}

/** Word index of a zone, populated or not. */
export function zoneOf(k: Cpu, nid: number, type: number): number {
  return NODE_DATA(k, nid) + PG_DATA.at.node_zones + type * ZONE.words;
}

/** All zones with pages, node by node, lowest first. A fresh array: not for fast paths. */
export function populatedZones(k: Cpu): number[] {
  const zones: number[] = [];
  for (let nid = 0; nid < k.i32[KERNEL.nr_nodes]; nid++) {
    for (let type = 0; type < MAX_NR_ZONES; type++) {
      const zone = zoneOf(k, nid, type);
      if (k.i32[zone + ZONE.at.present_pages] !== 0) zones.push(zone);
    }
  }
  return zones;
}

/** The zone's name as the kernel prints it. */
export function zoneName(k: Cpu, zone: number): string {
  return ZONE_NAMES[k.i32[zone + ZONE.at.type]] ?? '?';
}

/** Word index of free_area[order]. */
export function freeArea(zone: number, order: number): number {
  return zone + ZONE.at.free_area + order * FREE_AREA.words;
}
