import type { Scenario } from '../scenario.js';
import { BUGS } from './bugs/bugs.js';
import { CLASSICS } from './classic/classics.js';
import { KERNEL_CHECKS } from './kernel/index.js';
import { LITMUS } from './litmus.js';
import type { SelfCheck } from './self-check.js';

function litmusChecks(): SelfCheck[] {
  const checks: SelfCheck[] = [];
  for (const { scenario, executions } of LITMUS) {
    checks.push({ group: 'litmus', scenario, expect: 'pass', executions });
  }
  return checks;
}

function classicChecks(): SelfCheck[] {
  const checks: SelfCheck[] = [];
  for (const { right, mutants } of CLASSICS) {
    checks.push({ group: 'classic', scenario: right, expect: 'pass' });
    for (const { scenario, kinds } of mutants) checks.push({ group: 'classic', scenario, expect: kinds });
  }
  return checks;
}

function bugChecks(): SelfCheck[] {
  const checks: SelfCheck[] = [];
  for (const { scenario, kinds } of BUGS) checks.push({ group: 'bugs', scenario, expect: kinds });
  return checks;
}

function kernelChecks(): SelfCheck[] {
  const checks: SelfCheck[] = [];
  for (const { scenario, expect } of KERNEL_CHECKS) checks.push({ group: 'kernel', scenario, expect });
  return checks;
}

/** All that the explorer is checked with. Names of scenarios are unique. */
export const SELF_CHECKS: readonly SelfCheck[] = [
  ...litmusChecks(),
  ...classicChecks(),
  ...bugChecks(),
  ...kernelChecks(),
];

function scenariosOf(checks: readonly SelfCheck[]): Scenario[] {
  const scenarios: Scenario[] = [];
  for (const check of checks) scenarios.push(check.scenario);
  return scenarios;
}

/** The scenarios alone, in the same order: so this file is one that `gfp check` can explore. */
export default scenariosOf(SELF_CHECKS);
