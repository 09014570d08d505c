import { MAX_NR_ZONES, ZONE_HIGHMEM } from '../../arch/address-space.js';
import { alignUp } from '../../image/struct.js';
import type { Cpu } from '../core/cpu.js';
import { num_online_cpus } from '../core/cpu-mask.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { KERNEL } from '../core/kernel-data.js';
import { PG_reserved, PAGE, pageOf, PG_ZONE_SHIFT, zoneBits, zoneOfFlags } from './page.js';
import { spin_lock_irqsave, spin_unlock_irqrestore } from '../sync/spinlock.js';
import { get_pageblock_migratetype, move_freepages_block, set_pageblock_migratetype } from './buddy.js';
import { GFP_USER, MIGRATE_MOVABLE, MIGRATE_RESERVE } from './gfp.js';
import { INIT_LIST_HEAD } from '../core/list.js';
import { node_zonelist } from './mempolicy.js';
import {
  PAGESET_STRIDE,
  PCP_COLD,
  PCP_HOT,
  PER_CPU_PAGES,
  PER_CPU_PAGESET,
  populatedZones,
  ZONE,
  zoneOf,
} from './zone.js';
import { ZONELIST } from './zonelist.js';

/** Watermarks, reserves, per-CPU list sizes and thresholds, by the formulas of 2.6.24 (facts file, 1.7, 1.8, 1.15). */

const MIN_FREE_KBYTES_MIN = 128;
const MIN_FREE_KBYTES_MAX = 65536;

/** Default lowmem_reserve_ratio by zone type. */
const DEFAULT_RESERVE_RATIO = [256, 256, 32, 32];

/** The boot-time values of everything here that depends on memory. All zones are populated and filled. */
export function init_per_zone_pages_min(k: Cpu): void {
  for (let type = 0; type < MAX_NR_ZONES - 1; type++) {
    k.i32[KERNEL.lowmem_reserve_ratio + type] = DEFAULT_RESERVE_RATIO[type] ?? 0;
  }
  const lowmemKbytes = nr_free_buffer_pages(k) * 4;
  const wanted = Math.floor(Math.sqrt(lowmemKbytes * 16));
  k.i32[KERNEL.min_free_kbytes] = Math.min(Math.max(wanted, MIN_FREE_KBYTES_MIN), MIN_FREE_KBYTES_MAX);
  setup_per_zone_pages_min(k);
  setup_per_zone_lowmem_reserve(k);
}

/** Pages that GFP_USER can get, above the high watermarks. */
export function nr_free_buffer_pages(k: Cpu): number {
  const { i32 } = k;
  const zonelist = node_zonelist(k, k.node, GFP_USER);
  let pages = 0;
  for (let i = ZONELIST.at.zones; i32[zonelist + i] !== 0; i++) {
    const zone = i32[zonelist + i];
    pages += Math.max(0, i32[zone + ZONE.at.present_pages] - i32[zone + ZONE.at.pages_high]);
  }
  return pages;
}

/** Spreads min_free_kbytes over the zones: watermarks and the pageblocks kept as reserve. */
export function setup_per_zone_pages_min(k: Cpu): void {
  const { i32 } = k;
  const pagesMin = i32[KERNEL.min_free_kbytes] >>> 2;
  let lowmem = 0;
  for (const zone of populatedZones(k)) if (!isHighmem(k, zone)) lowmem += i32[zone + ZONE.at.present_pages];
  for (const zone of populatedZones(k)) {
    const present = i32[zone + ZONE.at.present_pages];
    // Doubles are exact here, and the quotient is cut as integer division cuts it.
    const share = Math.floor((pagesMin * present) / lowmem);
    const flags = spin_lock_irqsave(k, zone + ZONE.at.lock);
    i32[zone + ZONE.at.pages_min] = isHighmem(k, zone) ? Math.min(Math.max(present >>> 10, 32), 128) : share;
    i32[zone + ZONE.at.pages_low] = i32[zone + ZONE.at.pages_min] + (share >>> 2);
    i32[zone + ZONE.at.pages_high] = i32[zone + ZONE.at.pages_min] + (share >>> 1);
    setup_zone_migrate_reserve(k, zone);
    spin_unlock_irqrestore(k, zone + ZONE.at.lock, flags);
  }
  let reserve = 0;
  for (const zone of populatedZones(k)) reserve += i32[zone + ZONE.at.pages_high];
  i32[KERNEL.totalreserve_pages] = reserve;
}

/** High memory as the kernel's watermarks see it: HighMem, and Movable taken from it. */
function isHighmem(k: Cpu, zone: number): boolean {
  const type = k.i32[zone + ZONE.at.type];
  if (type === ZONE_HIGHMEM) return true;
  return type > ZONE_HIGHMEM && k.i32[zone + ZONE.at.zone_start_pfn] >= k.i32[KERNEL.max_low_pfn];
}

/** What each zone keeps from requests that could have used a higher zone of the node. */
export function setup_per_zone_lowmem_reserve(k: Cpu): void {
  const { i32 } = k;
  for (let nid = 0; nid < i32[KERNEL.nr_nodes]; nid++) {
    for (let high = 0; high < MAX_NR_ZONES; high++) {
      i32[zoneOf(k, nid, high) + ZONE.at.lowmem_reserve + high] = 0;
      let above = i32[zoneOf(k, nid, high) + ZONE.at.present_pages];
      for (let low = high - 1; low >= 0; low--) {
        const zone = zoneOf(k, nid, low);
        const ratio = Math.max(1, i32[KERNEL.lowmem_reserve_ratio + low]);
        i32[zone + ZONE.at.lowmem_reserve + high] = Math.floor(above / ratio);
        above += i32[zone + ZONE.at.present_pages];
      }
    }
  }
}

/** Makes the first usable pageblocks the zone's reserve, as many as pages_min needs. Under zone->lock. */
function setup_zone_migrate_reserve(k: Cpu, zone: number): void {
  const { i32 } = k;
  const size = 1 << i32[KERNEL.pageblock_order];
  let wanted = alignUp(i32[zone + ZONE.at.pages_min], size) / size;
  const start = i32[zone + ZONE.at.zone_start_pfn];
  for (let pfn = start; pfn < start + i32[zone + ZONE.at.spanned_pages]; pfn += size) {
    const flags = i32[pageOf(i32, pfn) + PAGE.at.flags];
    // The span of a zone can contain memory of another node.
    if ((flags & (1 << PG_reserved)) !== 0 || zoneOfFlags(i32, flags) !== zone) continue;
    const type = get_pageblock_migratetype(k, zone, pfn);
    if (wanted > 0 && (type === MIGRATE_RESERVE || type === MIGRATE_MOVABLE)) {
      if (type === MIGRATE_MOVABLE) changeBlock(k, zone, pfn, MIGRATE_RESERVE);
      wanted--;
    } else if (type === MIGRATE_RESERVE) {
      changeBlock(k, zone, pfn, MIGRATE_MOVABLE);
    }
  }
}

function changeBlock(k: Cpu, zone: number, pfn: number, type: number): void {
  set_pageblock_migratetype(k, zone, pfn, type);
  move_freepages_block(k, zone, pfn, type);
}

/** Pages that a CPU moves at a time between its list and a zone; 0 in small zones. */
export function zone_batchsize(present: number): number {
  let batch = Math.floor(Math.min(present >>> 10, 128) / 4);
  if (batch < 1) batch = 1;
  return 2 ** (fls(batch + (batch >>> 1)) - 1) - 1;
}

/** Number of the highest bit set, from 1; 0 for 0. */
function fls(value: number): number {
  return 32 - Math.clz32(value);
}

/**
 * Makes the page sets of a CPU.
 *
 * @param memory word index of zeroed memory, {@link PAGESET_STRIDE} words for each populated zone
 */
export function setup_pagesets(k: Cpu, cpu: number, memory: number): void {
  const { i32 } = k;
  let pageset = memory;
  for (const zone of populatedZones(k)) {
    i32[zone + ZONE.at.pageset + cpu] = pageset;
    const id = zoneBits(i32[zone + ZONE.at.type], i32[zone + ZONE.at.node]) >>> PG_ZONE_SHIFT;
    i32[i32[KERNEL.cpu_area + cpu] + CPU_AREA.at.page_sets + id] = pageset;
    i32[pageset + PER_CPU_PAGESET.at.zone] = zone;
    const batch = zone_batchsize(i32[zone + ZONE.at.present_pages]);
    initList(i32, pageset + PCP_HOT * PER_CPU_PAGES.words, 6 * batch, Math.max(1, batch));
    initList(i32, pageset + PCP_COLD * PER_CPU_PAGES.words, 2 * batch, Math.max(1, batch >>> 1));
    i32[pageset + PER_CPU_PAGESET.at.stat_threshold] = 0;
    pageset += PAGESET_STRIDE;
  }
}

function initList(i32: Int32Array, pcp: number, high: number, batch: number): void {
  i32[pcp + PER_CPU_PAGES.at.count] = 0;
  i32[pcp + PER_CPU_PAGES.at.high] = high;
  i32[pcp + PER_CPU_PAGES.at.batch] = batch;
  INIT_LIST_HEAD(i32, pcp + PER_CPU_PAGES.at.list);
}

/** How far a CPU's unfolded statistics of a zone of so many pages may drift, with so many CPUs online. */
export function calculate_threshold(cpus: number, pages: number): number {
  // In units of 128 MiB.
  const size = pages >>> 15;
  return Math.min(125, 2 * fls(cpus) * (1 + fls(size)));
}

/** How far a CPU's unfolded statistics may drift: grows with CPUs and zone size. All CPUs quiet. */
export function refresh_zone_stat_thresholds(k: Cpu): void {
  const { i32 } = k;
  const cpus = num_online_cpus(k);
  for (const zone of populatedZones(k)) {
    const threshold = calculate_threshold(cpus, i32[zone + ZONE.at.present_pages]);
    for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) {
      i32[i32[zone + ZONE.at.pageset + cpu] + PER_CPU_PAGESET.at.stat_threshold] = threshold;
    }
  }
}
