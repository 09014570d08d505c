import { describe, expect, test } from 'vitest';
import { explore } from '../../../dist/src/race/explore.js';
import { instrumentedChecks } from './instrumented-checks.js';

const checks = (await instrumentedChecks('classic')).map((check) => ({
  ...check,
  name: check.scenario.name,
}));

/** More executions than these have would take the test too long: they are a sample. */
const SAMPLED = ['Dekker', 'bakery', 'MCS lock', 'barrier'];
const SAMPLE = 4_000;

describe('right algorithms', () => {
  const right = checks.filter(({ expect: wanted }) => wanted === 'pass');
  const isSampled = (name: string): boolean => SAMPLED.some((algorithm) => name.startsWith(algorithm));

  test.each(right.filter(({ name }) => isSampled(name)))('$name: silent', async ({ scenario }) => {
    const result = await explore(scenario, { executions: SAMPLE });
    expect(result).toMatchObject({ verdict: 'pass', executions: SAMPLE });
  });

  test.each(right.filter(({ name }) => !isSampled(name)))('$name: proven', async ({ scenario }) => {
    const result = await explore(scenario, { exhaustive: true });
    expect(result).toMatchObject({ verdict: 'pass', complete: true });
  });
});

describe('algorithms with a wrong line', () => {
  const wrong = checks.filter(({ expect: wanted }) => wanted !== 'pass');

  test.each(wrong)('$name: caught, and the token replays it', async ({ scenario, expect: kinds }) => {
    const result = await explore(scenario);
    expect(result.verdict).toBe('fail');
    expect(kinds).toContain(result.kind);
    const { kind, message } = await explore(scenario, { replay: result.token });
    expect({ kind, message }).toEqual({ kind: result.kind, message: result.message });
  });
});
