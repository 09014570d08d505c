import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { KERNEL } from '../core/kernel-data.js';
import { populatedZones, ZONE } from '../mm/zone.js';
import { readCounter } from './counter.js';
import { zoneNumaCounters } from './numa-counters.js';

/** Events of all CPUs, also of those that are gone. */

/**
 * Pages ever allocated from zones of a type (event PGALLOC_DMA and its like). Allocations are counted once, in the
 * NUMA counters; those of order > 0 also by calls and by pages. So the NUMA counters without those calls are the
 * single pages.
 */
export function pgalloc(k: Cpu, type: number): number {
  let pages = 0;
  for (const zone of populatedZones(k)) {
    if (k.i32[zone + ZONE.at.type] !== type) continue;
    const numa = zoneNumaCounters(k, zone);
    pages += numa.numa_hit + numa.numa_miss;
  }
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    const area = k.i32[KERNEL.cpu_area + cpu];
    pages -= readCounter(k, area + CPU_AREA.at.pgalloc_calls + 2 * type);
    pages += readCounter(k, area + CPU_AREA.at.pgalloc_pages + 2 * type);
  }
  return pages;
}

/** Pages ever freed (event PGFREE), those that boot handed over included. */
export function pgfree(k: Cpu): number {
  let pages = 0;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    pages += readCounter(k, k.i32[KERNEL.cpu_area + cpu] + CPU_AREA.at.pgfree);
  }
  return pages;
}
