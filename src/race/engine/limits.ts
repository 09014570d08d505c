/** What an executor is told about the program besides its threads. */
export interface ExecutorLimits {
  readonly maxSteps: number;
  /** Timed waits of an execution that may end although somebody else could go on. */
  readonly timeouts: number;
  /** Waits of an execution that may end for no reason. */
  readonly spuriousWakeups: number;
  readonly detectRaces: boolean;
  readonly detectLockOrder: boolean;
  readonly detectLostWakeups: boolean;
}
