import { expect, test } from 'vitest';
import { FAILURE_KINDS } from '../../../src/race/engine/failure.js';
import scenarios, { SELF_CHECKS } from '../../../src/race/self/index.js';

test('names of scenarios are unique: a token belongs to one of them', () => {
  const names = SELF_CHECKS.map(({ scenario }) => scenario.name);
  expect(new Set(names).size).toBe(names.length);
});

test('every check that expects a failure says which', () => {
  for (const { expect: wanted } of SELF_CHECKS) {
    if (wanted === 'pass') continue;
    expect(wanted.length).toBeGreaterThan(0);
    expect(FAILURE_KINDS).toEqual(expect.arrayContaining([...wanted]));
  }
});

test('the default export has the scenarios in the order of the checks', () => {
  expect(scenarios).toEqual(SELF_CHECKS.map(({ scenario }) => scenario));
});
