/** What columns would like to have and what they must have, in characters. */
export interface ColumnNeed {
  readonly wanted: number;
  readonly least: number;
}

/**
 * Shares `room` out among columns: each gets what it wants as long as that is no more than an equal share of what the
 * others leave. Where even the least does not fit, each gets its least.
 */
export function shareWidth(needs: readonly ColumnNeed[], room: number): number[] {
  const widths = needs.map(({ least }) => least);
  let left = room - widths.reduce((sum, width) => sum + width, 0);
  while (left > 0) {
    const narrow = widths
      .map((width, i) => ({ width, i }))
      .filter(({ width, i }) => width < needs[i].wanted)
      .sort((a, b) => a.width - b.width || a.i - b.i)
      .at(0);
    if (narrow === undefined) break;
    widths[narrow.i]++;
    left--;
  }
  return widths;
}
