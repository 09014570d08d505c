import type { BenchHost } from './bench-host.js';
import { markNotes, rowMarks } from './bench-marks.js';
import type { Spread } from './bench-spread.js';
import { alignTable } from './bench-table.js';
import type { KmallocRow } from './kmalloc-bench.js';
import { KERNEL_NAME } from './kmalloc-bench-kernel.js';
import { rowOf, speedUp, timeRatio } from './kmalloc-bench-ratios.js';
import type { KmallocTarget } from './kmalloc-bench-targets.js';

const HEADINGS = ['workload', 'CPUs', 'allocator', 'ns/op', '(min..max)', 'M op/s', 'speed-up', 'gfp/it'];

/** Columns that are text, by index; all others are numbers. */
const LEFT = new Set([0, 2, 4]);

const TARGET_HEADINGS = ['', 'times', '(min..max)', 'target', ''];
const TARGET_LEFT = new Set([0, 2, 3, 4]);

/** The rows as a table, with notes about what is marked in it. */
export function kmallocTable(rows: readonly KmallocRow[], host: BenchHost): string {
  const lines = alignTable([HEADINGS, ...rows.map((row) => cells(row, rows, host.cores))], LEFT);
  lines.push(...markNotes(rows, host));
  return lines.join('\n');
}

function cells(row: KmallocRow, rows: readonly KmallocRow[], cores: number): string[] {
  const { workload, cpus, allocator, nsPerOperation: ns, millionPerSecond } = row;
  const kernel = allocator === KERNEL_NAME ? undefined : rowOf(rows, workload, cpus, KERNEL_NAME);
  const faster = cpus === 1 ? undefined : speedUp(rows, row, cores);
  return [
    workload,
    `${cpus}${rowMarks(row)}`,
    allocator,
    round(ns.median),
    range(ns),
    round(millionPerSecond.median),
    faster === undefined ? '' : faster.median.toFixed(2),
    kernel === undefined ? '' : round(timeRatio(kernel, row).median),
  ];
}

/** What was to be reached, as a table. */
export function kmallocTargetTable(targets: readonly KmallocTarget[]): string {
  const rows = targets.map(({ name, bound, target, met, ...found }) => [
    name,
    round(found.median),
    range(found),
    `${bound} ${target.toFixed(1)}`,
    met ? '' : 'missed',
  ]);
  return alignTable([TARGET_HEADINGS, ...rows], TARGET_LEFT).join('\n');
}

function range({ min, max }: Spread): string {
  return `(${round(min)}..${round(max)})`;
}

/** Three digits or so. */
function round(value: number): string {
  if (value >= 100) return value.toFixed(0);
  // An allocator may be a thousand times as slow.
  return value < 0.1 ? value.toPrecision(2) : value.toFixed(value >= 10 ? 1 : 2);
}
