import { STAMP_CLOCK_SHIFT, STAMP_THREAD_MASK, STAMP_TICK } from './shadow-cell.js';

/** Numbers of a vector clock, as a shift: one for each possible thread. */
export const CLOCK_SHIFT = 5;
const ROW_NUMBERS = 1 << CLOCK_SHIFT;

/** The largest clock that fits in a stamp. */
const MAX_CLOCK = 2 ** (31 - STAMP_CLOCK_SHIFT) - 1;

/** An execution does not begin with a larger clock: the rest is for its own ticks. */
const MAX_FIRST_CLOCK = 2 ** 23;

/**
 * The vector clock of every thread: how much of each other thread happened before what it does next.
 *
 * Clocks go on rising from execution to execution, and all threads begin with having seen all that was before.
 */
export class ThreadClocks {
  /** Row by row. */
  readonly rows = new Int32Array(ROW_NUMBERS << CLOCK_SHIFT);
  /** The stamp of the thread's next plain access. */
  readonly stamps = new Int32Array(ROW_NUMBERS);
  threads = 0;
  /** What happened at this clock or before was in an earlier execution. */
  base = 0;

  /** Begins an execution; false when the clocks started again at 0, so that old stamps must be forgotten. */
  begin(threads: number): boolean {
    let base = this.base;
    for (let thread = 0; thread < this.threads; thread++) {
      base = Math.max(base, this.stamps[thread] >> STAMP_CLOCK_SHIFT);
    }
    const goesOn = base <= MAX_FIRST_CLOCK;
    if (!goesOn) base = 0;
    this.base = base;
    this.threads = threads;
    for (let thread = 0; thread < threads; thread++) {
      const row = thread << CLOCK_SHIFT;
      // All of the row: old stamps may be of threads that this execution does not have.
      for (let other = 0; other < ROW_NUMBERS; other++) this.rows[row + other] = base;
      this.rows[row + thread] = base + 1;
      this.stamps[thread] = ((base + 1) << STAMP_CLOCK_SHIFT) | thread;
    }
    return goesOn;
  }

  /** Whether the access with this stamp happened before what the thread does next. */
  isOrdered(stamp: number, thread: number): boolean {
    return stamp >> STAMP_CLOCK_SHIFT <= this.rows[(thread << CLOCK_SHIFT) + (stamp & STAMP_THREAD_MASK)];
  }

  /** All that happened before `from`'s next step happens before `to`'s. */
  join(from: number, to: number): void {
    const source = from << CLOCK_SHIFT;
    const target = to << CLOCK_SHIFT;
    for (let thread = 0; thread < this.threads; thread++) {
      const seen = this.rows[source + thread];
      if (seen > this.rows[target + thread]) this.rows[target + thread] = seen;
    }
  }

  /** After the thread's clock was handed on: what it does from now on is not included there. */
  tick(thread: number): void {
    const clock = ++this.rows[(thread << CLOCK_SHIFT) + thread];
    if (clock > MAX_CLOCK) {
      throw new RangeError(`Thread ${thread} synchronised more than ${MAX_CLOCK - this.base} times`);
    }
    this.stamps[thread] += STAMP_TICK;
  }
}
