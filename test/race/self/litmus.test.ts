import { expect, test } from 'vitest';
import { explore } from '../../../dist/src/race/explore.js';
import { instrumentedChecks } from './instrumented-checks.js';

const checks = await instrumentedChecks('litmus');

test.each(checks.map((check) => ({ ...check, name: check.scenario.name })))(
  '$name: $executions executions',
  async ({ scenario, executions }) => {
    const result = await explore(scenario, { strategy: 'dpor' });
    expect(result).toMatchObject({ verdict: 'pass', complete: true, executions });
  },
);
