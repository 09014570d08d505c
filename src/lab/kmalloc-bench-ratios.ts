import { type Spread, spread } from './bench-spread.js';
import type { KmallocRow } from './kmalloc-bench.js';
import type { KmallocWorkload } from './kmalloc-bench-workload.js';

/** The row of an allocator. */
export function rowOf(
  rows: readonly KmallocRow[],
  workload: KmallocWorkload,
  cpus: number,
  allocator: string,
): KmallocRow | undefined {
  return rows.find((row) => row.workload === workload && row.cpus === cpus && row.allocator === allocator);
}

/** The time of one row as a multiple of another one's: of samples that were measured one after the other. */
export function timeRatio(row: KmallocRow, other: KmallocRow): Spread {
  return spread(row.samples.map((ns, i) => ns / other.samples[i]));
}

/** The throughput of a row as a multiple of that with one CPU; undefined: that was not measured. */
export function speedUp(rows: readonly KmallocRow[], row: KmallocRow, cores: number): Spread | undefined {
  const one = rowOf(rows, row.workload, 1, row.allocator);
  if (one === undefined) return undefined;
  const busyCores = Math.min(row.cpus, cores);
  return spread(row.samples.map((ns, i) => (busyCores * one.samples[i]) / ns));
}

/** The fastest of some allocators in a row; undefined: none of them was measured. */
export function fastestOf(
  rows: readonly KmallocRow[],
  workload: KmallocWorkload,
  cpus: number,
  allocators: readonly string[],
): KmallocRow | undefined {
  return rows
    .filter((row) => row.workload === workload && row.cpus === cpus && allocators.includes(row.allocator))
    .sort((a, b) => a.nsPerOperation.median - b.nsPerOperation.median)
    .at(0);
}
