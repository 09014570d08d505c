/** Several measurements of the same thing. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * The median and the range of some measurements.
 *
 * @throws RangeError when there are none
 */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('no measurements: there must be at least one');
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  return { median: (lower + upper) / 2, min: sorted[0], max: sorted[sorted.length - 1] };
}
