import { expect } from 'vitest';
import { FAILURE_KINDS, type FailureKind } from './engine/failure.js';
import type { Exploration } from './explore.js';
import { RaceUsageError } from './race-error.js';
import { summaryLine } from './report/summary.js';
import { renderTrace } from './report/text-report.js';

/*
 * Matchers for results of explorations:
 *
 *     import 'gfp/race/vitest';
 *     expect(await explore(scenario)).toPass();
 *     expect(await explore(mutant)).toFailWith('race');
 *
 * A test that fails shows the report of the execution, with the token that replays it.
 */

declare module 'vitest' {
  interface Matchers<T> {
    /** The exploration has found nothing. */
    toPass: () => T;
    /** The exploration has found a failure, of this kind or one of these. */
    toFailWith: (...kinds: [FailureKind, ...FailureKind[]]) => T;
  }
}

interface Verdict {
  readonly pass: boolean;
  readonly message: () => string;
}

function toPass(received: unknown): Verdict {
  const result = exploration(received, 'toPass');
  return { pass: result.verdict === 'pass', message: () => reportOf(result) };
}

function toFailWith(received: unknown, ...kinds: FailureKind[]): Verdict {
  const result = exploration(received, 'toFailWith');
  const wrong = kinds.find((kind) => !FAILURE_KINDS.includes(kind));
  if (wrong !== undefined || kinds.length === 0) {
    throw new RaceUsageError(
      `toFailWith(${wrong === undefined ? '' : `'${wrong}'`}): kinds of failures are ${FAILURE_KINDS.join(', ')}`,
    );
  }
  const { kind } = result;
  return {
    pass: kind !== undefined && kinds.includes(kind),
    message: () => `expected: ${kinds.join(' or ')}\n\n${reportOf(result)}`,
  };
}

/** What `explore` gave; a promise of it is the usual mistake. */
function exploration(received: unknown, matcher: string): Exploration {
  const isResult = typeof received === 'object' && received !== null && 'verdict' in received;
  if (isResult) return received as Exploration;
  throw new RaceUsageError(`expect(...).${matcher}() is for what \`await explore(scenario)\` gives`);
}

/** The whole report of a failure; of a pass, the line about it. */
function reportOf(result: Exploration): string {
  if (result.trace === undefined) return [summaryLine(result), result.message].join('\n').trim();
  return renderTrace(result.trace, { command: 'gfp check FILE' });
}

expect.extend({ toPass, toFailWith });
