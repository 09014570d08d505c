import { readOnce } from '../../core/access-once.js';
import type { Cpu } from '../../core/cpu.js';
import { cpu_online } from '../../core/cpu-mask.js';
import { KERNEL } from '../../core/kernel-data.js';
import { zone_page_state } from '../../mm/vmstat.js';
import {
  NR_FREE_PAGES,
  PCP_COLD,
  PCP_HOT,
  PER_CPU_PAGES,
  PER_CPU_PAGESET,
  populatedZones,
  ZONE,
  ZONE_STAT_NAMES,
  zoneName,
} from '../../mm/zone.js';
import { spin_lock_irqsave, spin_unlock_irqrestore } from '../../sync/spinlock.js';
import { zoneHeading } from '../format.js';
import { zoneNumaCounters } from '../numa-counters.js';

/**
 * /proc/zoneinfo as 2.6.24 prints it, with two lists per CPU: everything about every zone with memory, under its
 * zone->lock. The page sets are read while their CPUs use them: a deliberate race.
 */
export function zoneinfo(k: Cpu): string {
  let text = '';
  for (const zone of populatedZones(k)) {
    const flags = spin_lock_irqsave(k, zone + ZONE.at.lock);
    text += zoneLines(k, zone).join('\n') + '\n';
    spin_unlock_irqrestore(k, zone + ZONE.at.lock, flags);
  }
  return text;
}

function zoneLines(k: Cpu, zone: number): string[] {
  const { i32 } = k;
  return [
    zoneHeading(i32[zone + ZONE.at.node], zoneName(k, zone)),
    `  pages free     ${zone_page_state(k, zone, NR_FREE_PAGES)}`,
    `        min      ${i32[zone + ZONE.at.pages_min]}`,
    `        low      ${i32[zone + ZONE.at.pages_low]}`,
    `        high     ${i32[zone + ZONE.at.pages_high]}`,
    // The second and third number are how far the active and inactive lists are to be scanned: for reclaim.
    `        scanned  ${i32[zone + ZONE.at.pages_scanned]} (a: 0 i: 0)`,
    `        spanned  ${i32[zone + ZONE.at.spanned_pages]}`,
    `        present  ${i32[zone + ZONE.at.present_pages]}`,
    ...statLines(k, zone),
    `        protection: (${reserves(k, zone)})`,
    '  pagesets',
    ...pagesetLines(k, zone),
    `  all_unreclaimable: ${i32[zone + ZONE.at.all_unreclaimable]}`,
    `  prev_priority:     ${i32[zone + ZONE.at.prev_priority]}`,
    `  start_pfn:         ${i32[zone + ZONE.at.zone_start_pfn]}`,
  ];
}

function statLines(k: Cpu, zone: number): string[] {
  const lines: string[] = [];
  for (let item = 0; item < ZONE_STAT_NAMES.length; item++) {
    lines.push(statLine(ZONE_STAT_NAMES[item] ?? '?', zone_page_state(k, zone, item)));
  }
  const numa = zoneNumaCounters(k, zone);
  lines.push(
    statLine('numa_hit', numa.numa_hit),
    statLine('numa_miss', numa.numa_miss),
    statLine('numa_foreign', numa.numa_foreign),
    statLine('numa_interleave', numa.interleave_hit),
    statLine('numa_local', numa.local_node),
    statLine('numa_other', numa.other_node),
  );
  return lines;
}

function statLine(name: string, value: number): string {
  return `    ${name.padEnd(12)} ${value}`;
}

/** lowmem_reserve, for the zone types that the architecture is built with. */
function reserves(k: Cpu, zone: number): string {
  const pages: number[] = [];
  for (const type of k.space.zoneTypes) pages.push(k.i32[zone + ZONE.at.lowmem_reserve + type]);
  return pages.join(', ');
}

function pagesetLines(k: Cpu, zone: number): string[] {
  const lines: string[] = [];
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    if (!cpu_online(k, cpu)) continue;
    const pageset = readOnce(k, zone + ZONE.at.pageset + cpu);
    for (const list of [PCP_HOT, PCP_COLD]) {
      const pcp = pageset + list * PER_CPU_PAGES.words;
      lines.push(
        `    cpu: ${cpu} pcp: ${list}`,
        `              count: ${readOnce(k, pcp + PER_CPU_PAGES.at.count)}`,
        `              high:  ${readOnce(k, pcp + PER_CPU_PAGES.at.high)}`,
        `              batch: ${readOnce(k, pcp + PER_CPU_PAGES.at.batch)}`,
      );
    }
    lines.push(`  vm stats threshold: ${readOnce(k, pageset + PER_CPU_PAGESET.at.stat_threshold)}`);
  }
  return lines;
}
