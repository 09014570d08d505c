import { expect, test } from 'vitest';
import { explore } from '../../../dist/src/race/explore.js';
import { instrumentedChecks } from './instrumented-checks.js';

const checks = await instrumentedChecks('bugs');
const seeds = [1, 2, 3];

test.each(checks.flatMap((check) => seeds.map((seed) => ({ ...check, name: check.scenario.name, seed }))))(
  '$name is found within 1,000 executions (seed $seed)',
  async ({ scenario, expect: kinds, seed }) => {
    const result = await explore(scenario, { executions: 1_000, seed });
    expect(result.verdict).toBe('fail');
    expect(kinds).toContain(result.kind);
  },
);
