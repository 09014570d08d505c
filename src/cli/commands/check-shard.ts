import { exploreJob, type JobOutcome } from '../../race/campaign/explore-job.js';
import { ExplorePool } from '../../race/campaign/explore-pool.js';
import { inOrder } from '../../race/campaign/in-order.js';
import { seedResult } from '../../race/campaign/seed-line.js';
import { type Shard, shardSeeds } from '../../race/campaign/shard.js';
import { isSystematic } from '../../race/campaign/split-options.js';
import { WholeFile } from '../../race/campaign/whole-file.js';
import { EXIT_FINE, EXIT_FOUND, print, UsageError } from '../output.js';
import { amount } from '../render-number.js';
import { seedFailureLine } from '../render-check.js';
import type { CheckOptions } from './check-options.js';
import { checkFolder } from './check-pages.js';
import { CheckProgress } from './check-progress.js';
import { type Selected, selectScenarios } from './check-selection.js';

/** What makes a part of a campaign. */
export interface ShardOptions extends CheckOptions {
  readonly seedFrom: number;
  readonly count: number;
  readonly out: string;
}

/** A scenario with a seed. */
interface Sample {
  readonly selected: Selected;
  readonly seed: number;
}

/** `gfp check --out`: one part of a campaign over many seeds, which gives the same file each time. */
export async function checkShard(
  files: readonly string[],
  options: ShardOptions,
  jobs: number,
): Promise<number> {
  const { shard = { index: 1, of: 1 }, seedFrom, count, out } = options;
  checkCampaign(options);
  await using pool = new ExplorePool(jobs);
  const selected = await selectScenarios(pool, files, options);
  const seeds = Math.ceil((count - shard.index + 1) / shard.of);
  const all = selected.length * Math.max(0, seeds);
  const progress = new CheckProgress(all, 'exploration');
  const file = new WholeFile(out);
  let failures = 0;
  try {
    const explore = (sample: Sample): Promise<[Sample, JobOutcome]> => exploreSample(pool, sample, options);
    for await (const [sample, outcome] of inOrder(
      samples(selected, shard, seedFrom, count),
      4 * jobs,
      explore,
    )) {
      progress.next();
      const result = seedResult(sample.selected.file, sample.selected.scenario, sample.seed, outcome);
      file.write(`${JSON.stringify(result)}\n`);
      if (result.verdict === 'pass') continue;
      failures++;
      print(seedFailureLine(result, sample.selected.command));
    }
    file.finish();
  } catch (error) {
    file.discard();
    throw error;
  } finally {
    progress.end();
  }
  print(`${out}: ${amount(all, 'exploration')}, ${amount(failures, 'failure')}`);
  return failures === 0 ? EXIT_FINE : EXIT_FOUND;
}

function checkCampaign({ out, strategy }: ShardOptions): void {
  checkFolder('--out', out);
  if (isSystematic(strategy)) {
    throw new UsageError(
      `--strategy ${strategy ?? ''}: it does the same with every seed, there is nothing to divide`,
    );
  }
}

function* samples(
  scenarios: readonly Selected[],
  shard: Shard,
  from: number,
  count: number,
): Generator<Sample, void, undefined> {
  for (const selected of scenarios) {
    for (const seed of shardSeeds(shard, from, count)) yield { selected, seed };
  }
}

async function exploreSample(
  pool: ExplorePool,
  sample: Sample,
  { strategy, executions, seedFrom }: ShardOptions,
): Promise<[Sample, JobOutcome]> {
  const { file, scenario } = sample.selected;
  // What is done systematically is the same with every seed: it belongs to the first one, with execution 0.
  const firstExecution = sample.seed === seedFrom ? 0 : 1;
  const options = { strategy, executions, seed: sample.seed, firstExecution };
  return [sample, await exploreJob(pool, { file, scenario, options }, 1)];
}
