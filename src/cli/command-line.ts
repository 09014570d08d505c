import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { addBench } from './commands/bench.js';
import { addCheck } from './commands/check.js';
import { addDemo } from './commands/demo.js';
import { addReplay } from './commands/replay.js';
import { addRun } from './commands/run.js';
import { addStress } from './commands/stress.js';
import { EXIT_USAGE, exitCodeOf, printError } from './output.js';

/**
 * Does what a command line says: finds the subcommand, and turns what it throws into a message and an exit code.
 *
 * @param argv as `process.argv`: Node, the program, and the arguments
 * @returns the exit code
 */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const program = new Command('gfp');
  const { version } = createRequire(import.meta.url)('gfp/package.json') as { version: string };
  program
    .description('A many-CPU NUMA machine with the Linux memory allocators, inside one Node process.')
    .version(version)
    .addHelpText('before', 'Example: gfp run\n')
    .showSuggestionAfterError()
    .exitOverride();
  // Each subcommand says through this what its exit code is.
  const outcome = { exitCode: 0 };
  for (const add of [addRun, addReplay, addStress, addCheck, addDemo, addBench]) add(program, outcome);
  try {
    await program.parseAsync(argv);
    return outcome.exitCode;
  } catch (error) {
    // Commander has printed its message already: help and version are fine, all else is bad usage.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    printError(error);
    return exitCodeOf(error);
  }
}
