import type { Command } from 'commander';
import { describeHost } from '../../lab/bench-host.js';
import { benchHostLine } from '../../lab/bench-table.js';
import {
  benchSwitch,
  IDLE_SAMPLE_SECONDS,
  SWITCH_BENCH_CPUS,
  SWITCH_BENCH_REPEATS,
  SWITCH_BENCH_ROUNDS,
} from '../../lab/switch-bench.js';
import { targetTable } from '../../lab/target-table.js';
import { usage } from '../option-values.js';
import { EXIT_FINE, type Outcome, print, printJson, Progress } from '../output.js';
import { addJsonOption, addRepeatsOption, readRepeats, type TypedBench } from './bench-options.js';

const EXAMPLE = 'Example: gfp bench switch --repeats 9\n';

const EXPLANATION = `
On a machine of ${SWITCH_BENCH_CPUS} CPUs: the time in which a CPU passes from one task to the next, each with a thread of its own; the
time from up() to the end of down() in another task; the same between two bare threads, which nothing can be faster
than; and the CPU time that the process takes in ${IDLE_SAMPLE_SECONDS} s with an idle machine, and without one. A sample is the median of ${SWITCH_BENCH_ROUNDS} rounds.
Medians of samples, smallest and largest, and what the median should be.

--json prints { host, settings, rows }:
  host      cpuModel, cores, node, platform
  settings  repeats, rounds, idleSampleSeconds
  rows      name, unit (s), median, min, max, target (null: none), met

Exit code: 0 measured, whether or not the targets are met, 1 something failed, 2 bad usage.`;

/** Adds `gfp bench switch`. */
export function addBenchSwitch(bench: Command, outcome: Outcome): void {
  const command = bench
    .command('switch')
    .description('Measure context switches between tasks, and what an idle machine costs.')
    .addHelpText('before', EXAMPLE)
    .addHelpText('after', EXPLANATION)
    .action(async (typed: TypedBench) => {
      outcome.exitCode = await switchCommand(typed);
    });
  addJsonOption(addRepeatsOption(command, SWITCH_BENCH_REPEATS));
}

async function switchCommand(typed: TypedBench): Promise<number> {
  const repeats = usage(() => readRepeats(typed, SWITCH_BENCH_REPEATS));
  const progress = new Progress();
  const host = describeHost();
  try {
    const rows = await benchSwitch(repeats, (name) => progress.update(name));
    progress.done();
    const settings = {
      repeats,
      rounds: SWITCH_BENCH_ROUNDS,
      idleSampleSeconds: IDLE_SAMPLE_SECONDS,
    };
    if (typed.json === true) printJson({ host, settings, rows });
    else print(`${benchHostLine(host)}\nmedians of ${repeats} samples\n\n${targetTable(rows)}`);
    return EXIT_FINE;
  } finally {
    progress.done();
  }
}
