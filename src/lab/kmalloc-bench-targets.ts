import type { Spread } from './bench-spread.js';
import type { KmallocRow } from './kmalloc-bench.js';
import { KERNEL_NAME } from './kmalloc-bench-kernel.js';
import { GLIBC, SHARED_HEAP, THING } from './kmalloc-bench-peers.js';
import { fastestOf, rowOf, speedUp, timeRatio } from './kmalloc-bench-ratios.js';
import type { KmallocWorkload } from './kmalloc-bench-workload.js';

/** Time per operation of the kernel with one CPU: at most so many times glibc's, and the best C allocator's. */
const MAX_GLIBC = 1;
const MAX_BEST = 1.5;
const QUICK: readonly KmallocWorkload[] = ['pair', 'batch', 'batch-reverse'];

/** Throughput of two CPUs that have nothing to do with each other: at least so many times one CPU's. */
const MIN_SPEED_UP = 1.9;
const ALONE: readonly KmallocWorkload[] = ['pair', 'batch', 'batch-reverse', 'mixed'];

/** Time per object that goes from CPU to CPU: at most so many times glibc's. */
const MAX_XMALLOC = 3;

/** The allocator in JavaScript takes at least so many times as long in `mixed`. */
const MIN_THING = 20;

/** Time per operation of the same allocator as a heap for any program, one thread: at most so many times the kernel's. */
const MAX_SHARED_HEAP = 1.3;

/** A ratio, beside what it should be. The spread is that of the samples' ratios. */
export interface KmallocTarget extends Spread {
  readonly name: string;
  readonly bound: 'at most' | 'at least';
  readonly target: number;
  /** Whether the median is as it should be. */
  readonly met: boolean;
}

/**
 * What the kernel is to reach, as far as it was measured.
 *
 * @param native names of the allocators in C
 * @param cores of the host
 */
export function kmallocTargets(
  rows: readonly KmallocRow[],
  native: readonly string[],
  cores: number,
): KmallocTarget[] {
  const quick = QUICK.flatMap((workload) => {
    const glibc = rowOf(rows, workload, 1, GLIBC);
    const best = fastestOf(rows, workload, 1, native);
    return [
      ...timeTarget(rows, workload, 1, glibc, 'at most', MAX_GLIBC),
      ...timeTarget(rows, workload, 1, best, 'at most', MAX_BEST, 'best C, '),
    ];
  });
  return [
    ...quick,
    ...ALONE.flatMap((workload) => speedUpTarget(rows, workload, cores)),
    ...timeTarget(rows, 'xmalloc', 2, rowOf(rows, 'xmalloc', 2, GLIBC), 'at most', MAX_XMALLOC),
    ...peerTarget(rows, 'mixed', THING, 'at least', MIN_THING),
    ...QUICK.flatMap((workload) => peerTarget(rows, workload, SHARED_HEAP, 'at most', MAX_SHARED_HEAP)),
  ];
}

function timeTarget(
  rows: readonly KmallocRow[],
  workload: KmallocWorkload,
  cpus: number,
  other: KmallocRow | undefined,
  bound: 'at most' | 'at least',
  target: number,
  what = '',
): KmallocTarget[] {
  const kernel = rowOf(rows, workload, cpus, KERNEL_NAME);
  if (kernel === undefined || other === undefined) return [];
  const name = `${workload}, ${cpusText(cpus)}: time against ${what}${other.allocator}`;
  return [judge(name, bound, target, timeRatio(kernel, other))];
}

function speedUpTarget(
  rows: readonly KmallocRow[],
  workload: KmallocWorkload,
  cores: number,
): KmallocTarget[] {
  const two = rowOf(rows, workload, 2, KERNEL_NAME);
  const found = two === undefined ? undefined : speedUp(rows, two, cores);
  // Two CPUs that take turns on one core are not twice as fast.
  if (found === undefined || cores < 2) return [];
  return [judge(`${workload}: throughput of 2 CPUs against 1`, 'at least', MIN_SPEED_UP, found)];
}

function peerTarget(
  rows: readonly KmallocRow[],
  workload: KmallocWorkload,
  name: string,
  bound: 'at most' | 'at least',
  target: number,
): KmallocTarget[] {
  const kernel = rowOf(rows, workload, 1, KERNEL_NAME);
  const peer = rowOf(rows, workload, 1, name);
  if (kernel === undefined || peer === undefined) return [];
  return [judge(`${workload}, 1 CPU: time of ${name} against gfp`, bound, target, timeRatio(peer, kernel))];
}

function judge(name: string, bound: 'at most' | 'at least', target: number, found: Spread): KmallocTarget {
  const met = bound === 'at most' ? found.median <= target : found.median >= target;
  return { name, bound, target, met, ...found };
}

function cpusText(cpus: number): string {
  return cpus === 1 ? '1 CPU' : `${cpus} CPUs`;
}
