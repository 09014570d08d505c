import type { ThreadSample } from './kmalloc-bench-task.js';
import type { KmallocWorkload } from './kmalloc-bench-workload.js';

/** What an allocator is made of, which decides what it is compared with. */
export type ContenderKind = 'kernel' | 'c' | 'javascript';

/** An allocator that is measured. */
export interface Contender {
  readonly name: string;
  readonly kind: ContenderKind;
  /** What exactly it is; '': the name says it. */
  readonly version: string;
  /** Most threads that may use it at once. */
  readonly maxThreads: number;
  /**
   * Makes threads ready for one row; they sleep between samples.
   *
   * @param sampleMs how long a sample lasts (milliseconds)
   */
  open(workload: KmallocWorkload, threads: number, sampleMs: number): Sampler | Promise<Sampler>;
}

/** A row of an allocator while it is measured. */
export interface Sampler {
  /** Runs one sample; what each of its threads did. */
  sample(): Promise<readonly ThreadSample[]>;
  /** Ends the threads. */
  close(): Promise<void>;
}

/** Operations per nanosecond of all threads in one sample. A thread that got a core late has lost that time. */
export function operationsPerNs(samples: readonly ThreadSample[]): number {
  const start = Math.min(...samples.map((each) => each.start));
  return samples.reduce((total, { operations, end }) => total + operations / (end - start), 0);
}
