import type { Command } from 'commander';
import { DEMOS } from '../../lab/demo.js';
import { Machine } from '../../machine/machine.js';
import { DEFAULT_PRESET } from '../../machine/presets.js';
import { EXIT_FINE, EXIT_FOUND, type Outcome, print, printJson, UsageError, verdict } from '../output.js';
import { machineFacts, machineLine } from '../render-machine.js';

const EXAMPLE = 'Example: gfp demo irq-race\n';

const NAMES = Object.keys(DEMOS);

const EXPLANATION = `
Each demonstration boots a machine, does what it is about, and prints what happened and why:
${NAMES.map((name) => `  ${name.padEnd(16)} ${DEMOS[name].summary}`).join('\n')}

--json prints { machine, name, lines, asExpected }.

Exit code: 0 it happened as it has to, 1 it did not, 2 bad usage.`;

/** Adds `gfp demo`. */
export function addDemo(program: Command, outcome: Outcome): void {
  program
    .command('demo')
    .description('Show what happens in a kernel, and why.')
    .argument('<name>', `one of ${NAMES.join(', ')}`)
    .option('--json', 'print JSON', false)
    .addHelpText('before', EXAMPLE)
    .addHelpText('after', EXPLANATION)
    .action(async (name: string, options: { readonly json: boolean }) => {
      outcome.exitCode = await demoCommand(name, options.json);
    });
}

async function demoCommand(name: string, json: boolean): Promise<number> {
  if (!Object.hasOwn(DEMOS, name)) {
    throw new UsageError(`there is no demonstration '${name}': it is one of ${NAMES.join(', ')}`);
  }
  await using machine = await Machine.boot(DEFAULT_PRESET);
  const facts = machineFacts(machine, DEFAULT_PRESET);
  const { lines, asExpected } = await DEMOS[name].run(machine);
  if (json) {
    printJson({ machine: facts, name, lines, asExpected });
  } else {
    print(`${machineLine(facts)}\n`);
    print(lines.join('\n'));
    print(`\n${verdict(asExpected, asExpected ? 'as it has to be' : 'NOT as it has to be')}`);
  }
  return asExpected ? EXIT_FINE : EXIT_FOUND;
}
