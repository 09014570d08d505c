/** What a strategy may look at when it chooses. Threads are numbered from 0, at most {@link MAX_THREADS}. */
export interface ExecutionView {
  /** Threads of this execution, interrupt handlers included. */
  readonly threads: number;
  /** Operations executed so far. */
  readonly steps: number;
  /**
   * Kind (`OP_*`) of the operation that the thread executes when it is chosen, in the memory as it is now: a
   * compareExchange that would fail is an OP_READ, one that would succeed an OP_CAS; an Atomics.wait that would return
   * at once is an OP_READ.
   */
  kindOf(thread: number): number;
  /** First byte of the operation's memory; -1 for OP_LOCAL. Addresses of different buffers never overlap. */
  addressOf(thread: number): number;
  /** Bytes of the operation's memory; 0 for OP_LOCAL. */
  sizeOf(thread: number): number;
  /** Whether the thread has ended. */
  isDone(thread: number): boolean;
  /**
   * Whether words became shared since the last call, by which later executions have more scheduling points. A strategy
   * that relies on executions to be alike starts again then.
   */
  takeGrowth(): boolean;
}

/** How an execution ended, as far as a strategy may care. */
export interface ExecutionEnd {
  /** All threads ended, or a failure was found; false when the strategy gave it up. */
  readonly finished: boolean;
  readonly failed: boolean;
}

/**
 * Chooses the schedules that are explored. One object lives as long as the exploration of a scenario.
 *
 * An execution is determined by the answers alone: the same answers give the same execution.
 */
export interface Strategy {
  /**
   * Prepares the next execution.
   *
   * @returns false when there is nothing left to explore
   */
  begin(execution: ExecutionView): boolean;

  /**
   * Chooses who executes the next operation.
   *
   * @param current the thread that executed the last one; -1 at the start
   * @param enabled bit mask of the threads that can go on; never 0. `current` may not be among them
   * @returns one of the enabled threads, or -1 to give this execution up as redundant
   */
  nextThread(execution: ExecutionView, current: number, enabled: number): number;

  /**
   * Chooses a number: whether an allocation fails and other choices that are not about threads.
   *
   * @param limit numbers from 0 to limit - 1; 0 is what ordinarily happens
   */
  nextNumber(execution: ExecutionView, limit: number): number;

  /** The execution is over. */
  end(execution: ExecutionView, end: ExecutionEnd): void;

  /** Whether everything was explored: `begin` has answered false, and nothing was left out on the way. */
  readonly complete: boolean;

  /**
   * For a strategy that covers everything: the executions in which it did. Those before it had to start again, because
   * words turned out to be shared, are not among them.
   */
  readonly executions?: number;
}

/** Threads are bits of a mask that is a small integer. */
export const MAX_THREADS = 30;
