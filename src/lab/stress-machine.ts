import type { MemoryRange } from '../arch/hardware.js';
import { SECTION_BYTES } from '../arch/page.js';
import { loadHardware } from '../machine/config-load.js';
import type { MachineConfig, NodeConfig } from '../machine/config-types.js';

const LOCAL_DISTANCE = 10;
const REMOTE_DISTANCE = 20;

/**
 * The fields of a configuration that give a machine another number of CPUs or nodes.
 *
 * @param machine a preset's name, a JSON file or a configuration
 * @param cpus spread evenly over the nodes that have CPUs; undefined: as many as the machine has
 * @param nodes equal nodes, among which the machine's memory is divided; undefined: the machine's own
 * @throws ConfigError when the machine is wrong, RangeError when it cannot be divided like that
 */
export function reshapeMachine(
  machine: string | MachineConfig | undefined,
  cpus: number | undefined,
  nodes: number | undefined,
): Partial<MachineConfig> {
  if (cpus === undefined && nodes === undefined) return {};
  const { memory, cpuNodes, nodes: ownNodes } = loadHardware(machine);
  const wanted = cpus ?? cpuNodes.length;
  if (nodes !== undefined) {
    return { nodes: equalNodes(memory, wanted, nodes), distances: equalDistances(nodes) };
  }
  const own = Array.from({ length: ownNodes }, (_, nid) => nid);
  const withCpus = own.filter((nid) => cpuNodes.includes(nid));
  if (wanted < withCpus.length) {
    throw new RangeError(
      `${wanted} CPUs: the machine has ${withCpus.length} nodes with CPUs, each needs one`,
    );
  }
  return {
    nodes: own.map((nid): NodeConfig => {
      const place = withCpus.indexOf(nid);
      return {
        memory: withoutSmallHoles(memory.filter(({ node }) => node === nid)),
        cpus: place < 0 ? 0 : portion(wanted, withCpus.length, place),
      };
    }),
  };
}

/** A node's memory as its configuration names it: holes inside a section are cut out by other fields. */
function withoutSmallHoles(ranges: readonly MemoryRange[]): { start: number; end: number }[] {
  const whole: { start: number; end: number }[] = [];
  for (const { start, end } of ranges) {
    const last = whole.at(-1);
    if (last === undefined || start % SECTION_BYTES === 0) whole.push({ start, end });
    else last.end = end;
  }
  return whole;
}

/** Nodes of the same size, with as much memory as the machine has, in multiples of a section. */
function equalNodes(memory: readonly MemoryRange[], cpus: number, nodes: number): NodeConfig[] {
  const bytes = memory.reduce((sum, { start, end }) => sum + end - start, 0);
  const size = Math.floor(Math.ceil(bytes / SECTION_BYTES) / nodes) * SECTION_BYTES;
  if (size === 0) {
    throw new RangeError(
      `${nodes} nodes: the machine's ${Math.floor(bytes / 1024 ** 2)} MiB do not suffice, a node needs 4 MiB`,
    );
  }
  return Array.from({ length: nodes }, (_, nid) => ({ memory: size, cpus: portion(cpus, nodes, nid) }));
}

/** Every node is as far from every other: the distances of a machine that names none. */
function equalDistances(nodes: number): number[][] {
  const all = Array.from({ length: nodes }, (_, nid) => nid);
  return all.map((from) => all.map((to) => (from === to ? LOCAL_DISTANCE : REMOTE_DISTANCE)));
}

/** The `index`-th part of `total`, divided as evenly as possible. */
function portion(total: number, parts: number, index: number): number {
  return Math.floor(((index + 1) * total) / parts) - Math.floor((index * total) / parts);
}
