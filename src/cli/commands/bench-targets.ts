import type { Command } from 'commander';
import { describeHost } from '../../lab/bench-host.js';
import { benchHostLine } from '../../lab/bench-table.js';
import { type TargetRow, targetTable } from '../../lab/target-table.js';
import { usage } from '../option-values.js';
import { EXIT_FINE, type Outcome, print, printJson, Progress } from '../output.js';
import { addJsonOption, addRepeatsOption, readRepeats, type TypedBench } from './bench-options.js';

/** A bench without a choice of machine, whose rows stand beside what they should be. */
export interface TargetBench {
  readonly name: string;
  readonly description: string;
  readonly example: string;
  readonly explanation: string;
  /** Samples of each row without `--repeats`. */
  readonly repeats: number;
  /** What else `--json` prints of how it measures. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** @param onRow called with the name of what is measured next */
  readonly measure: (repeats: number, onRow: (name: string) => void) => Promise<readonly TargetRow[]>;
}

/** Adds `gfp bench <name>`. */
export function addTargetBench(bench: Command, outcome: Outcome, target: TargetBench): void {
  const command = bench
    .command(target.name)
    .description(target.description)
    .addHelpText('before', target.example)
    .addHelpText('after', target.explanation)
    .action(async (typed: TypedBench) => {
      await runTargetBench(typed, target);
      outcome.exitCode = EXIT_FINE;
    });
  addJsonOption(addRepeatsOption(command, target.repeats));
}

async function runTargetBench(typed: TypedBench, target: TargetBench): Promise<void> {
  const repeats = usage(() => readRepeats(typed, target.repeats));
  const progress = new Progress();
  const host = describeHost();
  try {
    const rows = await target.measure(repeats, (name) => {
      progress.update(name);
    });
    progress.done();
    if (typed.json === true) printJson({ host, settings: { repeats, ...target.settings }, rows });
    else print(`${benchHostLine(host)}\nmedians of ${repeats} samples\n\n${targetTable(rows)}`);
  } finally {
    progress.done();
  }
}
