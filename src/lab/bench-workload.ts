/** What `gfp bench pages` can measure, and what it is. */
export const BENCH_WORKLOADS = {
  bulk: 'allocate all blocks of a set, then free all of them',
  repeat: 'free and reallocate the same block',
  random: 'free and reallocate random blocks of a set that is held',
  remote: 'allocate on one CPU, free on another: pairs of CPUs with a ring between them',
} as const;

export type BenchWorkload = keyof typeof BENCH_WORKLOADS;

export const BENCH_WORKLOAD_NAMES = Object.keys(BENCH_WORKLOADS) as readonly BenchWorkload[];
