import { alignTable } from '../lab/bench-table.js';
import { sumWaste, type WasteComparison, type WasteRow, type WasteSums } from '../trace/waste.js';
import { printable } from './output.js';
import { amount, count, percent } from './render-number.js';

/** What the bytes wasted can be added up by. */
export type WasteKey = 'cache' | 'caller';

/**
 * Who wastes most, as a table.
 *
 * @param top rows; all others are added up in one
 */
export function wasteTable({ total, byCache, byCaller }: WasteComparison, by: WasteKey, top: number): string {
  const rows = by === 'cache' ? byCache : byCaller;
  const rest = rows.slice(top);
  const heading = [`  ${by}`, 'allocations', 'bytes asked for', 'wasted there', '', 'wasted here', ''];
  const cells = rows.slice(0, top).map((row) => rowCells(row.name, row));
  const restCells = rest.length === 0 ? [] : [rowCells(`(${restName(rest, by)})`, sumWaste(rest))];
  return [
    `bytes wasted, by ${by}: there by the traced kernel, here by this machine`,
    ...alignTable([heading, ...cells, ...restCells, rowCells('total', total)], new Set([0])),
  ].join('\n');
}

function restName(rest: readonly WasteRow[], by: WasteKey): string {
  return amount(rest.length, by === 'cache' ? 'other cache' : 'other caller');
}

function rowCells(name: string, sums: WasteSums): string[] {
  return [
    `  ${printable(name)}`,
    count(sums.allocations),
    count(sums.requestedBytes),
    count(sums.tracedWastedBytes),
    percent(sums.tracedWastedBytes, sums.tracedBytes),
    count(sums.wastedBytes),
    percent(sums.wastedBytes, sums.givenBytes),
  ];
}
