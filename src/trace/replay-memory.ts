import { freeBlocks } from '../kernel/fs/free-blocks.js';
import { type NumaCounters, nodeNumaCounters } from '../kernel/fs/numa-counters.js';
import { unusableFraction } from '../kernel/fs/sys/extfrag.js';
import { pgalloc, pgfree } from '../kernel/fs/vm-events.js';
import { type Kernel } from '../kernel/kernel.js';
import { MAX_ORDER, populatedZones, ZONE, zoneName } from '../kernel/mm/zone.js';
import { countSlabPages } from './slab-page-count.js';

/** The free memory of a zone in the buddy system; what lies on the CPUs' page lists is not in it. */
export interface ZoneState {
  readonly node: number;
  readonly zone: string;
  /** Free blocks by order, as /proc/buddyinfo has them. */
  readonly freeBlocks: readonly number[];
  /** Unusable free space index by order: 0 when a request of that order can use all that is free, 1 when nothing. */
  readonly unusableIndex: readonly number[];
}

/** The NUMA counters of a node, as its numastat file has them. */
export interface NodeCounters extends NumaCounters {
  readonly node: number;
}

/** What a replay looks at before and after. */
export interface MemoryState {
  readonly zones: readonly ZoneState[];
  readonly numa: readonly NodeCounters[];
  /** Pages allocated and not freed since boot, by the kernel's own event counters. */
  readonly allocatedPages: number;
  /** Those of them that slabs consist of. */
  readonly slabPages: number;
}

/**
 * Reads the state of a machine's memory. It is of one moment only when nothing runs on the machine.
 *
 * @param k any kernel of the machine, such as its console
 * @param nodes how many nodes the machine has
 */
export function readMemoryState(k: Kernel, nodes: number): MemoryState {
  const zones = populatedZones(k).map((zone) => {
    const blocks = freeBlocks(k, zone);
    return {
      node: k.i32[zone + ZONE.at.node],
      zone: zoneName(k, zone),
      freeBlocks: blocks,
      unusableIndex: Array.from({ length: MAX_ORDER }, (_, order) => unusableFraction(blocks, order)),
    };
  });
  const numa = Array.from({ length: nodes }, (_, node) => ({ node, ...nodeNumaCounters(k, node) }));
  const allocated = k.space.zoneTypes.reduce((sum, type) => sum + pgalloc(k, type), 0);
  return { zones, numa, allocatedPages: allocated - pgfree(k), slabPages: countSlabPages(k) };
}

/** What was counted between two states. */
export function numaBetween(before: MemoryState, after: MemoryState): NodeCounters[] {
  return after.numa.map((late, index) => {
    const early = before.numa[index];
    return {
      node: late.node,
      numa_hit: late.numa_hit - early.numa_hit,
      numa_miss: late.numa_miss - early.numa_miss,
      numa_foreign: late.numa_foreign - early.numa_foreign,
      interleave_hit: late.interleave_hit - early.interleave_hit,
      local_node: late.local_node - early.local_node,
      other_node: late.other_node - early.other_node,
    };
  });
}
