import { alignTable } from './bench-table.js';
import type { RaceBenchRow, RaceBenchUnit } from './race-bench.js';

const HEADINGS = ['', 'median', '(min..max)', 'target', ''];
/** Columns that are text. */
const LEFT = new Set([0, 2, 3, 4]);

/** The rows as a table, with what they should be. */
export function raceBenchTable(rows: readonly RaceBenchRow[]): string {
  return alignTable([HEADINGS, ...rows.map(cells)], LEFT).join('\n');
}

function cells({ name, unit, median, min, max, target, met }: RaceBenchRow): string[] {
  const bound = unit === 's' ? 'at most' : 'at least';
  return [
    name,
    quantity(median, unit),
    `(${quantity(min, unit)}..${quantity(max, unit)})`,
    target === null ? '' : `${bound} ${quantity(target, unit)}`,
    met ? '' : 'missed',
  ];
}

function quantity(value: number, unit: RaceBenchUnit): string {
  if (unit !== 's')
    return value >= 1e6 ? `${(value / 1e6).toFixed(1)} M/s` : `${Math.round(value / 1000)} k/s`;
  return value < 1e-3 ? `${(value * 1e6).toFixed(1)} us` : `${value.toFixed(2)} s`;
}
