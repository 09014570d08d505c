import type { MachineConfig } from '../machine/config-types.js';

const MIB = 1024 ** 2;

/** Least and most memory of a node, and what a CPU adds to the least. */
const MIN_NODE_BYTES = 256 * MIB;
const MAX_NODE_BYTES = 1536 * MIB;
const BYTES_PER_CPU = 32 * MIB;

/** Least CPUs of a node. */
const MIN_NODE_CPUS = 2;

/**
 * The machine that is measured unless the user has one: the two nodes of the default machine, with as many CPUs as
 * the largest row needs.
 */
export function benchMachine(cpus: number): MachineConfig {
  const nodeCpus = Math.max(MIN_NODE_CPUS, Math.ceil(cpus / 2));
  const memory = Math.min(MAX_NODE_BYTES, Math.max(MIN_NODE_BYTES, nodeCpus * BYTES_PER_CPU));
  const node = { memory, cpus: nodeCpus };
  return { arch: 'x86_64', nodes: [node, node] };
}
