import { availableParallelism } from 'node:os';
import { type Spread, spread } from './bench-spread.js';
import { type Contender, operationsPerNs, type Sampler } from './kmalloc-bench-contender.js';
import type { ThreadSample } from './kmalloc-bench-task.js';
import { KMALLOC_WORKLOAD_NAMES, type KmallocWorkload, whyNotKmalloc } from './kmalloc-bench-workload.js';

/** Samples that count, by default. */
export const KMALLOC_BENCH_REPEATS = 7;

/** How long a sample lasts, by default (milliseconds). With more CPUs than cores it lasts as much longer. */
export const KMALLOC_BENCH_SAMPLE_MS = 20;

/** Samples before those that count: until V8 has compiled what it will compile. */
const WARMUPS = 4;

/** What is measured in turns: all rows of one workload. */
export interface KmallocGroup {
  readonly workload: KmallocWorkload;
  /** Numbers of CPUs. */
  readonly cpus: readonly number[];
}

/** A row that was asked for and cannot be measured. */
export interface SkippedKmallocRow {
  readonly workload: KmallocWorkload;
  readonly cpus: number;
  readonly reason: string;
}

export interface KmallocPlan {
  readonly groups: readonly KmallocGroup[];
  readonly skipped: readonly SkippedKmallocRow[];
}

/** One row: a workload, a number of CPUs and an allocator. An operation is an allocation and its free. */
export interface KmallocRow {
  readonly workload: KmallocWorkload;
  readonly cpus: number;
  readonly allocator: string;
  /** More CPUs than the host has cores. */
  readonly oversubscribed: boolean;
  /**
   * Nanoseconds of a host core for one operation: by one CPU its duration, by several CPUs the duration times the
   * cores that they run on, so that it stays the same as long as CPUs do not hinder one another.
   */
  readonly nsPerOperation: Spread;
  /** The same, of each sample. Samples with the same index were measured one after the other. */
  readonly samples: readonly number[];
  /** Million operations a second of all CPUs together. */
  readonly millionPerSecond: Spread;
  /**
   * How much of the cores the process had while the CPUs worked: 1 on a host that does nothing else. Less means
   * other work on this host, or CPUs that waited for one another. The median.
   */
  readonly coreShare: number;
  /** In the samples that count. */
  readonly operations: number;
}

export interface KmallocBenchOptions {
  /** Samples of each row. Default {@link KMALLOC_BENCH_REPEATS}. */
  readonly repeats?: number | undefined;
  /** Milliseconds of a sample. Default {@link KMALLOC_BENCH_SAMPLE_MS}. */
  readonly sampleMs?: number | undefined;
  /** Samples before those. Default: 4. */
  readonly warmups?: number | undefined;
  /** Called before each workload. */
  readonly onGroup?: ((group: KmallocGroup, index: number, groups: number) => void) | undefined;
}

/** Numbers of CPUs when none are given: powers of two, as many as there are cores for them. */
export function usualCpus(most: number): number[] {
  const counts: number[] = [];
  for (let count = 1; count <= Math.min(most, availableParallelism()); count *= 2) counts.push(count);
  return counts;
}

/**
 * Decides which rows are measured.
 *
 * @param most CPUs that there are
 * @throws RangeError when there are less than a row needs
 */
export function planKmalloc(
  most: number,
  cpus: readonly number[] = usualCpus(most),
  workloads: readonly KmallocWorkload[] = KMALLOC_WORKLOAD_NAMES,
): KmallocPlan {
  const wrong = cpus.find((count) => !Number.isInteger(count) || count < 1 || count > most);
  if (wrong !== undefined) throw new RangeError(`cpus: ${wrong} is wrong, this machine has ${most} online`);
  const groups: KmallocGroup[] = [];
  const skipped: SkippedKmallocRow[] = [];
  for (const workload of workloads) {
    const possible = cpus.filter((count) => whyNotKmalloc(workload, count) === undefined);
    if (possible.length > 0) groups.push({ workload, cpus: possible });
    for (const count of cpus) {
      const reason = whyNotKmalloc(workload, count);
      if (reason !== undefined) skipped.push({ workload, cpus: count, reason });
    }
  }
  return { groups, skipped };
}

/**
 * Measures allocators, their samples in turns: whatever slows the host down for a while slows all of them down.
 *
 * @returns for each workload and number of CPUs a row for each allocator that can have so many threads
 * @throws RangeError when an option is wrong; Error when an allocator or the machine fails
 */
export async function benchKmalloc(
  contenders: readonly Contender[],
  plan: KmallocPlan,
  options: KmallocBenchOptions = {},
): Promise<KmallocRow[]> {
  const { repeats = KMALLOC_BENCH_REPEATS, sampleMs = KMALLOC_BENCH_SAMPLE_MS, warmups = WARMUPS } = options;
  if (!Number.isInteger(repeats) || repeats < 1) {
    throw new RangeError(`repeats: ${repeats} is wrong, it must be an integer of at least 1`);
  }
  if (!(sampleMs > 0)) throw new RangeError(`sampleMs: ${sampleMs} is wrong, it must be positive`);
  const rows: KmallocRow[] = [];
  for (const [index, group] of plan.groups.entries()) {
    options.onGroup?.(group, index, plan.groups.length);
    rows.push(...(await measureGroup(contenders, group, repeats, sampleMs, warmups)));
  }
  return rows;
}

/** A row while it is measured. */
interface OpenRow {
  readonly workload: KmallocWorkload;
  readonly cpus: number;
  readonly allocator: string;
  readonly sampler: Sampler;
  readonly samples: (readonly ThreadSample[])[];
}

async function measureGroup(
  contenders: readonly Contender[],
  { workload, cpus }: KmallocGroup,
  repeats: number,
  sampleMs: number,
  warmups: number,
): Promise<KmallocRow[]> {
  const cores = availableParallelism();
  const open: OpenRow[] = [];
  try {
    for (const count of cpus) {
      for (const contender of contenders) {
        if (count > contender.maxThreads) continue;
        // Host threads take turns of some milliseconds each.
        const sampler = await contender.open(workload, count, sampleMs * Math.ceil(count / cores));
        open.push({ workload, cpus: count, allocator: contender.name, sampler, samples: [] });
      }
    }
    for (let i = 0; i < warmups + repeats; i++) {
      for (const { sampler, samples } of open) {
        const sample = await sampler.sample();
        if (i >= warmups) samples.push(sample);
      }
    }
  } finally {
    await Promise.all(open.map(({ sampler }) => sampler.close()));
  }
  return open.map((row) => summarize(row, cores));
}

function summarize({ workload, cpus, allocator, samples }: OpenRow, cores: number): KmallocRow {
  const rates = samples.map(operationsPerNs);
  const busyCores = Math.min(cpus, cores);
  const nsPerOperation = rates.map((rate) => busyCores / rate);
  const shares = samples.map(([{ cpuNs, start, end }]) => cpuNs / (end - start) / busyCores);
  return {
    workload,
    cpus,
    allocator,
    oversubscribed: cpus > cores,
    nsPerOperation: spread(nsPerOperation),
    samples: nsPerOperation,
    millionPerSecond: spread(rates.map((rate) => rate * 1000)),
    coreShare: spread(shares).median,
    operations: samples.flat().reduce((total, { operations }) => total + operations, 0),
  };
}
