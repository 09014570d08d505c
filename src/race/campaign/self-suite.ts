import { fileURLToPath } from 'node:url';
import type { ExploreResult } from '../result.js';
import { SELF_CHECKS } from '../self/index.js';
import type { SelfCheck } from '../self/self-check.js';
import type { Job, JobOutcome } from './explore-job.js';
import type { UnitOptions } from './unit.js';

export { SELF_CHECKS, type SelfCheck };

/** Executions of a scenario that has to stay silent, when no time is given. */
export const SILENT_EXECUTIONS = 1000;
/** Executions within which a fault has to be found. */
export const FAULT_EXECUTIONS: Readonly<Record<string, number>> = { bugs: 1000 };
const OTHER_FAULT_EXECUTIONS = 10_000;

/** The file that threads load the suite from: it stands beside this one, built as this one is. */
export const SELF_FILE = fileURLToPath(new URL('../self/index.js', import.meta.url));

/** How much is explored. */
export interface SelfBudget {
  readonly seed?: number | undefined;
  /** Of each scenario that has to stay silent, instead of a number of executions. */
  readonly seconds?: number | undefined;
}

/** A check of the suite as something to explore. */
export function selfJob(check: SelfCheck, { seed, seconds }: SelfBudget): Job {
  return { file: SELF_FILE, scenario: check.scenario.name, options: { seed, ...budgetOf(check, seconds) } };
}

function budgetOf({ group, expect, executions }: SelfCheck, seconds: number | undefined): UnitOptions {
  if (executions !== undefined) return { exhaustive: true };
  if (expect !== 'pass') return { executions: FAULT_EXECUTIONS[group] ?? OTHER_FAULT_EXECUTIONS };
  return seconds === undefined ? { executions: SILENT_EXECUTIONS } : { seconds };
}

/** What a check expects, in words. */
export function expectation({ expect, executions }: SelfCheck): string {
  if (executions !== undefined) return `complete after ${executions}`;
  return expect === 'pass' ? 'silent' : expect.join(' or ');
}

/** Whether what was found is what the check expects. */
export function isExpected(check: SelfCheck, outcome: JobOutcome): boolean {
  const { result } = outcome;
  if (result === undefined) return false;
  if (check.expect === 'pass') return result.verdict === 'pass' && hasRightCount(check, result);
  return result.kind !== undefined && check.expect.includes(result.kind);
}

function hasRightCount({ executions }: SelfCheck, result: ExploreResult): boolean {
  return executions === undefined || (result.complete && result.executions === executions);
}
