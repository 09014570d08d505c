import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseShard, type Shard } from '../../race/campaign/shard.js';
import { parseStrategyName, StrategyNameError } from '../../race/strategies/index.js';
import { parseSeconds, wholeNumber } from '../option-values.js';
import { UsageError } from '../output.js';

const MAX_EXECUTIONS = 1e12;
const MAX_SEED = 2 ** 32 - 1;
const MAX_SEEDS = 1e9;
const MAX_JOBS = 256;

/** The options of `gfp check` as they are typed; what was not given is undefined. */
export interface CheckOptions {
  readonly scenario?: string;
  readonly strategy?: string;
  readonly executions?: number;
  readonly seconds?: number;
  readonly seed?: number;
  readonly exhaustive?: true;
  readonly replay?: string;
  readonly self?: true;
  readonly jobs?: number;
  readonly json?: true;
  readonly html?: string;
  readonly full?: true;
  readonly shard?: Shard;
  readonly seedFrom?: number;
  readonly count?: number;
  readonly out?: string;
}

type Name = keyof CheckOptions;

/** Adds the options to the command. */
export function addCheckOptions(command: Command): Command {
  return command
    .option('--scenario <name>', 'only the scenario of this name')
    .option('--strategy <name>', 'how schedules are chosen (default: portfolio)', parseStrategy)
    .option(
      '--executions <n>',
      'at most so many executions of each scenario (default: 10000, or no limit with --seconds or --exhaustive)',
      wholeNumber(1, MAX_EXECUTIONS),
    )
    .option('--seconds <s>', 'explore each scenario for so long', parseSeconds)
    .option('--seed <x>', 'of the random numbers (default: 1)', wholeNumber(0, MAX_SEED))
    .option('--exhaustive', 'every interleaving, by dpor')
    .option('--replay <token>', 'repeat one execution')
    .option('--self', "check the explorer and gfp's kernel with their own suite, no FILE")
    .option('--jobs <n>', 'threads that explore (default: as many as cores)', wholeNumber(1, MAX_JOBS))
    .option('--json', 'print JSON')
    .option('--html <file>', 'write the report of a failure as a page, too')
    .option('--full', 'reports leave out nothing, also not what a thread does in memory of its own')
    .addOption(new Option('--shard <i/n>', 'of the seeds every n-th, from the i-th on').argParser(readShard))
    .option('--seed-from <a>', 'the first seed of a campaign', wholeNumber(0, MAX_SEED))
    .option('--count <n>', 'how many seeds the campaign has', wholeNumber(1, MAX_SEEDS))
    .option('--out <file>', 'write a line of JSON for each scenario and seed');
}

function parseStrategy(text: string): string {
  try {
    parseStrategyName(text);
    return text;
  } catch (error) {
    if (error instanceof StrategyNameError) throw new InvalidArgumentError(`${error.message}.`);
    throw error;
  }
}

function readShard(text: string): Shard {
  const shard = parseShard(text);
  if (shard !== undefined) return shard;
  throw new InvalidArgumentError('It must be i/n, from 1/n to n/n, such as 1/4.');
}

const CAMPAIGN: readonly Name[] = ['shard', 'seedFrom', 'count', 'out'];

/** Options that say something which leaves no sense to others, and why. */
const ALONE: readonly (readonly [Name, why: string, others: readonly Name[]])[] = [
  [
    'replay',
    'repeats one execution',
    ['strategy', 'executions', 'seconds', 'seed', 'exhaustive', 'jobs', ...CAMPAIGN],
  ],
  ['exhaustive', 'explores everything, by dpor', ['strategy', 'seed']],
  ['self', 'has its own scenarios and strategies', ['strategy', 'executions', 'exhaustive', ...CAMPAIGN]],
  [
    'out',
    'has results that depend on the seed alone, in a file of their own',
    ['seed', 'seconds', 'exhaustive', 'json', 'html', 'full'],
  ],
];

/**
 * Refuses options that make no sense together.
 *
 * @throws UsageError that names them
 */
export function checkTogether(files: readonly string[], options: CheckOptions): void {
  for (const [name, why, others] of ALONE) {
    if (options[name] === undefined) continue;
    const wrong = others.find((other) => options[other] !== undefined);
    if (wrong !== undefined) throw new UsageError(`${flag(name)} ${why}: leave ${flag(wrong)} out`);
  }
  const given = CAMPAIGN.find((name) => options[name] !== undefined);
  const missing = (['seedFrom', 'count', 'out'] as const).find((name) => options[name] === undefined);
  if (given !== undefined && missing !== undefined) {
    throw new UsageError(
      `${flag(given)} is for campaigns, which need --seed-from, --count and --out: ${flag(missing)} is missing`,
    );
  }
  if (options.self === true && files.length > 0) {
    throw new UsageError('--self has its own scenarios: leave the files out');
  }
  if (options.self !== true && files.length === 0) {
    throw new UsageError('name a file with scenarios, or use --self');
  }
}

function flag(name: Name): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
