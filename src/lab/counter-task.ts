import type { CounterKind } from './counter-kind.js';

/** What the CPUs of one row are told, the same for all of them. */
export interface CounterTask {
  readonly kind: CounterKind;
  /** Numbers of the CPUs; the first one leads: it makes the counter, measures the reference, and reads if anybody does. */
  readonly cpus: readonly number[];
  /** Samples that are not counted, and samples that are. */
  readonly warmups: number;
  readonly repeats: number;
  /** How long a sample lasts (milliseconds). */
  readonly sampleMs: number;
  /** How often the first CPU sums the counter (milliseconds); 0: never. */
  readonly readEveryMs: number;
  /** The barrier, and behind it the counter. */
  readonly shared: Int32Array;
}

/** One CPU in one sample. Times are nanoseconds of a clock that all threads share. */
export interface CounterSample {
  readonly start: number;
  readonly end: number;
  readonly increments: number;
  /** Processor time of the whole process meanwhile (nanoseconds). */
  readonly cpuNs: number;
  /** Nanoseconds of one bare `Atomics.add` just before. Only by the CPU that leads. */
  readonly atomicAddNs: number;
}

/** What one CPU did. `increments` and `reads` include the warm-up. */
export interface CpuCount {
  readonly cpu: number;
  readonly samples: readonly CounterSample[];
  readonly increments: number;
  /** By the first CPU. */
  readonly reads: number;
  /** What the counter says in the end, modulo 2^32. By the first CPU. */
  readonly sum: number;
}
