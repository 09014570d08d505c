import { availableParallelism } from 'node:os';
import type { Machine } from '../machine/machine.js';
import { checkIntegers, cpusByTurns, defaultCpuCounts } from './bench-plan.js';
import { type Spread, spread } from './bench-spread.js';
import { COUNTER_BENCH_MODULE, COUNTER_SHARED_WORDS, countOnCpu } from './counter-bench-cpu.js';
import { COUNTER_KIND_NAMES, type CounterKind, INEXACT_COUNTERS } from './counter-kind.js';
import type { CounterTask, CpuCount } from './counter-task.js';

/** Samples that count, by default. */
export const COUNTER_BENCH_REPEATS = 5;

/** How long a sample lasts, by default (milliseconds). With more CPUs than cores it lasts as much longer. */
export const COUNTER_BENCH_SAMPLE_MS = 20;

/** How often a counter is summed in rows with a reader (milliseconds). */
export const COUNTER_READ_EVERY_MS = 1;

/** Samples before those that count: until V8 has compiled what it will compile. */
const WARMUPS = 3;

export interface CounterBenchOptions {
  /** Default: all. */
  readonly kinds?: readonly CounterKind[] | undefined;
  /** Numbers of CPUs. Default: 1, 2, 4 and so on up to all CPUs of the machine. */
  readonly cpus?: readonly number[] | undefined;
  /** Samples of each row. Default {@link COUNTER_BENCH_REPEATS}. */
  readonly repeats?: number | undefined;
  /** Milliseconds of a sample. Default {@link COUNTER_BENCH_SAMPLE_MS}. */
  readonly sampleMs?: number | undefined;
  /** Called before each row. */
  readonly onRow?: ((kind: CounterKind, cpus: number, index: number, rows: number) => void) | undefined;
}

/** One row: a kind of counter, a number of CPUs that count, and whether the first of them also sums at an interval. */
export interface CounterRow {
  readonly kind: CounterKind;
  readonly cpus: number;
  readonly cpuNumbers: readonly number[];
  readonly reader: boolean;
  /** More CPUs than the host has cores. */
  readonly oversubscribed: boolean;
  /** Nanoseconds of a host core for one increment: duration times the cores that the CPUs run on. */
  readonly nsPerIncrement: Spread;
  /** Million increments a second of all CPUs together. */
  readonly millionPerSecond: Spread;
  /** Nanoseconds of one bare `Atomics.add`, measured before each sample on the first of the CPUs alone. */
  readonly atomicAddNs: Spread;
  /** An increment in bare `Atomics.add`s: the median of the samples' own ratios. */
  readonly atomicAdds: number;
  /** How much of the cores the process had while the CPUs counted: 1 on a host that does nothing else. The median. */
  readonly coreShare: number;
  /** Of all samples, those of the warm-up too. */
  readonly increments: number;
  readonly reads: number;
  /** Increments that the counter does not have. */
  readonly lost: number;
  /** Whether it must have them all. */
  readonly exactPromised: boolean;
}

/** Whether a row's counter lacks increments that it must have. */
export function isWrong({ exactPromised, lost }: CounterRow): boolean {
  return exactPromised && lost !== 0;
}

/**
 * Measures counters on a machine that does nothing else, and looks whether they are right.
 *
 * @returns for each kind and number of CPUs two rows: without a reader, and with one
 * @throws RangeError when an option is wrong; CpuError, CpuDiedError or MachinePanicError when the machine fails
 */
export async function benchCounters(
  machine: Machine,
  options: CounterBenchOptions = {},
): Promise<CounterRow[]> {
  const { kinds = COUNTER_KIND_NAMES, repeats = COUNTER_BENCH_REPEATS } = options;
  const { sampleMs = COUNTER_BENCH_SAMPLE_MS } = options;
  if (!Number.isInteger(repeats) || repeats < 1) {
    throw new RangeError(`repeats: ${repeats} is wrong, it must be an integer of at least 1`);
  }
  if (!(sampleMs > 0)) throw new RangeError(`sampleMs: ${sampleMs} is wrong, it must be positive`);
  const all = cpusByTurns(machine);
  const counts = options.cpus ?? defaultCpuCounts(all.length);
  checkIntegers('cpus', counts, 1, all.length, `this machine has ${all.length} online`);
  const rows: CounterRow[] = [];
  const total = kinds.length * counts.length * 2;
  for (const kind of kinds) {
    for (const reader of [false, true]) {
      for (const count of counts) {
        options.onRow?.(kind, count, rows.length, total);
        rows.push(await measureRow(machine, kind, all.slice(0, count), reader, repeats, sampleMs));
      }
    }
  }
  return rows;
}

async function measureRow(
  machine: Machine,
  kind: CounterKind,
  cpus: readonly number[],
  reader: boolean,
  repeats: number,
  sampleMs: number,
): Promise<CounterRow> {
  const cores = availableParallelism();
  const task: CounterTask = {
    kind,
    cpus,
    warmups: WARMUPS,
    repeats,
    // Host threads take turns of some milliseconds each.
    sampleMs: sampleMs * Math.ceil(cpus.length / cores),
    readEveryMs: reader ? COUNTER_READ_EVERY_MS : 0,
    shared: new Int32Array(new SharedArrayBuffer(COUNTER_SHARED_WORDS * Int32Array.BYTES_PER_ELEMENT)),
  };
  const run = machine.runAll(COUNTER_BENCH_MODULE, countOnCpu.name, task, [...cpus]);
  return summarize(task, (await run) as CpuCount[], reader, cores);
}

function summarize(
  { kind, cpus }: CounterTask,
  results: readonly CpuCount[],
  reader: boolean,
  cores: number,
): CounterRow {
  const [leader] = results;
  const rates = leader.samples.map((_, i) => incrementsPerNs(results, i));
  const busyCores = Math.min(cpus.length, cores);
  const nsPerIncrement = rates.map((rate) => busyCores / rate);
  const increments = results.reduce((total, result) => total + result.increments, 0);
  return {
    kind,
    cpus: cpus.length,
    cpuNumbers: cpus,
    reader,
    oversubscribed: cpus.length > cores,
    nsPerIncrement: spread(nsPerIncrement),
    millionPerSecond: spread(rates.map((rate) => rate * 1000)),
    atomicAddNs: spread(leader.samples.map((sample) => sample.atomicAddNs)),
    atomicAdds: spread(leader.samples.map(({ atomicAddNs }, i) => nsPerIncrement[i] / atomicAddNs)).median,
    coreShare: spread(leader.samples.map(({ cpuNs, start, end }) => cpuNs / (end - start) / busyCores))
      .median,
    increments,
    reads: leader.reads,
    // Counters are words that wrap.
    lost: (increments - leader.sum) | 0,
    exactPromised: !INEXACT_COUNTERS.has(kind),
  };
}

/** Increments per nanosecond of all CPUs in one sample. A CPU that got a core late has lost that time. */
function incrementsPerNs(results: readonly CpuCount[], sample: number): number {
  const samples = results.map((result) => result.samples[sample]);
  const start = Math.min(...samples.map((each) => each.start));
  return samples.reduce((total, { increments, end }) => total + increments / (end - start), 0);
}
