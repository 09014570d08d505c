import type { Command } from 'commander';
import { NR_CPUS } from '../../kernel/core/limits.js';
import { parseNumberList } from '../../lab/bench-list.js';
import { benchMachine } from '../../lab/bench-machine.js';
import { loadHardware } from '../../machine/config-load.js';
import type { MachineConfig } from '../../machine/config-types.js';
import { DEFAULT_PRESET } from '../../machine/presets.js';

/** Most samples of a row: more than that is a mistake in typing. */
const MAX_REPEATS = 1000;

/** The options of all benches, as they are typed. */
export interface TypedBench {
  readonly repeats?: string;
  readonly json?: boolean;
}

/** The options of a bench that runs on a machine, as they are typed. */
export interface TypedMachineBench extends TypedBench {
  readonly machine?: string;
  readonly cpus?: string;
}

/**
 * Adds the options that say which machine, and how many of its CPUs.
 *
 * @param usual which numbers of CPUs are measured when none are given
 */
export function addMachineOptions(command: Command, usual = '1, 2, 4 ... all'): Command {
  return command
    .option(
      '--machine <preset|file>',
      `machine (default: ${DEFAULT_PRESET}, with as many CPUs as --cpus asks for)`,
    )
    .option('--cpus <list>', `numbers of CPUs, such as 1,2,4 or 1-4 (default: ${usual})`);
}

/** Adds `--repeats`. */
export function addRepeatsOption(command: Command, repeats: number): Command {
  return command.option('--repeats <n>', `samples of each row (default: ${repeats})`);
}

/** Adds `--json`. */
export function addJsonOption(command: Command): Command {
  return command.option('--json', 'print JSON');
}

/**
 * The numbers of CPUs that are wanted; undefined: the bench's own.
 *
 * @throws {RangeError} if the text says something else
 */
export function readCpus({ cpus }: TypedMachineBench): number[] | undefined {
  return cpus === undefined ? undefined : parseNumberList(cpus, '--cpus', 1, NR_CPUS);
}

/**
 * How many samples of each row are wanted.
 *
 * @param usual how many without the option
 * @throws {RangeError} if the text is no such number
 */
export function readRepeats({ repeats: text }: TypedBench, usual: number): number {
  if (text === undefined) return usual;
  const repeats = /^\d+$/.test(text) ? Number(text) : 0;
  if (repeats >= 1 && repeats <= MAX_REPEATS) return repeats;
  throw new RangeError(`--repeats ${text} is wrong; right is a number from 1 to ${MAX_REPEATS}`);
}

/** The machine to boot: the user's, the default one, or one like it with more CPUs. */
export function chooseMachine(
  { machine }: TypedMachineBench,
  cpus: readonly number[] = [],
): { config: string | MachineConfig; name: string } {
  if (machine !== undefined) return { config: machine, name: machine };
  const most = Math.max(0, ...cpus);
  const isLarger = most > loadHardware(DEFAULT_PRESET).cpuNodes.length;
  if (!isLarger) return { config: DEFAULT_PRESET, name: DEFAULT_PRESET };
  return { config: benchMachine(most), name: `${DEFAULT_PRESET} with more CPUs` };
}
