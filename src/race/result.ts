import type { FailureKind } from './engine/failure.js';

/** What the exploration of a scenario has found: what `explore` gives, and `gfp check --json` prints. */
export interface ExploreResult {
  /** The scenario's name. */
  readonly name: string;
  readonly verdict: 'pass' | 'fail';
  /** What went wrong; undefined on pass. */
  readonly kind?: FailureKind | undefined;
  /**
   * Executions that were run to their end. Those given up as redundant, and those of shrinking, do not count; neither do,
   * when dfs or dpor is complete, those before all shared words were known.
   */
  readonly executions: number;
  /** Whether nothing was left to explore: then a pass holds for every interleaving, not only for those that ran. */
  readonly complete: boolean;
  /** Number of the execution that failed first, from 1; undefined on pass. */
  readonly executionsToFailure?: number | undefined;
  /** Accesses to shared memory in all executions. */
  readonly accesses: number;
  readonly executionsPerSecond: number;
  /** Replays the failure, shrunk: `explore(scenario, { replay: token })`; undefined on pass. */
  readonly token?: string | undefined;
  /** The cause of the failure in one line; undefined on pass. */
  readonly message?: string | undefined;
}
