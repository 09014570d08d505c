import type { Command } from 'commander';
import { NR_CPUS } from '../../kernel/core/limits.js';
import { type BenchHost, describeHost } from '../../lab/bench-host.js';
import { parseNameList, parseNumberList } from '../../lab/bench-list.js';
import { benchMachine } from '../../lab/bench-machine.js';
import { BENCH_REPEATS, BENCH_SAMPLE_MS, benchPlan, type BenchRow } from '../../lab/bench-pages.js';
import {
  BENCH_MAX_ORDER,
  type BenchPlan,
  type BenchSelection,
  planBench,
  type SkippedRow,
} from '../../lab/bench-plan.js';
import { benchHostLine, benchTable } from '../../lab/bench-table.js';
import { BENCH_WORKLOAD_NAMES, BENCH_WORKLOADS } from '../../lab/bench-workload.js';
import {
  benchRace,
  RACE_BENCH_REPEATS,
  RACE_BENCH_SAMPLE_SECONDS,
  RACE_BENCH_STRATEGY,
} from '../../lab/race-bench.js';
import { raceBenchTable } from '../../lab/race-bench-table.js';
import { loadHardware } from '../../machine/config-load.js';
import { sumBytes } from '../../machine/config-memory.js';
import type { MachineConfig } from '../../machine/config-types.js';
import { Machine } from '../../machine/machine.js';
import { DEFAULT_PRESET } from '../../machine/presets.js';
import {
  EXIT_FINE,
  EXIT_FOUND,
  note,
  type Outcome,
  print,
  printJson,
  Progress,
  UsageError,
  verdict,
} from '../output.js';
import { addBenchCounters } from './bench-counters.js';

/** Most samples of a row: more than that is a mistake in typing. */
const MAX_REPEATS = 1000;

/** The options as they are typed. */
interface Typed {
  readonly machine?: string;
  readonly cpus?: string;
  readonly workload?: string;
  readonly orders?: string;
  readonly repeats?: string;
  readonly json?: boolean;
}

/** The options as they are meant. */
interface Wanted extends BenchSelection {
  readonly machine: string | undefined;
  readonly repeats: number;
  readonly json: boolean;
}

const EXAMPLE = 'Example: gfp bench pages --workload bulk,repeat --orders 0,9 --cpus 1,2,16\n';

const EXPLANATION = `
Workloads:
${BENCH_WORKLOAD_NAMES.map((name) => `  ${name.padEnd(8)} ${BENCH_WORKLOADS[name]}`).join('\n')}

A pair is an allocation and its free. ns/pair is time of a host core, the median of the samples of
${BENCH_SAMPLE_MS} ms or more, with the smallest and largest. Just before each sample the first CPU measures a bare
Atomics.add and an uncontended lock and unlock; pair/Atomics.add is the median of the samples' ratios.
CPUs are taken from all nodes in turn and use memory of their own node.

--json prints { host, machine, settings, rows, skipped, audit }:
  host      cpuModel, cores, node, platform
  machine   name, nodes, cpus, memory (bytes)
  settings  repeats, sampleMs
  rows      workload, order, cpus, cpuNumbers, oversubscribed, blocks, nsPerPair, millionPairsPerSecond,
            atomicAddNs, lockNs, atomicAdds, coreShare, pairs, pagesAllocated, pagesFreed,
            failures;
            nsPerPair, millionPairsPerSecond, atomicAddNs, lockNs are { median, min, max }
  skipped   workload, order, cpus, reason: rows that this machine cannot have
  audit     violations: how many the audit of the machine found afterwards

Exit code: 0 fine, 1 the audit found a violation or the machine failed, 2 bad usage.`;

const RACE_EXAMPLE = 'Example: gfp bench race --repeats 9\n';

const RACE_EXPLANATION = `
On one thread: accesses to shared memory and executions a second, of three threads that take nodes from a free list
under a lock and give them back, scheduled by ${RACE_BENCH_STRATEGY}, in samples of ${RACE_BENCH_SAMPLE_SECONDS} s; the time to take back an execution
on a machine of 16 MiB in which 100 words were changed; the time that the kernel takes to be loaded in a form that can
be explored, with an empty cache and with a full one. Medians, smallest and largest, and what the median should be.

--json prints { host, settings, rows }:
  host      cpuModel, cores, node, platform
  settings  repeats, sampleSeconds, strategy
  rows      name, unit (accesses/s, executions/s, s), median, min, max, target (null: none), met

Exit code: 0 measured, whether or not the targets are met, 1 something failed, 2 bad usage.`;

function addBenchRace(bench: Command, outcome: Outcome): void {
  bench
    .command('race')
    .description(
      'Measure the race explorer: accesses and executions a second, resets, the loading of the kernel.',
    )
    .option('--repeats <n>', `samples of each row (default: ${RACE_BENCH_REPEATS})`)
    .option('--json', 'print JSON')
    .addHelpText('before', RACE_EXAMPLE)
    .addHelpText('after', RACE_EXPLANATION)
    .action(async (typed: Pick<Typed, 'repeats' | 'json'>) => {
      outcome.exitCode = await benchRaceCommand(typed);
    });
}

async function benchRaceCommand({
  repeats: text,
  json = false,
}: Pick<Typed, 'repeats' | 'json'>): Promise<number> {
  const repeats = text === undefined ? RACE_BENCH_REPEATS : usage(() => parseRepeats(text));
  const progress = new Progress();
  const host = describeHost();
  try {
    const rows = await benchRace(repeats, (name) => progress.update(name));
    progress.done();
    const settings = {
      repeats,
      sampleSeconds: RACE_BENCH_SAMPLE_SECONDS,
      strategy: RACE_BENCH_STRATEGY,
    };
    if (json) printJson({ host, settings, rows });
    else print(`${benchHostLine(host)}\nmedians of ${repeats} samples\n\n${raceBenchTable(rows)}`);
    return EXIT_FINE;
  } finally {
    progress.done();
  }
}

/** Adds `gfp bench`. */
export function addBench(program: Command, outcome: Outcome): void {
  const bench = program
    .command('bench')
    .description('Measure the machine, or the explorer of races.')
    .addHelpText('before', EXAMPLE);
  bench
    .command('pages')
    .description('Measure the page allocator: nanoseconds per allocation and free, and how CPUs scale.')
    .option(
      '--machine <preset|file>',
      `machine (default: ${DEFAULT_PRESET}, with as many CPUs as --cpus asks for)`,
    )
    .option('--cpus <list>', 'numbers of CPUs, such as 1,2,4 or 1-4 (default: 1, 2, 4 ... all)')
    .option('--workload <list>', `some of ${BENCH_WORKLOAD_NAMES.join(',')} (default: all)`)
    .option('--orders <list>', `block orders, such as 0,3,9 (default: 0-${BENCH_MAX_ORDER})`)
    .option('--repeats <n>', `samples of each row (default: ${BENCH_REPEATS})`)
    .option('--json', 'print JSON')
    .addHelpText('before', EXAMPLE)
    .addHelpText('after', EXPLANATION)
    .action(async (typed: Typed) => {
      outcome.exitCode = await benchCommand(readOptions(typed));
    });
  addBenchCounters(bench, outcome);
  addBenchRace(bench, outcome);
}

function readOptions(typed: Typed): Wanted {
  return usage(() => {
    const { machine, cpus, workload, orders, repeats, json = false } = typed;
    return {
      machine,
      cpus: cpus === undefined ? undefined : parseNumberList(cpus, '--cpus', 1, NR_CPUS),
      workloads:
        workload === undefined ? undefined : parseNameList(workload, '--workload', BENCH_WORKLOAD_NAMES),
      orders: orders === undefined ? undefined : parseNumberList(orders, '--orders', 0, BENCH_MAX_ORDER),
      repeats: repeats === undefined ? BENCH_REPEATS : parseRepeats(repeats),
      json,
    };
  });
}

function parseRepeats(text: string): number {
  const repeats = /^\d+$/.test(text) ? Number(text) : 0;
  if (repeats >= 1 && repeats <= MAX_REPEATS) return repeats;
  throw new RangeError(`--repeats ${text} is wrong; right is a number from 1 to ${MAX_REPEATS}`);
}

/** What the lab calls out of range is bad usage here. */
function usage<Value>(action: () => Value): Value {
  try {
    return action();
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}

async function benchCommand(wanted: Wanted): Promise<number> {
  const { config, name } = chooseMachine(wanted);
  const machine = await Machine.boot(config);
  const progress = new Progress();
  try {
    const plan = usage(() => planBench(machine, wanted));
    if (plan.rows.length === 0) {
      throw new UsageError(`machine ${name} cannot have any of these rows: ${plan.skipped[0].reason}`);
    }
    const rows = await benchPlan(machine, plan, {
      repeats: wanted.repeats,
      onRow: ({ workload, order, cpus }, index, all) => {
        progress.update(`row ${index + 1} of ${all}: ${workload}, order ${order}, CPUs: ${cpus.length}`);
      },
    });
    progress.done();
    const { violations } = await machine.audit();
    const result = report(machine, name, wanted, plan, rows, violations.length);
    if (wanted.json) printJson(result);
    else printResult(result);
    return violations.length === 0 ? EXIT_FINE : EXIT_FOUND;
  } finally {
    progress.done();
    await machine.halt();
  }
}

/** The machine to boot: the user's, the default one, or one like it with more CPUs. */
function chooseMachine({ machine, cpus = [] }: Wanted): { config: string | MachineConfig; name: string } {
  if (machine !== undefined) return { config: machine, name: machine };
  const most = Math.max(0, ...cpus);
  const isLarger = most > loadHardware(DEFAULT_PRESET).cpuNodes.length;
  if (!isLarger) return { config: DEFAULT_PRESET, name: DEFAULT_PRESET };
  return { config: benchMachine(most), name: `${DEFAULT_PRESET} with more CPUs` };
}

/** What `--json` prints. */
interface BenchReport {
  readonly host: BenchHost;
  readonly machine: {
    readonly name: string;
    readonly nodes: number;
    readonly cpus: number;
    readonly memory: number;
  };
  readonly settings: { readonly repeats: number; readonly sampleMs: number };
  readonly rows: readonly BenchRow[];
  readonly skipped: readonly SkippedRow[];
  readonly audit: { readonly violations: number };
}

function report(
  machine: Machine,
  name: string,
  wanted: Wanted,
  plan: BenchPlan,
  rows: readonly BenchRow[],
  violations: number,
): BenchReport {
  const { nodes, memory } = machine.hardware;
  return {
    host: describeHost(),
    machine: { name, nodes, cpus: machine.cpus, memory: sumBytes(memory) },
    settings: { repeats: wanted.repeats, sampleMs: BENCH_SAMPLE_MS },
    rows,
    skipped: plan.skipped,
    audit: { violations },
  };
}

function printResult({ host, machine, settings, rows, skipped, audit }: BenchReport): void {
  const mib = Math.round(machine.memory / 1024 ** 2);
  print(`machine ${machine.name}: ${machine.nodes} nodes, ${machine.cpus} CPUs, ${mib} MiB`);
  print(benchHostLine(host));
  print(`medians of ${settings.repeats} samples\n`);
  print(benchTable(rows, host));
  for (const { workload, order, cpus, reason } of skipped) {
    note(`left out: ${workload}, order ${order}, ${cpus} ${cpus === 1 ? 'CPU' : 'CPUs'}: ${reason}`);
  }
  const fine = audit.violations === 0;
  print(`\naudit: ${verdict(fine, fine ? 'no violation' : `${audit.violations} violations`)}`);
}
