/**
 * A schedule: all that has to be known to repeat an execution. Threads in the order in which they ran, each with the
 * number of operations that it executed before another one went on, and the numbers that were chosen.
 */
export interface Schedule {
  readonly segments: readonly Segment[];
  /** Every number chosen, in order; trailing zeros are left out. */
  readonly numbers: readonly number[];
}

export interface Segment {
  readonly thread: number;
  /** Operations; of the last segment it may be Infinity: to the end. */
  readonly steps: number;
}
