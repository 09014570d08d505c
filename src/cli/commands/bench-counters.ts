import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describeHost } from '../../lab/bench-host.js';
import { parseNameList } from '../../lab/bench-list.js';
import { benchHostLine } from '../../lab/bench-table.js';
import {
  benchCounters,
  COUNTER_BENCH_REPEATS,
  COUNTER_BENCH_SAMPLE_MS,
  COUNTER_READ_EVERY_MS,
  isWrong,
} from '../../lab/counter-bench.js';
import { counterSvg } from '../../lab/counter-bench-svg.js';
import { counterChart, counterTable } from '../../lab/counter-bench-table.js';
import { COUNTER_KIND_NAMES, COUNTER_KINDS } from '../../lab/counter-kind.js';
import { usage } from '../option-values.js';
import {
  EXIT_FINE,
  EXIT_FOUND,
  note,
  type Outcome,
  print,
  printJson,
  UsageError,
  verdict,
} from '../output.js';
import { benchOnMachine } from './bench-machine.js';
import {
  addJsonOption,
  addMachineOptions,
  addRepeatsOption,
  readCpus,
  readRepeats,
  type TypedMachineBench,
} from './bench-options.js';

/** The options as they are typed. */
interface TypedCounters extends TypedMachineBench {
  readonly kinds?: string;
  readonly svg?: string;
}

const EXAMPLE = 'Example: gfp bench counters --kinds guarded,atomic --cpus 1,2 --svg counters.svg\n';

const EXPLANATION = `
Kinds:
${COUNTER_KIND_NAMES.map((kind) => `  ${kind.padEnd(14)} ${COUNTER_KINDS[kind]}`).join('\n')}

Each is measured for each number of CPUs, first with CPUs that only count, then with the first of them also summing
the counter every ${COUNTER_READ_EVERY_MS} ms. ns/inc is time of a host core for one increment, the median of samples of ${COUNTER_BENCH_SAMPLE_MS} ms or more,
with the smallest and largest; speed-up is the throughput as a multiple of one CPU's; inc/Atomics.add compares with a
bare Atomics.add that the first CPU measures just before. In the end the counter must have all increments; only an
unguarded one may lose some.

--json prints { host, machine, settings, rows }:
  host      cpuModel, cores, node, platform
  machine   name, cpus
  settings  repeats, sampleMs, readEveryMs
  rows      kind, cpus, cpuNumbers, reader, oversubscribed, nsPerIncrement, millionPerSecond, atomicAddNs,
            atomicAdds, coreShare, increments, reads, lost, exactPromised;
            nsPerIncrement, millionPerSecond, atomicAddNs are { median, min, max }

Exit code: 0 fine, 1 a sum is wrong or the machine failed, 2 bad usage.`;

/** Adds `gfp bench counters`. */
export function addBenchCounters(bench: Command, outcome: Outcome): void {
  const command = bench
    .command('counters')
    .description('Measure counters: per-CPU ones against shared ones, and how they scale.')
    .addHelpText('before', EXAMPLE)
    .addHelpText('after', EXPLANATION)
    .action(async (typed: TypedCounters) => {
      outcome.exitCode = await countersCommand(typed);
    });
  addMachineOptions(command).option(
    '--kinds <list>',
    `some of ${COUNTER_KIND_NAMES.join(',')} (default: all)`,
  );
  addRepeatsOption(command, COUNTER_BENCH_REPEATS).option('--svg <file>', 'draw throughput against CPUs');
  addJsonOption(command);
}

async function countersCommand(typed: TypedCounters): Promise<number> {
  const { cpus, kinds, repeats } = usage(() => readOptions(typed));
  return await benchOnMachine(typed, cpus, async (machine, name, progress) => {
    const most = machine.onlineCpus().length;
    if (cpus?.some((count) => count > most) === true) {
      throw new UsageError(`--cpus ${typed.cpus ?? ''}: machine ${name} has ${most} CPUs online`);
    }
    const rows = await benchCounters(machine, {
      cpus,
      kinds,
      repeats,
      onRow: (kind, count, index, all) => {
        progress.update(`row ${index + 1} of ${all}: ${kind}, CPUs: ${count}`);
      },
    });
    progress.done();
    const host = describeHost();
    if (typed.svg !== undefined) writeFileSync(typed.svg, counterSvg(rows, host));
    const wrong = rows.filter(isWrong).length;
    if (typed.json === true) {
      const settings = {
        repeats,
        sampleMs: COUNTER_BENCH_SAMPLE_MS,
        readEveryMs: COUNTER_READ_EVERY_MS,
      };
      printJson({ host, machine: { name, cpus: machine.cpus }, settings, rows });
    } else {
      print(`machine ${name}: ${machine.cpus} CPUs\n${benchHostLine(host)}\nmedians of ${repeats} samples\n`);
      print(`${counterTable(rows, host)}\n\n${counterChart(rows)}\n`);
      const fine = 'all sums are exact where they must be';
      print(`sums: ${verdict(wrong === 0, wrong === 0 ? fine : `${wrong} wrong`)}`);
    }
    if (typed.svg !== undefined) note(`drawn: ${typed.svg}`);
    return wrong === 0 ? EXIT_FINE : EXIT_FOUND;
  });
}

function readOptions(typed: TypedCounters) {
  const { kinds } = typed;
  return {
    cpus: readCpus(typed),
    kinds: kinds === undefined ? undefined : parseNameList(kinds, '--kinds', COUNTER_KIND_NAMES),
    repeats: readRepeats(typed, COUNTER_BENCH_REPEATS),
  };
}
