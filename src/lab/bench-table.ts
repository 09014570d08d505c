import type { BenchHost } from './bench-host.js';
import { markNotes, rowMarks } from './bench-marks.js';
import type { BenchRow } from './bench-pages.js';
import type { Spread } from './bench-spread.js';

const HEADINGS = [
  'workload',
  'order',
  'CPUs',
  'ns/pair',
  '(min..max)',
  'M pairs/s',
  'Atomics.add ns',
  'lock+unlock ns',
  'pair/Atomics.add',
];

/** Columns that are text, by index; all others are numbers. */
const LEFT = new Set([0, 4]);

/** One line about the computer that measured. */
export function benchHostLine(host: BenchHost): string {
  const cores = host.cores === 1 ? '1 core' : `${host.cores} cores`;
  return `measured on ${host.cpuModel}, ${cores}, Node ${host.node}, ${host.platform}`;
}

/** The rows as a table, with notes about what is marked in it. */
export function benchTable(rows: readonly BenchRow[], host: BenchHost): string {
  const lines = alignTable([HEADINGS, ...rows.map(cells)], LEFT);
  lines.push(...markNotes(rows, host));
  if (rows.some((row) => row.failures > 0)) {
    lines.push('! some allocations got nothing: the machine has too little memory for this row');
  }
  return lines.join('\n');
}

function cells(row: BenchRow): string[] {
  return [
    row.workload,
    String(row.order),
    `${row.cpus}${rowMarks(row)}${row.failures > 0 ? '!' : ''}`,
    row.nsPerPair === null ? '-' : round(row.nsPerPair.median),
    row.nsPerPair === null ? '' : range(row.nsPerPair),
    round(row.millionPairsPerSecond.median),
    round(row.atomicAddNs.median),
    round(row.lockNs.median),
    row.atomicAdds === null ? '-' : round(row.atomicAdds),
  ];
}

/** The smallest and the largest. */
export function range({ min, max }: Spread): string {
  return `(${round(min)}..${round(max)})`;
}

/** Three digits or so. */
export function round(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
}

/**
 * Lines of a table whose columns are aligned.
 *
 * @param left columns of text; the others are numbers
 */
export function alignTable(rows: readonly (readonly string[])[], left: ReadonlySet<number>): string[] {
  const widths = (rows.at(0) ?? []).map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => {
    const padded = row.map((cell, i) => (left.has(i) ? cell.padEnd(widths[i]) : cell.padStart(widths[i])));
    return padded.join('  ').trimEnd();
  });
}
