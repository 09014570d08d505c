import { GFP_KERNEL } from '../kernel/mm/gfp.js';
import { node_zonelist } from '../kernel/mm/mempolicy.js';
import { freeArea, FREE_AREA, MAX_ORDER } from '../kernel/mm/zone.js';
import { ZONELIST } from '../kernel/mm/zonelist.js';
import type { Machine } from '../machine/machine.js';
import { BENCH_WORKLOAD_NAMES, type BenchWorkload } from './bench-workload.js';

/** Pages in the set of a CPU, or as many as its memory allows: much more than the per-CPU lists hold. */
const SET_PAGES = 4096;

/** Highest order of a plan that names none. */
export const BENCH_MAX_ORDER = 9;

/** Which rows to measure. */
export interface BenchSelection {
  /** Default: all. */
  readonly workloads?: readonly BenchWorkload[] | undefined;
  /** Default: 0 to 9. */
  readonly orders?: readonly number[] | undefined;
  /** Numbers of CPUs. Default: 1, 2, 4 and so on up to all CPUs of the machine. */
  readonly cpus?: readonly number[] | undefined;
}

/** A row to be measured. */
export interface PlannedRow {
  readonly workload: BenchWorkload;
  readonly order: number;
  /** Numbers of the CPUs. */
  readonly cpus: readonly number[];
  /** Blocks in the set of a CPU, or in the ring of a pair; a power of two. */
  readonly blocks: number;
}

/** A row that was asked for and cannot be measured on this machine. */
export interface SkippedRow {
  readonly workload: BenchWorkload;
  readonly order: number;
  readonly cpus: number;
  readonly reason: string;
}

export interface BenchPlan {
  readonly rows: readonly PlannedRow[];
  readonly skipped: readonly SkippedRow[];
}

/**
 * Decides which rows can be measured on a machine, with which CPUs and how many blocks. A row's CPUs are taken from
 * all nodes in turn, each works with memory of its own node, and sets are equally large for all numbers of CPUs.
 *
 * @throws RangeError when the machine cannot have such rows; it says what would be right
 */
export function planBench(machine: Machine, selection: BenchSelection = {}): BenchPlan {
  const cpus = cpusByTurns(machine);
  const counts = selection.cpus ?? defaultCpuCounts(cpus.length);
  const orders = selection.orders ?? Array.from({ length: BENCH_MAX_ORDER + 1 }, (_, order) => order);
  checkIntegers('cpus', counts, 1, cpus.length, `this machine has ${cpus.length} online`);
  checkIntegers('orders', orders, 0, MAX_ORDER - 1, `orders are 0 to ${MAX_ORDER - 1}`);
  const rows: PlannedRow[] = [];
  const skipped: SkippedRow[] = [];
  for (const workload of selection.workloads ?? BENCH_WORKLOAD_NAMES) {
    for (const order of orders) {
      const sizes = counts.map((count) => setSize(machine, cpus.slice(0, count), order));
      const blocks = Math.min(...sizes.filter((size) => size > 0));
      counts.forEach((count, i) => {
        const reason = whyNot(workload, order, count, sizes[i]);
        if (reason === undefined) rows.push({ workload, order, cpus: cpus.slice(0, count), blocks });
        else skipped.push({ workload, order, cpus: count, reason });
      });
    }
  }
  return { rows, skipped };
}

export function checkIntegers(
  what: string,
  values: readonly number[],
  min: number,
  max: number,
  because: string,
): void {
  if (values.length === 0) throw new RangeError(`${what}: none given`);
  const wrong = values.find((value) => !Number.isInteger(value) || value < min || value > max);
  if (wrong !== undefined) throw new RangeError(`${what}: ${wrong} is wrong, ${because}`);
}

function whyNot(workload: BenchWorkload, order: number, cpus: number, blocks: number): string | undefined {
  if (workload === 'remote' && cpus % 2 !== 0) return 'remote needs pairs of CPUs';
  if (blocks === 0) return `too little memory: no block of order ${order} for each CPU`;
  return undefined;
}

/** Powers of two, and all. */
export function defaultCpuCounts(cpus: number): number[] {
  const counts: number[] = [];
  for (let count = 1; count < cpus; count *= 2) counts.push(count);
  return [...counts, cpus];
}

/** The online CPUs: the first of each node, then the second of each node, and so on. */
export function cpusByTurns(machine: Machine): number[] {
  const { cpuNodes } = machine.hardware;
  const taken = new Map<number, number>();
  const placed = machine.onlineCpus().map((cpu) => {
    const turn = taken.get(cpuNodes[cpu]) ?? 0;
    taken.set(cpuNodes[cpu], turn + 1);
    return { cpu, turn };
  });
  return placed.sort((a, b) => a.turn - b.turn || a.cpu - b.cpu).map(({ cpu }) => cpu);
}

/** Blocks for each CPU, so that together they use at most half of what the zones they take from have free. */
function setSize(machine: Machine, cpus: readonly number[], order: number): number {
  const k = machine.console;
  const users = new Map<number, number>();
  for (const cpu of cpus) {
    const zonelist = node_zonelist(k, machine.hardware.cpuNodes[cpu], GFP_KERNEL);
    const zone = k.i32[zonelist + ZONELIST.at.zones];
    users.set(zone, (users.get(zone) ?? 0) + 1);
  }
  let blocks = Math.max(1, SET_PAGES >> order);
  for (const [zone, count] of users) {
    blocks = Math.min(blocks, Math.floor(freeBlocks(machine, zone, order) / (2 * count)));
  }
  return blocks === 0 ? 0 : 1 << Math.floor(Math.log2(blocks));
}

/** Free blocks of an order in a zone, larger ones counted as what they can be split into. */
function freeBlocks(machine: Machine, zone: number, order: number): number {
  const { i32 } = machine.console;
  let blocks = 0;
  for (let larger = order; larger < MAX_ORDER; larger++) {
    blocks += i32[freeArea(zone, larger) + FREE_AREA.at.nr_free] << (larger - order);
  }
  return blocks;
}
