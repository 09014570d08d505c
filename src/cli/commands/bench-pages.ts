import type { Command } from 'commander';
import { describeHost } from '../../lab/bench-host.js';
import { parseNameList, parseNumberList } from '../../lab/bench-list.js';
import { BENCH_REPEATS, BENCH_SAMPLE_MS, benchPlan, type BenchRow } from '../../lab/bench-pages.js';
import { BENCH_MAX_ORDER, type BenchSelection, planBench, type SkippedRow } from '../../lab/bench-plan.js';
import { benchHostLine, benchTable } from '../../lab/bench-table.js';
import { BENCH_WORKLOAD_NAMES, BENCH_WORKLOADS } from '../../lab/bench-workload.js';
import { sumBytes } from '../../machine/config-memory.js';
import { usage } from '../option-values.js';
import { note, type Outcome, print, UsageError } from '../output.js';
import { amount } from '../render-number.js';
import { type AuditedReport, benchOnMachine, printAudited } from './bench-machine.js';
import {
  addJsonOption,
  addMachineOptions,
  addRepeatsOption,
  readCpus,
  readRepeats,
  type TypedMachineBench,
} from './bench-options.js';

/** The options as they are typed. */
interface TypedPages extends TypedMachineBench {
  readonly workload?: string;
  readonly orders?: string;
}

/** The options as they are meant. */
interface Wanted extends BenchSelection {
  readonly repeats: number;
}

export const BENCH_PAGES_EXAMPLE =
  'Example: gfp bench pages --workload bulk,repeat --orders 0,9 --cpus 1,2,16\n';

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

/** Adds `gfp bench pages`. */
export function addBenchPages(bench: Command, outcome: Outcome): void {
  const command = bench
    .command('pages')
    .description('Measure the page allocator: nanoseconds per allocation and free, and how CPUs scale.')
    .addHelpText('before', BENCH_PAGES_EXAMPLE)
    .addHelpText('after', EXPLANATION)
    .action(async (typed: TypedPages) => {
      outcome.exitCode = await pagesCommand(typed);
    });
  addMachineOptions(command)
    .option('--workload <list>', `some of ${BENCH_WORKLOAD_NAMES.join(',')} (default: all)`)
    .option('--orders <list>', `block orders, such as 0,3,9 (default: 0-${BENCH_MAX_ORDER})`);
  addJsonOption(addRepeatsOption(command, BENCH_REPEATS));
}

function readOptions(typed: TypedPages): Wanted {
  const { workload, orders } = typed;
  return {
    cpus: readCpus(typed),
    workloads:
      workload === undefined ? undefined : parseNameList(workload, '--workload', BENCH_WORKLOAD_NAMES),
    orders: orders === undefined ? undefined : parseNumberList(orders, '--orders', 0, BENCH_MAX_ORDER),
    repeats: readRepeats(typed, BENCH_REPEATS),
  };
}

async function pagesCommand(typed: TypedPages): Promise<number> {
  const wanted = usage(() => readOptions(typed));
  return await benchOnMachine(typed, wanted.cpus, async (machine, name, progress) => {
    const plan = usage(() => planBench(machine, wanted));
    if (plan.rows.length === 0) {
      throw new UsageError(`machine ${name} cannot have any of these rows: ${plan.skipped[0].reason}`);
    }
    const { repeats } = wanted;
    const rows = await benchPlan(machine, plan, {
      repeats,
      onRow: ({ workload, order, cpus }, index, all) => {
        progress.update(`row ${index + 1} of ${all}: ${workload}, order ${order}, CPUs: ${cpus.length}`);
      },
    });
    progress.done();
    const { violations } = await machine.audit();
    const { nodes, memory } = machine.hardware;
    const report: PagesReport = {
      host: describeHost(),
      machine: { name, nodes, cpus: machine.cpus, memory: sumBytes(memory) },
      settings: { repeats, sampleMs: BENCH_SAMPLE_MS },
      rows,
      skipped: plan.skipped,
      audit: { violations: violations.length },
    };
    return printAudited(typed, report, printRows);
  });
}

/** What `--json` prints. */
interface PagesReport extends AuditedReport {
  readonly machine: AuditedReport['machine'] & { readonly memory: number };
  readonly rows: readonly BenchRow[];
  readonly skipped: readonly SkippedRow[];
}

function printRows({ host, machine, settings, rows, skipped }: PagesReport): void {
  const mib = Math.round(machine.memory / 1024 ** 2);
  print(`machine ${machine.name}: ${machine.nodes} nodes, ${machine.cpus} CPUs, ${mib} MiB`);
  print(benchHostLine(host));
  print(`medians of ${settings.repeats} samples\n`);
  print(benchTable(rows, host));
  for (const { workload, order, cpus, reason } of skipped) {
    note(`left out: ${workload}, order ${order}, ${amount(cpus, 'CPU')}: ${reason}`);
  }
}
