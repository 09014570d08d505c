import { expect, it } from 'vitest';
import { summaryLine } from '../../../src/race/report/summary.js';
import type { ExploreResult } from '../../../src/race/result.js';

const passed: ExploreResult = {
  name: 'two pushers',
  verdict: 'pass',
  executions: 1234,
  complete: true,
  accesses: 56_789,
  executionsPerSecond: 4113.3,
};

const failed: ExploreResult = {
  ...passed,
  verdict: 'fail',
  kind: 'race',
  executions: 3,
  complete: false,
  executionsToFailure: 3,
  token: 'g1.7f3a.0x2-1x_',
  message: 'thread 1 reads i32[3] while thread 0 writes it',
};

it('says how much a pass is worth', () => {
  expect(summaryLine(passed)).toBe('pass  two pushers  1,234 executions (complete)  0.3 s');
  expect(summaryLine({ ...passed, complete: false, executions: 1 })).toBe(
    'pass  two pushers  1 execution  0.0 s',
  );
});

it('leaves out the time when nothing was measured', () => {
  expect(summaryLine({ ...passed, executions: 0, complete: false, executionsPerSecond: 0 })).toBe(
    'pass  two pushers  0 executions',
  );
});

it('says what a failure is, and how soon it came', () => {
  expect(summaryLine(failed)).toBe('FAIL  two pushers  race             after 3 executions');
  expect(summaryLine({ ...failed, executions: 900, executionsToFailure: 1 })).toContain('after 1 execution');
});

it('is aligned with other lines, and names the strategy', () => {
  const layout = { nameWidth: 14, strategy: 'dpor' };
  expect(summaryLine(passed, layout)).toBe('pass  two pushers     dpor  1,234 executions (complete)  0.3 s');
  expect(summaryLine(failed, layout)).toBe('FAIL  two pushers     dpor  race             after 3 executions');
});
