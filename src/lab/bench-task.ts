import type { BenchWorkload } from './bench-workload.js';

/** What the CPUs of one row are told, the same for all of them. */
export interface BenchTask {
  readonly workload: BenchWorkload;
  readonly order: number;
  /** Blocks in the set of a CPU, or in the ring of a pair; a power of two. */
  readonly blocks: number;
  /** Numbers of the CPUs; the first one leads, pairs are neighbours here. */
  readonly cpus: readonly number[];
  /** Samples that are not counted, and samples that are. */
  readonly warmups: number;
  readonly repeats: number;
  /** How long a sample lasts (milliseconds). */
  readonly sampleMs: number;
  /** Shared memory: the barrier, then the rings. */
  readonly shared: Int32Array;
}

/** One CPU in one sample. Times are nanoseconds of a clock that all threads share. */
export interface CpuSample {
  readonly start: number;
  readonly end: number;
  /** Blocks that were allocated and freed again. For `remote`: by the CPU that frees. */
  readonly pairs: number;
  /** Processor time of the whole process meanwhile (nanoseconds). */
  readonly cpuNs: number;
  /** Nanoseconds of one bare `Atomics.add`, and of one lock and unlock, just before. Only by the CPU that leads. */
  readonly atomicAddNs: number;
  readonly lockNs: number;
}

/** What one CPU did. Counts include the warm-up. */
export interface CpuBench {
  readonly cpu: number;
  readonly samples: readonly CpuSample[];
  readonly allocated: number;
  readonly freed: number;
  readonly failures: number;
}
