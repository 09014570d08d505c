/** The kinds of failures, as results spell them. */
export const FAILURE_KINDS = [
  'assertion',
  'invariant',
  'race',
  'deadlock',
  'livelock',
  'lost-wakeup',
  'lock-order',
  'linearizability',
  'use-after-free',
  'double-free',
  'out-of-bounds',
  'uninitialised',
  'leak',
  'sleep-in-atomic',
  'unlock-not-owner',
  'nondeterminism',
  'hidden-access',
] as const;

export type FailureKind = (typeof FAILURE_KINDS)[number];

/** Something that went wrong in an execution. */
export interface Failure {
  readonly kind: FailureKind;
  /** The cause in one line. */
  readonly message: string;
  /** The thread that noticed; -1 for none. */
  readonly thread: number;
  /** The operation at which it was noticed: its number in the trace, from 0. -1 before the first. */
  readonly step: number;
  /** Further facts, each a heading and lines below it: the other side of a race, who waits for whom, free stacks. */
  readonly details: readonly FailureDetail[];
}

export interface FailureDetail {
  /** The operation that this is about, which reports then mark: its number in the trace. */
  readonly step?: number | undefined;
  readonly heading: string;
  readonly lines: readonly string[];
}

/** Where in the source an operation stands. */
export interface Site {
  /** As the user knows it: relative to the working directory when below it. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The expression, on one line. */
  readonly text: string;
  /** The function around it; empty at the top level of a module. */
  readonly functionName: string;
}

/** One executed operation of a recorded execution. */
export interface TraceEvent {
  /** Number of the operation, from 0. */
  readonly step: number;
  readonly thread: number;
  /** `OP_*`, as it turned out: a compareExchange that failed is an OP_READ. */
  readonly kind: number;
  /** `MODE_*` */
  readonly mode: number;
  readonly address: number;
  readonly size: number;
  /** What lies there, decoded: `i32[3]`, `cpu 1, preempt_count`. Empty for OP_LOCAL. */
  readonly name: string;
  /** The value before, and after; equal for reads. Undefined where there is none, such as a range. */
  readonly before: number | bigint | undefined;
  readonly after: number | bigint | undefined;
  /** What else is to be said: `timed out`, `wakes thread 2`, `not equal`. Empty for nothing. */
  readonly note: string;
  readonly site: Site | undefined;
  /**
   * Calls from the thread's function down to the one around the operation, outermost first: `name file:line`, the line
   * being the one inside the function where the next one was called.
   */
  readonly calls: readonly string[];
  /** Whether other threads are known to use this memory: what reports leave out else. */
  readonly shared: boolean;
}

/** An execution, recorded for a report. */
export interface Trace {
  readonly scenario: string;
  /** A name for each thread: `thread 0`, `CPU 1`, `interrupt on CPU 0`. */
  readonly threads: readonly string[];
  readonly events: readonly TraceEvent[];
  readonly failure: Failure;
  /** What replays it; see `token.ts`. */
  readonly token: string;
}
