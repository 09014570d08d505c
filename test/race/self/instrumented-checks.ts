import { loadScenarios } from '../../../dist/src/race/campaign/load-scenarios.js';
import { SELF_CHECKS } from '../../../dist/src/race/self/index.js';
import type { SelfCheck } from '../../../dist/src/race/self/self-check.js';

const INDEX = new URL('../../../dist/src/race/self/index.js', import.meta.url);

/** The checks of a part of the suite, with scenarios that can be explored: loaded as `gfp check --self` loads them. */
export async function instrumentedChecks(group: string): Promise<SelfCheck[]> {
  const scenarios = await loadScenarios(INDEX);
  return SELF_CHECKS.map((check, i) => ({ ...check, scenario: scenarios[i] })).filter(
    (check) => check.group === group,
  );
}
