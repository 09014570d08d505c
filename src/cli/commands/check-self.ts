import { exploreJob } from '../../race/campaign/explore-job.js';
import { ExplorePool } from '../../race/campaign/explore-pool.js';
import { inOrder } from '../../race/campaign/in-order.js';
import { isExpected, SELF_CHECKS, type SelfCheck, selfJob } from '../../race/campaign/self-suite.js';
import { EXIT_FINE, EXIT_FOUND, print, printJson } from '../output.js';
import {
  checkCommand,
  coloured,
  failureReport,
  type SelfChecked,
  selfJson,
  selfLine,
  selfTotal,
} from '../render-check.js';
import type { CheckOptions } from './check-options.js';
import { CheckPages } from './check-pages.js';
import { CheckProgress } from './check-progress.js';
import { selectOwn } from './check-selection.js';

/** `gfp check --self`: explores the own suite, several scenarios at a time, each on one thread. */
export async function checkSelf(options: CheckOptions, jobs: number): Promise<number> {
  const names = new Set(selectOwn(options).map(({ scenario }) => scenario));
  const checks = SELF_CHECKS.filter(({ scenario }) => names.has(scenario.name));
  const pages = new CheckPages(options);
  const all: SelfChecked[] = [];
  await using pool = new ExplorePool(jobs);
  const progress = new CheckProgress(checks.length, 'check');
  const run = async (check: SelfCheck): Promise<SelfChecked> => {
    const job = selfJob(check, options);
    const outcome = await exploreJob(pool, job, 1, progress.watch);
    const command = checkCommand(undefined, check.scenario.name);
    return { check, job, outcome, command, ok: isExpected(check, outcome) };
  };
  try {
    for await (const checked of inOrder(checks, 2 * jobs, run)) {
      progress.next();
      all.push(checked);
      if (options.json !== true) printSelf(checked, options.full);
      if (!checked.ok) pages.write(checked);
    }
  } finally {
    progress.end();
  }
  if (options.json === true) printJson(all.map(selfJson));
  else print(`\n${selfTotal(all)}`);
  return all.every(({ ok }) => ok) ? EXIT_FINE : EXIT_FOUND;
}

function printSelf(checked: SelfChecked, full = false): void {
  print(coloured(selfLine(checked)));
  const report = checked.ok ? undefined : failureReport(checked, full);
  if (report !== undefined) print(`\n${report}`);
}
