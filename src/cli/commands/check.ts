import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { SILENT_EXECUTIONS } from '../../race/campaign/self-suite.js';
import { RaceUsageError } from '../../race/race-error.js';
import { TokenError } from '../../race/report/token.js';
import { type Outcome, UsageError } from '../output.js';
import { checkFiles, replayOwn } from './check-files.js';
import { addCheckOptions, type CheckOptions, checkTogether } from './check-options.js';
import { checkSelf } from './check-self.js';
import { checkShard } from './check-shard.js';

const EXAMPLE = 'Example: gfp check stack.ts --seconds 10\n';

const EXPLANATION = `
Explores the interleavings of scenarios. A FILE is an ES module (.js, .mjs, .ts, .mts) whose default export is a
scenario or an array of scenarios; it and what it imports is transformed on the fly. A line tells what became of each
scenario. For a failure follows a report: its cause, who did what in which order, and the command that replays it.

Strategies:
  portfolio   all schedules with at most one preemption, then the others in turn (the default)
  dfs, dfs:N  every schedule, with at most N preemptions
  dpor        every schedule that differs in what is read and in the order of writes
  random      any thread goes on
  pct:D       few switches at places chosen by chance: finds bugs of depth D
  pos, surw   by chance, so that orders of accesses, or of each thread's steps, are alike likely

A scenario that passes "(complete)" has no interleaving that was not explored; any other pass is about the executions
that were run. --exhaustive fails when its budget ends before that. --seconds is for each scenario, with all threads.
Threads share a budget of more than 50,000 executions: the same seed and the same number of threads (--jobs) explore
the same. A smaller budget is one thread's, and does not depend on --jobs.

--self explores the own suite, several scenarios at a time: "ok" is what was expected. Scenarios that have to stay
silent are explored for ${SILENT_EXECUTIONS.toLocaleString('en-US')} executions each, or --seconds each.

Campaigns: --shard i/n --seed-from A --count N --out FILE explores with the seeds A to A+N-1 those with
(seed - A) mod n = i - 1, and writes FILE, which is the same each time. Its lines have file, name, seed, verdict, kind,
executions, complete, executionsToFailure, accesses, token, message. What is systematic in the portfolio belongs to
seed A.

--json prints an array with, for each scenario, { name, verdict, kind, executions, complete, executionsToFailure,
accesses, executionsPerSecond, token, message }:
  verdict              pass or fail
  kind                 of the failure: assertion, race, deadlock, ... null on pass, and when the scenario crashed
  executions           that were run; executionsToFailure: number of the one that failed, from 1, on its thread
  complete             whether no interleaving is left
  accesses             to shared memory, in all executions
  token                replays the failure: gfp check FILE --replay TOKEN
  message              the cause in a line
With --self each has also { group, expected, ok }.

Exit code: 0 fine, 1 a scenario failed or crashed, or not what --self expected, 2 bad usage, or a file, scenario or
token that is wrong.`;

/** Adds `gfp check`. */
export function addCheck(program: Command, outcome: Outcome): void {
  const command = program
    .command('check')
    .description(
      'Explore the interleavings of code on shared memory: find races, deadlocks and wrong results.',
    )
    .argument('[file...]', 'modules with scenarios');
  addCheckOptions(command)
    .addHelpText('before', EXAMPLE)
    .addHelpText('after', EXPLANATION)
    .action(async (files: string[], options: CheckOptions) => {
      outcome.exitCode = await checkCommand(files, options);
    });
}

async function checkCommand(files: readonly string[], options: CheckOptions): Promise<number> {
  checkTogether(files, options);
  const jobs = options.jobs ?? availableParallelism();
  try {
    return await run(files, options, jobs);
  } catch (error) {
    if (error instanceof RaceUsageError || error instanceof TokenError) throw new UsageError(error.message);
    throw error;
  }
}

function run(files: readonly string[], options: CheckOptions, jobs: number): Promise<number> {
  const { seedFrom, count, out } = options;
  if (options.self === true) {
    return options.replay === undefined ? checkSelf(options, jobs) : replayOwn(options);
  }
  if (seedFrom !== undefined && count !== undefined && out !== undefined) {
    return checkShard(files, { ...options, seedFrom, count, out }, jobs);
  }
  return checkFiles(files, options, options.replay === undefined ? jobs : 1);
}
