import { expect, it } from 'vitest';
import { type Explored, mergeResults } from '../../../src/race/campaign/merge-results.js';

function part(changes: Partial<Explored['result']>): Explored {
  const result = { name: 'x', verdict: 'pass', complete: false, accesses: 100, ...changes } as const;
  return { result: { executions: 10, executionsPerSecond: 5, ...result }, trace: undefined };
}

it('adds up what the parts did at the same time', () => {
  const { result } = mergeResults([
    part({}),
    part({ executions: 30, executionsPerSecond: 10, complete: true }),
  ]);
  // The longest of them took 3 seconds.
  expect(result).toEqual({
    name: 'x',
    verdict: 'pass',
    complete: true,
    executions: 40,
    accesses: 200,
    executionsPerSecond: 40 / 3,
  });
});

it('takes the failure of the first part that has one, whichever was found first', () => {
  const late = part({ verdict: 'fail', kind: 'race', executionsToFailure: 9, token: 'a' });
  const early = part({ verdict: 'fail', kind: 'deadlock', executionsToFailure: 1, token: 'b' });
  const { result } = mergeResults([part({}), late, early]);
  expect(result).toMatchObject({
    verdict: 'fail',
    kind: 'race',
    executionsToFailure: 9,
    token: 'a',
    executions: 30,
  });
});
