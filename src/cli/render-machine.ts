import { type Machine } from '../machine/machine.js';
import { amount, count } from './render-number.js';

const MIB = 1024 ** 2;

/** A machine in a JSON result. */
export interface MachineFacts {
  /** The preset or file that it was booted from. */
  readonly name: string;
  readonly nodes: number;
  readonly cpus: number;
  /** RAM in bytes. */
  readonly memory: number;
}

/** The facts of a machine. */
export function machineFacts(machine: Machine, name: string): MachineFacts {
  const { nodes, memory } = machine.hardware;
  const bytes = memory.reduce((sum, { start, end }) => sum + end - start, 0);
  return { name, nodes, cpus: machine.cpus, memory: bytes };
}

/** The same in one line. */
export function machineLine({ name, nodes, cpus, memory }: MachineFacts): string {
  return `machine ${name}: ${amount(nodes, 'node')}, ${amount(cpus, 'CPU')}, ${count(Math.round(memory / MIB))} MiB of memory`;
}
