import { RaceUsageError } from '../race-error.js';
import type { ExplorePool } from './explore-pool.js';
import { type Explored, mergeResults } from './merge-results.js';
import { Pulse } from './pulse.js';
import { splitOptions } from './split-options.js';
import type { UnitAnswer, UnitOptions } from './unit.js';

/** A scenario that is to be explored. */
export interface Job {
  readonly file: string;
  readonly scenario: string;
  readonly options: UnitOptions;
}

/** What became of a job: what was found, or how the scenario crashed. */
export type JobOutcome =
  | ({ readonly crash?: undefined } & Explored)
  | { readonly crash: string; readonly result?: undefined; readonly trace?: undefined };

/**
 * Explores a scenario on at most `threads` threads of the pool. What one of them finds ends the work of the others.
 *
 * @param onPulse told what watches each part
 * @throws RaceUsageError when the scenario or an option is wrong
 */
export async function exploreJob(
  pool: ExplorePool,
  job: Job,
  threads: number,
  onPulse: (pulse: Pulse) => void = () => {},
): Promise<JobOutcome> {
  const { file, scenario } = job;
  const parts = splitOptions(job.options, threads).map((options) => ({ options, pulse: new Pulse() }));
  const answers = await Promise.all(
    parts.map(async ({ options, pulse }) => {
      onPulse(pulse);
      const answer = await pool.run({ file, explore: { scenario, options } }, pulse);
      if (endsOthers(answer)) for (const other of parts) other.pulse.stop();
      return answer;
    }),
  );
  return outcomeOf(job, answers);
}

/** Whether there is nothing left for the other parts to do. */
function endsOthers(answer: UnitAnswer): boolean {
  return answer.kind !== 'explored' || answer.result.verdict === 'fail' || answer.result.complete;
}

function outcomeOf({ file, scenario }: Job, answers: readonly UnitAnswer[]): JobOutcome {
  const explored: Explored[] = [];
  let crash: string | undefined;
  for (const answer of answers) {
    if (answer.kind === 'refused') throw new RaceUsageError(answer.message);
    if (answer.kind === 'crashed') crash ??= answer.message;
    if (answer.kind === 'explored') explored.push(answer);
  }
  const [first, ...others] = explored;
  const hasFailed = explored.some(({ result }) => result.verdict === 'fail');
  if (crash !== undefined && !hasFailed) return { crash: `scenario '${scenario}' of ${file}: ${crash}` };
  return mergeResults([first, ...others]);
}

/**
 * The names of the scenarios of a file, in order.
 *
 * @throws RaceUsageError when the file is wrong
 */
export async function listScenarios(pool: ExplorePool, file: string): Promise<readonly string[]> {
  const answer = await pool.run({ file });
  if (answer.kind === 'names') return answer.names;
  if (answer.kind === 'refused') throw new RaceUsageError(answer.message);
  throw new RaceUsageError(`${file} cannot be loaded: ${'message' in answer ? answer.message : answer.kind}`);
}
