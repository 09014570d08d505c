import { NR_CPUS } from '../kernel/core/limits.js';
import type { ConfigField } from './config-field.js';

/** A CPU that the user numbered. */
interface ListedCpu {
  readonly cpu: number;
  readonly node: number;
  readonly field: ConfigField;
}

/**
 * Gives every CPU its number and node. Lists name theirs; counts take the numbers that are left, node by node.
 *
 * @param cpus the `cpus` field of each node
 * @param nodes the field that holds the nodes
 * @returns the node of each CPU, by number; null when something is wrong
 */
export function readCpus(cpus: readonly ConfigField[], nodes: ConfigField): number[] | null {
  const listed: ListedCpu[] = [];
  const counts = cpus.map((field, node) => readNodeCpus(field, node, listed));
  const isUnique = refuseTwice(listed);
  if (!isUnique || counts.includes(null)) return null;
  const total = counts.reduce<number>((sum, count) => sum + (count ?? 0), listed.length);
  if (total === 0) return nodes.refuse(`no node has a CPU; at least one needs "cpus": 1`);
  if (total > NR_CPUS) return nodes.refuse(`${total} CPUs in all; a machine has at most ${NR_CPUS}`);
  const beyond = listed.filter(({ cpu }) => cpu >= total);
  for (const { cpu, field } of beyond) {
    const range = total === 1 ? 'the only CPU is number 0' : `${total} CPUs are numbered 0 to ${total - 1}`;
    field.refuse(`CPU ${cpu} leaves a gap: ${range}`);
  }
  return beyond.length === 0 ? assignNumbers(counts as number[], listed, total) : null;
}

/** @returns how many CPUs without a number the node has; those with a number go to `listed` */
function readNodeCpus(field: ConfigField, node: number, listed: ListedCpu[]): number | null {
  if (!Array.isArray(field.value)) {
    return field.integer(0, NR_CPUS, ', or a list of CPU numbers');
  }
  const elements = field.list('a list of CPU numbers') ?? [];
  const numbers = elements.map((element) => element.integer(0, NR_CPUS - 1, ', the number of a CPU'));
  if (numbers.includes(null)) return null;
  (numbers as number[]).forEach((cpu, index) => listed.push({ cpu, node, field: elements[index] }));
  return 0;
}

function refuseTwice(listed: readonly ListedCpu[]): boolean {
  const owners = new Map<number, number>();
  let isUnique = true;
  for (const { cpu, node, field } of listed) {
    const owner = owners.get(cpu);
    if (owner === undefined) {
      owners.set(cpu, node);
      continue;
    }
    field.refuse(`CPU ${cpu} is on node ${owner} already; a CPU is listed once`);
    isUnique = false;
  }
  return isUnique;
}

function assignNumbers(counts: readonly number[], listed: readonly ListedCpu[], total: number): number[] {
  const cpuNodes = Array.from({ length: total }, () => -1);
  for (const { cpu, node } of listed) cpuNodes[cpu] = node;
  let next = 0;
  counts.forEach((count, node) => {
    for (let taken = 0; taken < count; taken++) {
      next = cpuNodes.indexOf(-1, next);
      cpuNodes[next] = node;
    }
  });
  return cpuNodes;
}
