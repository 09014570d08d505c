import type { Cpu } from '../../core/cpu.js';
import { nodeNumaCounters, type NumaCounters } from '../numa-counters.js';

/** /sys/devices/system/node/nodeN/numastat. Counters of running CPUs are read as they are: a deliberate race. */
export function nodeNumastat(k: Cpu, nid: number): string {
  return numastatText(nodeNumaCounters(k, nid));
}

/** The file, from its numbers. */
export function numastatText(numa: NumaCounters): string {
  return (
    `numa_hit ${numa.numa_hit}\n` +
    `numa_miss ${numa.numa_miss}\n` +
    `numa_foreign ${numa.numa_foreign}\n` +
    `interleave_hit ${numa.interleave_hit}\n` +
    `local_node ${numa.local_node}\n` +
    `other_node ${numa.other_node}\n`
  );
}
