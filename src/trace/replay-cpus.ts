import { type Machine } from '../machine/machine.js';

/**
 * The CPUs that replay a trace, in the order in which the trace's CPUs are given to them: one of each node in turn, as
 * a scheduler spreads tasks over an idle machine. So a trace of a few CPUs has frees that cross nodes too.
 *
 * @param count how many; by default all that are online
 * @throws RangeError when fewer are online
 */
export function chooseReplayCpus(machine: Machine, count?: number): number[] {
  const online = machine.onlineCpus();
  const wanted = count ?? online.length;
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > online.length) {
    const range = online.length === 1 ? '1, the only one online' : `an integer from 1 to ${online.length}`;
    throw new RangeError(`cpus is ${wanted}; it must be ${range}`);
  }
  const { cpuNodes } = machine.hardware;
  const rank = new Map<number, number>();
  const taken = new Map<number, number>();
  for (const cpu of online) {
    const turn = taken.get(cpuNodes[cpu]) ?? 0;
    taken.set(cpuNodes[cpu], turn + 1);
    rank.set(cpu, turn);
  }
  const turnOf = (cpu: number): number => rank.get(cpu) ?? 0;
  return online
    .toSorted((a, b) => turnOf(a) - turnOf(b) || cpuNodes[a] - cpuNodes[b] || a - b)
    .slice(0, wanted);
}
