import { exploreJob, type Job } from '../../race/campaign/explore-job.js';
import { ExplorePool } from '../../race/campaign/explore-pool.js';
import { inOrder } from '../../race/campaign/in-order.js';
import { EXIT_FINE, EXIT_FOUND, note, print, printJson } from '../output.js';
import {
  type Checked,
  checkedJson,
  checkedLine,
  coloured,
  failureReport,
  totalLine,
} from '../render-check.js';
import type { CheckOptions } from './check-options.js';
import { CheckPages } from './check-pages.js';
import { CheckProgress } from './check-progress.js';
import { type Selected, selectOwn, selectScenarios } from './check-selection.js';

/** `gfp check FILE...`: explores the scenarios of the files. */
export async function checkFiles(
  files: readonly string[],
  options: CheckOptions,
  jobs: number,
): Promise<number> {
  const pages = new CheckPages(options);
  await using pool = new ExplorePool(jobs);
  const selected = await selectScenarios(pool, files, options);
  return await explore(pool, selected, options, pages);
}

/** `gfp check --self --replay`: repeats an execution of a scenario of the own suite. */
export async function replayOwn(options: CheckOptions): Promise<number> {
  const pages = new CheckPages(options);
  await using pool = new ExplorePool(1);
  return await explore(pool, selectOwn(options), options, pages);
}

async function explore(
  pool: ExplorePool,
  selected: readonly Selected[],
  options: CheckOptions,
  pages: CheckPages,
): Promise<number> {
  const { strategy, executions, seconds, seed, exhaustive, replay, json } = options;
  const progress = new CheckProgress(selected.length, 'scenario');
  const all: Checked[] = [];
  const check = async ({ file, scenario, command }: Selected): Promise<Checked> => {
    const job: Job = { file, scenario, options: { strategy, executions, seconds, seed, exhaustive, replay } };
    return { job, command, outcome: await exploreJob(pool, job, pool.jobs, progress.watch) };
  };
  try {
    for await (const checked of inOrder(selected, 2 * pool.jobs, check)) {
      progress.next();
      if (json !== true) {
        if (all.at(-1)?.outcome.result?.verdict !== 'pass' && all.length > 0) print('\n');
        printChecked(checked, selected, options);
      }
      all.push(checked);
      pages.write(checked);
    }
  } finally {
    progress.end();
  }
  if (json === true) printJson(all.map(checkedJson));
  else if (all.length > 1) print(`\n${totalLine(all)}`);
  return all.every((checked) => isFine(checked, exhaustive)) ? EXIT_FINE : EXIT_FOUND;
}

function printChecked(checked: Checked, selected: readonly Selected[], options: CheckOptions): void {
  const report = failureReport(checked, options.full ?? false);
  // A replay prints what the exploration printed, byte for byte.
  if (options.replay !== undefined && report !== undefined) {
    print(report);
    return;
  }
  const width = Math.max(...selected.map(({ scenario }) => scenario.length));
  print(coloured(checkedLine(checked, width)));
  if (report !== undefined) print(`\n${report}`);
}

/** A pass, and a complete one if everything was to be explored. */
function isFine({ job, outcome }: Checked, exhaustive = false): boolean {
  if (outcome.result?.verdict !== 'pass') return false;
  if (!exhaustive || outcome.result.complete) return true;
  note(`scenario '${job.scenario}': not everything was explored, as --exhaustive wants`);
  return false;
}
