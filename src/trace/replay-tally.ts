import { type CpuReplay, type TraceReplay } from './replay-result.js';
import { type ProgramResult } from './run-program.js';

/** Nanoseconds in a second. */
const NS_PER_SECOND = 1e9;

const COUNTS = [
  'allocs',
  'frees',
  'failures',
  'skippedFrees',
  'pagesAllocated',
  'pagesFreed',
  'objectAllocs',
  'objectFrees',
  'objectFailures',
  'skippedObjectFrees',
  'largePages',
  'waits',
] as const;
type Counts = Record<(typeof COUNTS)[number], number>;

function noCounts(): Counts {
  return {
    allocs: 0,
    frees: 0,
    failures: 0,
    skippedFrees: 0,
    pagesAllocated: 0,
    pagesFreed: 0,
    objectAllocs: 0,
    objectFrees: 0,
    objectFailures: 0,
    skippedObjectFrees: 0,
    largePages: 0,
    waits: 0,
  };
}

/** Adds up what CPUs report after each batch. */
export class ReplayTally {
  readonly #cpus: Map<number, { counts: Counts; busyNs: number; waitNs: number }>;

  /** @param cpus the CPUs that will report */
  constructor(cpus: readonly number[]) {
    this.#cpus = new Map(cpus.map((cpu) => [cpu, { counts: noCounts(), busyNs: 0, waitNs: 0 }]));
  }

  /** Takes a CPU's result of a batch into account. */
  add(result: ProgramResult): void {
    const sum = this.#cpus.get(result.cpu);
    if (sum === undefined) throw new RangeError(`CPU ${result.cpu} takes no part in this replay`);
    for (const name of COUNTS) sum.counts[name] += result[name];
    sum.busyNs += result.elapsedNs - result.waitNs;
    sum.waitNs += result.waitNs;
  }

  /** The CPUs, in the order given. */
  cpus(cpuNodes: readonly number[]): CpuReplay[] {
    return [...this.#cpus].map(([cpu, { counts, busyNs, waitNs }]) => {
      const events = eventsOf(counts);
      const busySeconds = busyNs / NS_PER_SECOND;
      const eventsPerSecond = perSecond(events, busySeconds);
      const waitSeconds = waitNs / NS_PER_SECOND;
      return { cpu, node: cpuNodes[cpu], events, ...counts, busySeconds, waitSeconds, eventsPerSecond };
    });
  }

  /** The sums over all CPUs. */
  total(): TraceReplay['total'] {
    const total = noCounts();
    for (const { counts } of this.#cpus.values()) {
      for (const name of COUNTS) total[name] += counts[name];
    }
    return { events: eventsOf(total), ...total };
  }

  /** Time in programs without waits (seconds) of those CPUs that had events. */
  busySeconds(): number {
    let busyNs = 0;
    for (const sum of this.#cpus.values()) if (eventsOf(sum.counts) > 0) busyNs += sum.busyNs;
    return busyNs / NS_PER_SECOND;
  }
}

/** Events a second; 0 when nothing happened. */
export function perSecond(events: number, seconds: number): number {
  return events === 0 || seconds <= 0 ? 0 : events / seconds;
}

function eventsOf(counts: Counts): number {
  const { allocs, frees, failures, objectAllocs, objectFrees, objectFailures } = counts;
  return allocs + frees + failures + objectAllocs + objectFrees + objectFailures;
}
