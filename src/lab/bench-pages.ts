import { availableParallelism } from 'node:os';
import type { Machine } from '../machine/machine.js';
import { BARRIER_WORDS } from './bench-barrier.js';
import { BENCH_CPU_MODULE, benchOnCpu } from './bench-cpu.js';
import { type BenchPlan, type BenchSelection, planBench, type PlannedRow } from './bench-plan.js';
import { ringWords } from './bench-ring.js';
import { type Spread, spread } from './bench-spread.js';
import type { BenchTask, CpuBench } from './bench-task.js';
import type { BenchWorkload } from './bench-workload.js';

/** Samples that count, by default. */
export const BENCH_REPEATS = 5;

/** How long a sample lasts, by default (milliseconds). With more CPUs than cores it lasts as much longer. */
export const BENCH_SAMPLE_MS = 20;

/** Samples before those that count: until V8 has compiled what it will compile. */
const WARMUPS = 4;
const WARMUPS_OVERSUBSCRIBED = 2;

export interface BenchOptions extends BenchSelection {
  /** Samples of each row. Default {@link BENCH_REPEATS}. */
  readonly repeats?: number | undefined;
  /** Milliseconds of a sample. Default {@link BENCH_SAMPLE_MS}. */
  readonly sampleMs?: number | undefined;
  /** Samples before those. Default: 4. */
  readonly warmups?: number | undefined;
  /** Called before each row. */
  readonly onRow?: ((row: PlannedRow, index: number, rows: number) => void) | undefined;
}

/** One row of the bench: a workload, an order and a number of CPUs. A pair is an allocation and its free. */
export interface BenchRow {
  readonly workload: BenchWorkload;
  readonly order: number;
  /** How many CPUs, and which. */
  readonly cpus: number;
  readonly cpuNumbers: readonly number[];
  /** More CPUs than the host has cores. */
  readonly oversubscribed: boolean;
  /** Blocks in the set of a CPU, or in the ring of a pair. `repeat` has one. */
  readonly blocks: number;
  /**
   * Nanoseconds of a host core for one pair: by one CPU its duration, by several CPUs the duration times the cores
   * that they run on, so that it stays the same as long as CPUs do not hinder one another. null: nothing was done.
   */
  readonly nsPerPair: Spread | null;
  /** Million pairs a second of all CPUs together. */
  readonly millionPairsPerSecond: Spread;
  /** Nanoseconds of one bare `Atomics.add`, measured before each sample on the first of the CPUs alone. */
  readonly atomicAddNs: Spread;
  /** Nanoseconds of one uncontended lock and unlock, measured in the same way. */
  readonly lockNs: Spread;
  /** A pair in bare `Atomics.add`s: the median of the samples' own ratios. null: nothing was done. */
  readonly atomicAdds: number | null;
  /**
   * How much of the cores the process had while the CPUs worked: 1 on a host that does nothing else. Less means
   * other work on this host, or CPUs that slept because others held a lock or had not filled the ring. The median.
   */
  readonly coreShare: number;
  /** Pairs in the samples that count. */
  readonly pairs: number;
  /** Pages of all samples, those of the warm-up too. */
  readonly pagesAllocated: number;
  readonly pagesFreed: number;
  /** Allocations that got nothing. */
  readonly failures: number;
}

/**
 * Measures the page allocator on a machine that does nothing else.
 *
 * @returns a row for each row of the plan, in its order
 * @throws RangeError when an option is wrong; CpuError, CpuDiedError or MachinePanicError when the machine fails
 */
export async function benchPages(machine: Machine, options: BenchOptions = {}): Promise<BenchRow[]> {
  return await benchPlan(machine, planBench(machine, options), options);
}

/** Measures the rows of a plan; otherwise like {@link benchPages}. */
export async function benchPlan(
  machine: Machine,
  plan: BenchPlan,
  options: Omit<BenchOptions, keyof BenchSelection> = {},
): Promise<BenchRow[]> {
  const { repeats = BENCH_REPEATS, sampleMs = BENCH_SAMPLE_MS, warmups } = options;
  if (!Number.isInteger(repeats) || repeats < 1) {
    throw new RangeError(`repeats: ${repeats} is wrong, it must be an integer of at least 1`);
  }
  if (!(sampleMs > 0)) throw new RangeError(`sampleMs: ${sampleMs} is wrong, it must be positive`);
  const rows: BenchRow[] = [];
  for (const [index, planned] of plan.rows.entries()) {
    options.onRow?.(planned, index, plan.rows.length);
    rows.push(await measureRow(machine, planned, repeats, sampleMs, warmups));
  }
  return rows;
}

async function measureRow(
  machine: Machine,
  planned: PlannedRow,
  repeats: number,
  sampleMs: number,
  warmups: number | undefined,
): Promise<BenchRow> {
  const { workload, order, cpus, blocks } = planned;
  const cores = availableParallelism();
  const turns = Math.ceil(cpus.length / cores);
  const task: BenchTask = {
    workload,
    order,
    blocks,
    cpus,
    warmups: warmups ?? (turns > 1 ? WARMUPS_OVERSUBSCRIBED : WARMUPS),
    repeats,
    // Host threads take turns of some milliseconds each.
    sampleMs: sampleMs * turns,
    shared: sharedWords(cpus.length, blocks),
  };
  const results = (await machine.runAll(BENCH_CPU_MODULE, benchOnCpu.name, task, [...cpus])) as CpuBench[];
  return summarize(planned, results, cores);
}

function sharedWords(cpus: number, blocks: number): Int32Array {
  const words = BARRIER_WORDS + Math.ceil(cpus / 2) * ringWords(blocks);
  return new Int32Array(new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT));
}

/** Makes a row of what its CPUs did. */
function summarize(planned: PlannedRow, results: readonly CpuBench[], cores: number): BenchRow {
  const { workload, order, cpus, blocks } = planned;
  const [leader] = results;
  const rates = leader.samples.map((_, i) => pairsPerNs(results, i));
  const done = rates.every((rate) => rate > 0);
  const busyCores = Math.min(cpus.length, cores);
  const nsPerPair = rates.map((rate) => busyCores / rate);
  const ratios = leader.samples.map(({ atomicAddNs }, i) => nsPerPair[i] / atomicAddNs);
  const samples = results.flatMap((result) => result.samples);
  return {
    workload,
    order,
    cpus: cpus.length,
    cpuNumbers: cpus,
    oversubscribed: cpus.length > cores,
    blocks: workload === 'repeat' ? 1 : blocks,
    nsPerPair: done ? spread(nsPerPair) : null,
    millionPairsPerSecond: spread(rates.map((rate) => rate * 1000)),
    atomicAddNs: spread(leader.samples.map((sample) => sample.atomicAddNs)),
    lockNs: spread(leader.samples.map((sample) => sample.lockNs)),
    atomicAdds: done ? spread(ratios).median : null,
    coreShare: spread(leader.samples.map(({ cpuNs, start, end }) => cpuNs / (end - start) / busyCores))
      .median,
    pairs: sum(samples.map((sample) => sample.pairs)),
    pagesAllocated: sum(results.map((result) => result.allocated)) * 2 ** order,
    pagesFreed: sum(results.map((result) => result.freed)) * 2 ** order,
    failures: sum(results.map((result) => result.failures)),
  };
}

/** Pairs per nanosecond of all CPUs in one sample. A CPU that got a core late has lost that time. */
function pairsPerNs(results: readonly CpuBench[], sample: number): number {
  const samples = results.map((result) => result.samples[sample]);
  const start = Math.min(...samples.map((each) => each.start));
  return sum(samples.map(({ pairs, end }) => pairs / (end - start)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
