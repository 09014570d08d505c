import { DEFAULT_EXECUTIONS } from '../explore.js';
import { parseStrategyName } from '../strategies/index.js';
import type { UnitOptions } from './unit.js';

/** Executions that are worth a thread of their own: fewer are done sooner than it starts. */
const PART_EXECUTIONS = 50_000;
/** Parts that are limited by time alone are so many executions of a seed away from one another. */
const PART_DISTANCE = 2 ** 40;

/**
 * Divides an exploration into parts that threads do at the same time, at most `jobs`. They have the same seed and make
 * other executions of it. The first part has execution 0, and with it all that is done systematically.
 *
 * A budget of executions that is small stays whole: its result does not depend on the number of threads.
 */
export function splitOptions(options: UnitOptions, jobs: number): UnitOptions[] {
  if (options.replay !== undefined || options.exhaustive === true) return [options];
  if (isSystematic(options.strategy)) return [options];
  const { executions, seconds } = options;
  const isTimed = seconds !== undefined && executions === undefined;
  const budget = executions ?? DEFAULT_EXECUTIONS;
  const parts = isTimed ? jobs : Math.min(jobs, Math.ceil(budget / PART_EXECUTIONS));
  const first = options.firstExecution ?? 0;
  return Array.from({ length: parts }, (_, part) => {
    if (isTimed) return { ...options, firstExecution: first + part * PART_DISTANCE };
    const from = Math.floor((budget * part) / parts);
    const to = Math.floor((budget * (part + 1)) / parts);
    return { ...options, firstExecution: first + from, executions: to - from };
  });
}

/** Whether a strategy does the same with every seed. */
export function isSystematic(strategy: string | undefined): boolean {
  const { kind } = parseStrategyName(strategy ?? 'portfolio');
  return kind === 'dfs' || kind === 'dpor';
}
