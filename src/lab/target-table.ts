import { alignTable } from './bench-table.js';
import { type Spread, spread } from './bench-spread.js';

/** Something that was measured, beside what it should be. */
export interface TargetRow extends Spread {
  readonly name: string;
  readonly unit: TargetUnit;
  /** What it should be at least, or at most if it is a time; null: nothing is demanded. */
  readonly target: number | null;
  /** Whether the median is as it should be. */
  readonly met: boolean;
}

export type TargetUnit = 'accesses/s' | 'executions/s' | 's';

const HEADINGS = ['', 'median', '(min..max)', 'target', ''];
/** Columns that are text. */
const LEFT = new Set([0, 2, 3, 4]);

/** The rows as a table, with what they should be. */
export function targetTable(rows: readonly TargetRow[]): string {
  return alignTable([HEADINGS, ...rows.map(cells)], LEFT).join('\n');
}

function cells({ name, unit, median, min, max, target, met }: TargetRow): string[] {
  const bound = unit === 's' ? 'at most' : 'at least';
  return [
    name,
    quantity(median, unit),
    `(${quantity(min, unit)}..${quantity(max, unit)})`,
    target === null ? '' : `${bound} ${quantity(target, unit)}`,
    met ? '' : 'missed',
  ];
}

function quantity(value: number, unit: TargetUnit): string {
  if (unit !== 's')
    return value >= 1e6 ? `${(value / 1e6).toFixed(1)} M/s` : `${Math.round(value / 1000)} k/s`;
  if (value < 1e-6) return `${(value * 1e9).toFixed(0)} ns`;
  if (value < 1e-3) return `${(value * 1e6).toFixed(1)} us`;
  return value < 0.1 ? `${(value * 1e3).toFixed(1)} ms` : `${value.toFixed(2)} s`;
}

/** A row, of its samples. */
export function targetRow(
  name: string,
  unit: TargetUnit,
  target: number | null,
  samples: readonly number[],
): TargetRow {
  const found = spread(samples);
  const met = target === null || (unit === 's' ? found.median <= target : found.median >= target);
  return { name, unit, ...found, target, met };
}
