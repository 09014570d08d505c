import type { Command } from 'commander';
import { describeHost } from '../../lab/bench-host.js';
import { parseNameList } from '../../lab/bench-list.js';
import { benchHostLine } from '../../lab/bench-table.js';
import {
  benchKmalloc,
  KMALLOC_BENCH_REPEATS,
  KMALLOC_BENCH_SAMPLE_MS,
  type KmallocPlan,
  type KmallocRow,
  planKmalloc,
  type SkippedKmallocRow,
} from '../../lab/kmalloc-bench.js';
import { kernelContender } from '../../lab/kmalloc-bench-kernel.js';
import {
  type AbsentPeer,
  findPeers,
  KMALLOC_PEER_NAMES,
  KMALLOC_PEERS,
  type KmallocPeer,
  type Peers,
} from '../../lab/kmalloc-bench-peers.js';
import { kmallocTable, kmallocTargetTable } from '../../lab/kmalloc-bench-table.js';
import { type KmallocTarget, kmallocTargets } from '../../lab/kmalloc-bench-targets.js';
import {
  KMALLOC_WORKLOAD_NAMES,
  KMALLOC_WORKLOADS,
  type KmallocWorkload,
} from '../../lab/kmalloc-bench-workload.js';
import type { Machine } from '../../machine/machine.js';
import { usage } from '../option-values.js';
import { note, type Outcome, print, type Progress, UsageError } from '../output.js';
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
interface TypedKmalloc extends TypedMachineBench {
  readonly workloads?: string;
  readonly peers?: string;
}

/** The options as they are meant. */
interface Wanted {
  readonly cpus: readonly number[] | undefined;
  readonly workloads: readonly KmallocWorkload[] | undefined;
  readonly peers: readonly KmallocPeer[];
  readonly repeats: number;
}

/** `--peers` for the kernel alone. */
const NO_PEERS = 'none';

const EXAMPLE = 'Example: gfp bench kmalloc --workloads pair,mixed --cpus 1,2 --peers glibc\n';

const EXPLANATION = `
Workloads:
${list(KMALLOC_WORKLOADS)}

Peers, as far as they are installed:
${list(KMALLOC_PEERS)}

An operation is an allocation and its free. ns/op is time of a host core, the median of samples of ${KMALLOC_BENCH_SAMPLE_MS} ms or more,
with the smallest and largest; speed-up is the throughput as a multiple of one CPU's. All allocators get the same
sizes in the same order. Those in C run in a program that is compiled for it; the samples of all allocators and
numbers of CPUs are taken in turns, and gfp/it is the median of the ratios of samples that were taken one after the
other. Memory is written by cache-scratch only. CPUs are taken from all nodes in turn.

--json prints { host, machine, settings, allocators, rows, targets, absent, skipped, audit }:
  host        cpuModel, cores, node, platform
  machine     name, nodes, cpus
  settings    repeats, sampleMs
  allocators  name, kind (kernel, c, javascript), version
  rows        workload, cpus, allocator, oversubscribed, nsPerOperation, samples (ns per operation),
              millionPerSecond, coreShare, operations;
              nsPerOperation, millionPerSecond are { median, min, max }
  targets     name, median, min, max (ratios), bound (at most, at least), target, met
  absent      name, reason: peers that this computer has not
  skipped     workload, cpus, reason: rows that cannot be
  audit       violations: how many the audit of the machine found afterwards

Exit code: 0 measured, whether or not the targets are met, 1 the audit found a violation or something failed,
2 bad usage.`;

function list(entries: Readonly<Record<string, string>>): string {
  const names = Object.keys(entries);
  const width = Math.max(...names.map((name) => name.length));
  return names.map((name) => `  ${name.padEnd(width)}  ${entries[name]}`).join('\n');
}

/** Adds `gfp bench kmalloc`. */
export function addBenchKmalloc(bench: Command, outcome: Outcome): void {
  const command = bench
    .command('kmalloc')
    .description('Measure kmalloc and kfree beside the allocators of C and JavaScript.')
    .addHelpText('before', EXAMPLE)
    .addHelpText('after', EXPLANATION)
    .action(async (typed: TypedKmalloc) => {
      outcome.exitCode = await kmallocCommand(typed);
    });
  addMachineOptions(command, '1, 2, 4 ... as many as there are host cores')
    .option('--workloads <list>', `some of ${KMALLOC_WORKLOAD_NAMES.join(',')} (default: all)`)
    .option('--peers <list>', `some of ${KMALLOC_PEER_NAMES.join(',')}, or ${NO_PEERS} (default: all)`);
  addJsonOption(addRepeatsOption(command, KMALLOC_BENCH_REPEATS));
}

function readOptions(typed: TypedKmalloc): Wanted {
  const { workloads, peers } = typed;
  return {
    cpus: readCpus(typed),
    workloads:
      workloads === undefined ? undefined : parseNameList(workloads, '--workloads', KMALLOC_WORKLOAD_NAMES),
    peers: peers === undefined ? KMALLOC_PEER_NAMES : readPeers(peers),
    repeats: readRepeats(typed, KMALLOC_BENCH_REPEATS),
  };
}

function readPeers(text: string): KmallocPeer[] {
  return text === NO_PEERS ? [] : parseNameList(text, '--peers', KMALLOC_PEER_NAMES);
}

async function kmallocCommand(typed: TypedKmalloc): Promise<number> {
  const wanted = usage(() => readOptions(typed));
  return await benchOnMachine(typed, wanted.cpus, async (machine, name, progress) => {
    const plan = usage(() => planKmalloc(machine.onlineCpus().length, wanted.cpus, wanted.workloads));
    if (plan.groups.length === 0) {
      throw new UsageError(`none of these rows can be measured: ${plan.skipped[0].reason}`);
    }
    const peers = await findPeers(wanted.peers);
    try {
      const report = await measure(machine, name, wanted.repeats, plan, peers, progress);
      return printAudited(typed, report, printRows);
    } finally {
      await peers.close();
    }
  });
}

/** What `--json` prints. */
interface KmallocReport extends AuditedReport {
  readonly allocators: readonly { name: string; kind: string; version: string }[];
  readonly rows: readonly KmallocRow[];
  readonly targets: readonly KmallocTarget[];
  readonly absent: readonly AbsentPeer[];
  readonly skipped: readonly SkippedKmallocRow[];
}

async function measure(
  machine: Machine,
  name: string,
  repeats: number,
  plan: KmallocPlan,
  peers: Peers,
  progress: Progress,
): Promise<KmallocReport> {
  const contenders = [kernelContender(machine), ...peers.contenders];
  const host = describeHost();
  const rows = await benchKmalloc(contenders, plan, {
    repeats,
    onGroup: ({ workload }, index, all) => {
      progress.update(`workload ${index + 1} of ${all}: ${workload}`);
    },
  });
  progress.done();
  const native = contenders.filter(({ kind }) => kind === 'c').map((each) => each.name);
  const { violations } = await machine.audit();
  return {
    host,
    machine: { name, nodes: machine.hardware.nodes, cpus: machine.cpus },
    settings: { repeats, sampleMs: KMALLOC_BENCH_SAMPLE_MS },
    allocators: contenders.map(({ name, kind, version }) => ({ name, kind, version })),
    rows,
    targets: kmallocTargets(rows, native, host.cores),
    absent: peers.absent,
    skipped: plan.skipped,
    audit: { violations: violations.length },
  };
}

function printRows({ host, machine, settings, allocators, ...found }: KmallocReport): void {
  print(`machine ${machine.name}: ${machine.nodes} nodes, ${machine.cpus} CPUs`);
  print(benchHostLine(host));
  const versions = allocators.filter(({ version }) => version !== '');
  if (versions.length > 0) print(versions.map(({ name, version }) => `${name}: ${version}`).join(', '));
  print(`medians of ${settings.repeats} samples\n`);
  print(kmallocTable(found.rows, host));
  if (found.targets.length > 0) print(`\n${kmallocTargetTable(found.targets)}`);
  for (const line of absentLines(found.absent)) note(line);
  for (const { workload, cpus, reason } of found.skipped) {
    note(`left out: ${workload}, ${amount(cpus, 'CPU')}: ${reason}`);
  }
}

/** A line for each reason why peers are absent. */
function absentLines(absent: readonly AbsentPeer[]): string[] {
  const reasons = [...new Set(absent.map(({ reason }) => reason))];
  return reasons.map((reason) => {
    const names = absent.filter((peer) => peer.reason === reason).map(({ name }) => name);
    return `left out: ${names.join(', ')}: ${reason}`;
  });
}
