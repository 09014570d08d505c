/** What `gfp bench kmalloc` can measure, and what one operation of it is. */
export const KMALLOC_WORKLOADS = {
  pair: 'allocate 64 bytes and free them at once',
  batch: 'allocate 32 objects of 64 bytes, free them in the order of allocation',
  'batch-reverse': 'the same, free them in reverse',
  mixed: 'replace random ones of 1024 objects of 16 to 1024 bytes',
  larson: 'the same, and after every 4096 replacements the objects move to the next CPU',
  xmalloc: 'one CPU allocates 16 to 1024 bytes, another frees: pairs of CPUs with a ring between them',
  'cache-scratch': 'allocate 8 bytes, write them 128 times, free them; the first ones come from one CPU',
} as const;

export type KmallocWorkload = keyof typeof KMALLOC_WORKLOADS;

export const KMALLOC_WORKLOAD_NAMES = Object.keys(KMALLOC_WORKLOADS) as readonly KmallocWorkload[];

/** Why a workload cannot be had with so many CPUs; undefined: it can. */
export function whyNotKmalloc(workload: KmallocWorkload, cpus: number): string | undefined {
  return workload === 'xmalloc' && cpus % 2 !== 0 ? 'xmalloc needs pairs of CPUs' : undefined;
}
