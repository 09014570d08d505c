import type { ExploreResult } from '../result.js';
import { amount } from './count.js';

/** How the lines of several results are aligned, and what they say besides. */
export interface SummaryLayout {
  /** Columns for the scenario's name: the length of the longest one. */
  readonly nameWidth?: number;
  /** The strategy, when it is worth a word. */
  readonly strategy?: string | undefined;
}

/** The longest failure kind that is aligned with; longer ones push the rest of their line to the right. */
const KIND_WIDTH = 'linearizability'.length;

/**
 * One line about the exploration of a scenario:
 *
 * ```
 * pass  two pushers  1,234 executions (complete)  0.3 s
 * FAIL  two poppers  race             after 3 executions
 * ```
 */
export function summaryLine(result: ExploreResult, layout: SummaryLayout = {}): string {
  const { nameWidth = 0, strategy } = layout;
  const head = [
    result.verdict === 'pass' ? 'pass' : 'FAIL',
    result.name.padEnd(nameWidth),
    ...(strategy === undefined ? [] : [strategy]),
  ];
  return [...head, ...(result.verdict === 'pass' ? passed(result) : failed(result))].join('  ').trimEnd();
}

function passed({ executions, complete, executionsPerSecond }: ExploreResult): string[] {
  const scope = complete ? ' (complete)' : '';
  const seconds = executionsPerSecond > 0 ? [`${(executions / executionsPerSecond).toFixed(1)} s`] : [];
  return [`${amount(executions, 'execution')}${scope}`, ...seconds];
}

function failed({ kind, executions, executionsToFailure }: ExploreResult): string[] {
  const after = amount(executionsToFailure ?? executions, 'execution');
  return [(kind ?? 'failure').padEnd(KIND_WIDTH), `after ${after}`];
}
