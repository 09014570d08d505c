import { ZONE_HIGHMEM, ZONE_NAMES } from '../../../arch/address-space.js';
import type { Cpu } from '../../core/cpu.js';
import { ZONE_STAT_NAMES } from '../../mm/zone.js';
import { globalNumaCounters } from '../numa-counters.js';
import { global_page_state } from '../page-state.js';
import { pgalloc, pgfree } from '../vm-events.js';

/** Events that are counted by zone type, and those before and after them, in the order of 2.6.24. */
const EVENTS_BEFORE = ['pgpgin', 'pgpgout', 'pswpin', 'pswpout'] as const;
const EVENTS_BETWEEN = ['pgactivate', 'pgdeactivate', 'pgfault', 'pgmajfault'] as const;
const ZONE_EVENTS = ['pgrefill', 'pgsteal', 'pgscan_kswapd', 'pgscan_direct'] as const;
const EVENTS_AFTER = [
  'pginodesteal',
  'slabs_scanned',
  'kswapd_steal',
  'kswapd_inodesteal',
  'pageoutrun',
  'allocstall',
  'pgrotated',
] as const;

/**
 * /proc/vmstat in the order of 2.6.24: zone statistics, NUMA counters, events. Events of swapping, faults and reclaim
 * are 0 as long as there is none. Counters of running CPUs are read as they are: a deliberate race.
 */
export function vmstat(k: Cpu): string {
  let text = '';
  for (let item = 0; item < ZONE_STAT_NAMES.length; item++) {
    text += vmstatLine(ZONE_STAT_NAMES[item] ?? '?', global_page_state(k, item));
  }
  text += numaLines(k);
  for (const event of EVENTS_BEFORE) text += vmstatLine(event, 0);
  for (const type of k.space.zoneTypes) text += vmstatLine(`pgalloc_${zoneSuffix(type)}`, pgalloc(k, type));
  text += vmstatLine('pgfree', pgfree(k));
  for (const event of EVENTS_BETWEEN) text += vmstatLine(event, 0);
  for (const event of ZONE_EVENTS) {
    for (const type of k.space.zoneTypes) text += vmstatLine(`${event}_${zoneSuffix(type)}`, 0);
  }
  for (const event of EVENTS_AFTER) text += vmstatLine(event, 0);
  return text;
}

function numaLines(k: Cpu): string {
  const numa = globalNumaCounters(k);
  return (
    vmstatLine('numa_hit', numa.numa_hit) +
    vmstatLine('numa_miss', numa.numa_miss) +
    vmstatLine('numa_foreign', numa.numa_foreign) +
    vmstatLine('numa_interleave', numa.interleave_hit) +
    vmstatLine('numa_local', numa.local_node) +
    vmstatLine('numa_other', numa.other_node)
  );
}

/** What the name of a zone's event ends with. */
function zoneSuffix(type: number): string {
  return type === ZONE_HIGHMEM ? 'high' : (ZONE_NAMES[type] ?? '?').toLowerCase();
}

function vmstatLine(name: string, value: number): string {
  return `${name} ${value}\n`;
}
