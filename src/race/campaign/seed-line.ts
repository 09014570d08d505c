import type { JobOutcome } from './explore-job.js';

/** What is known of a scenario and a seed: all that does not depend on the computer's speed. */
export interface SeedResult {
  readonly file: string;
  readonly name: string;
  readonly seed: number;
  readonly verdict: 'pass' | 'fail';
  readonly kind: string | null;
  readonly executions: number;
  readonly complete: boolean;
  readonly executionsToFailure: number | null;
  readonly accesses: number;
  readonly token: string | null;
  readonly message: string | null;
}

/** The result of a scenario with a seed, with its fields in their order. */
export function seedResult(file: string, name: string, seed: number, outcome: JobOutcome): SeedResult {
  const { result, crash } = outcome;
  return {
    file,
    name,
    seed,
    verdict: result?.verdict ?? 'fail',
    kind: result?.kind ?? null,
    executions: result?.executions ?? 0,
    complete: result?.complete ?? false,
    executionsToFailure: result?.executionsToFailure ?? null,
    accesses: result?.accesses ?? 0,
    token: result?.token ?? null,
    message: result?.message ?? crash ?? null,
  };
}
