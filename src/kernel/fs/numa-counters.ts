import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { PER_CPU_PAGESET, populatedZones, ZONE } from '../mm/zone.js';
import { readCounter } from './counter.js';

/** Where allocations came from; each call counted once whatever its order. */
export interface NumaCounters {
  /** From the node that was wanted. */
  numa_hit: number;
  /** From here although another node was wanted. */
  numa_miss: number;
  /** Wanted from here, but came from another node. */
  numa_foreign: number;
  /** Interleaved here, as wanted. */
  interleave_hit: number;
  /** By a CPU of this node. */
  local_node: number;
  /** By a CPU of another node. */
  other_node: number;
}

/** The counters of a zone: those of all CPUs' page sets, also of CPUs that are gone. */
export function zoneNumaCounters(k: Cpu, zone: number): NumaCounters {
  const counters = noCounters();
  addZone(k, zone, counters);
  return counters;
}

/** The counters of a node. */
export function nodeNumaCounters(k: Cpu, nid: number): NumaCounters {
  const counters = noCounters();
  for (const zone of populatedZones(k)) if (k.i32[zone + ZONE.at.node] === nid) addZone(k, zone, counters);
  return counters;
}

/** The counters of the whole machine. */
export function globalNumaCounters(k: Cpu): NumaCounters {
  const counters = noCounters();
  for (const zone of populatedZones(k)) addZone(k, zone, counters);
  return counters;
}

function noCounters(): NumaCounters {
  return { numa_hit: 0, numa_miss: 0, numa_foreign: 0, interleave_hit: 0, local_node: 0, other_node: 0 };
}

function addZone(k: Cpu, zone: number, sum: NumaCounters): void {
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    const pageset = readOnce(k, zone + ZONE.at.pageset + cpu);
    const hitLocal = readCounter(k, pageset + PER_CPU_PAGESET.at.hit_local);
    const hitOther = readCounter(k, pageset + PER_CPU_PAGESET.at.hit_other);
    const missLocal = readCounter(k, pageset + PER_CPU_PAGESET.at.miss_local);
    const missOther = readCounter(k, pageset + PER_CPU_PAGESET.at.miss_other);
    sum.numa_hit += hitLocal + hitOther;
    sum.numa_miss += missLocal + missOther;
    sum.local_node += hitLocal + missLocal;
    sum.other_node += hitOther + missOther;
    sum.numa_foreign += readCounter(k, pageset + PER_CPU_PAGESET.at.numa_foreign);
    sum.interleave_hit += readCounter(k, pageset + PER_CPU_PAGESET.at.interleave_hit);
  }
}
