import type { MachineConfig } from '../../../machine/config-types.js';

/**
 * Machines for the kernel's scenarios: as small as one can boot. Zones of their size get page lists that hold nothing;
 * scenarios that need lists set their limits themselves.
 */

/** What is checked while a scenario runs. Traces of locks and owners are for people, and cost much. */
const DEBUG = { sleep: true, vm: true } as const;

/** One zone, with the free blocks that boot leaves over: few, of all sizes. */
export function oneZone(cpus: number): MachineConfig {
  return { nodes: [{ memory: '9M', cpus }], debug: DEBUG };
}

/** Two zones, so that a request can fall back from DMA32 to DMA. */
export function twoZones(cpus: number): MachineConfig {
  return { nodes: [{ memory: '9M', cpus }], zoneLimits: { dma: '4M' }, debug: DEBUG };
}

/** One zone, large enough for pages to be grouped by mobility. */
export function groupedZone(cpus: number): MachineConfig {
  return { nodes: [{ memory: '12M', cpus }], debug: DEBUG };
}

/** Two nodes with a CPU each, and memory on both. */
export function twoNodes(): MachineConfig {
  return {
    nodes: [
      { memory: '9M', cpus: 1 },
      { memory: '4M', cpus: 1 },
    ],
    debug: DEBUG,
  };
}
