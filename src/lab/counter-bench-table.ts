import type { BenchHost } from './bench-host.js';
import { markNotes, rowMarks } from './bench-marks.js';
import { alignTable, range, round } from './bench-table.js';
import { type CounterRow, isWrong } from './counter-bench.js';

const HEADINGS = [
  'counter',
  'CPUs',
  'reads',
  'ns/inc',
  '(min..max)',
  'M inc/s',
  'speed-up',
  'inc/Atomics.add',
  'sum',
];

/** Columns that are text, by index; all others are numbers. */
const LEFT = new Set([0, 4, 8]);

/** Characters of the longest bar. */
const BAR_CELLS = 48;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** The rows as a table, with notes about what is marked in it. */
export function counterTable(rows: readonly CounterRow[], host: BenchHost): string {
  const lines = alignTable([HEADINGS, ...rows.map((row) => cells(row, rows))], LEFT);
  lines.push(...markNotes(rows, host));
  return lines.join('\n');
}

function cells(row: CounterRow, rows: readonly CounterRow[]): string[] {
  const { nsPerIncrement: ns, millionPerSecond } = row;
  return [
    row.kind,
    `${row.cpus}${rowMarks(row)}`,
    row.reader ? String(row.reads) : '-',
    round(ns.median),
    range(ns),
    round(millionPerSecond.median),
    speedUp(row, rows),
    round(row.atomicAdds),
    sumText(row),
  ];
}

/** Throughput as a multiple of that of one CPU. */
function speedUp(row: CounterRow, rows: readonly CounterRow[]): string {
  const one = rows.find(({ kind, reader, cpus }) => kind === row.kind && reader === row.reader && cpus === 1);
  return one === undefined ? '-' : round(row.millionPerSecond.median / one.millionPerSecond.median);
}

function sumText(row: CounterRow): string {
  if (row.lost === 0) return 'exact';
  return isWrong(row) ? `WRONG: ${row.lost} of ${row.increments} lost` : `${row.lost} lost`;
}

/** Throughput without a reader as bars on a logarithmic scale: a bar that is as much longer is as many times faster. */
export function counterChart(rows: readonly CounterRow[]): string {
  const shown = rows.filter((row) => !row.reader);
  const rates = shown.map((row) => row.millionPerSecond.median);
  // The shortest bar has a fifth of the length, so that all can be seen.
  const low =
    Math.log(Math.min(...rates)) - Math.max(1, Math.log(Math.max(...rates) / Math.min(...rates))) / 4;
  const high = Math.log(Math.max(...rates));
  const lines = alignTable(
    shown.map((row, i) => [
      i > 0 && shown[i - 1].kind === row.kind ? '' : row.kind,
      String(row.cpus),
      bar((Math.log(rates[i]) - low) / (high - low)),
      round(rates[i]),
    ]),
    new Set([0, 2]),
  );
  return ['million increments a second, by number of CPUs (logarithmic)', ...lines].join('\n');
}

function bar(share: number): string {
  const eighths = Math.max(1, Math.round(share * BAR_CELLS * 8));
  return '█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7];
}
