import { alignTable } from '../lab/bench-table.js';
import { formatFault, type StressFault } from '../lab/stress-fault.js';
import type {
  CommonStressResult,
  FaultResult,
  FirstFailure,
  StressFailureResult,
  StressResult,
} from '../lab/stress-result.js';
import { verdict } from './output.js';
import { auditText } from './render-audit.js';
import { amount, count, rate } from './render-number.js';

/** Operations of each CPU that a failure is printed with; --json has more. */
const MAX_OPERATIONS = 12;

const FIRST_COLUMN = new Set([0]);

/** What a stress run of pages has found, without the verdict. */
export function stressText(result: StressResult): string {
  const { elapsedSeconds, operationsPerSecond, total } = result;
  return [
    cpuTable(result),
    '',
    `${count(total.operations)} operations in ${elapsedSeconds.toFixed(1)} s, ${rate(operationsPerSecond)}; ` +
      `${count(total.pagesChecked)} pages checked`,
    '',
    orderTable(result),
    '',
    ...numaLines(result),
    ...result.faults.map(faultLine),
    ...inFlightLines(result),
    ...noticeLines(result.notices),
    ...endLines(result),
  ].join('\n');
}

function cpuTable({ cpus, total }: StressResult): string {
  const header = [
    'CPU',
    'node',
    'operations',
    'allocated',
    'failed',
    'freed',
    'sent',
    'received',
    'most pages',
    'lives',
  ];
  const rows = cpus.map((cpu) => [
    String(cpu.cpu),
    String(cpu.node),
    ...[
      cpu.operations,
      cpu.allocations,
      cpu.failed,
      cpu.frees,
      cpu.sent,
      cpu.received,
      cpu.mostPagesHeld,
    ].map(count),
    String(cpu.lives),
  ]);
  const sums = [
    total.operations,
    total.allocations,
    total.failed,
    total.frees,
    total.sent,
    total.received,
  ].map(count);
  return table([header, ...rows, ['all', '', ...sums, '', '']]);
}

function orderTable({ total, unusable }: StressResult): string {
  const orders = total.allocatedByOrder.map((_, order) => String(order));
  return table([
    ['order', ...orders],
    ['allocated', ...total.allocatedByOrder.map(count)],
    ['failed', ...total.failedByOrder.map(count)],
    ['unusable before', ...unusable.before.map(fraction)],
    ['unusable under load', ...unusable.loaded.map(fraction)],
    ['unusable after', ...unusable.after.map(fraction)],
  ]);
}

function fraction(value: number): string {
  return value.toFixed(3);
}

/** Columns, the first one to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  return alignTable(rows, FIRST_COLUMN).join('\n');
}

function numaLines({ numa }: StressResult): string[] {
  const {
    numa_hit: hit,
    numa_miss: miss,
    interleave_hit: interleave,
    local_node: local,
    other_node: other,
  } = numa;
  const text = `hit ${count(hit)}, miss ${count(miss)}, interleave ${count(interleave)}`;
  return [`NUMA    ${text}, local ${count(local)}, other ${count(other)}`];
}

/** What became of a fault. */
export function faultLine({ fault, outcome, detail, milliseconds }: FaultResult): string {
  const time = outcome === 'too late' ? '' : ` (${milliseconds.toFixed(0)} ms)`;
  return `fault   ${formatFault(fault)}: ${outcome}${time}, ${detail}`;
}

function inFlightLines({ inFlight, pages }: StressResult): string[] {
  if (pages === undefined || inFlight.length === 0) return [];
  const missing = pages.before - pages.after;
  const blocks = inFlight.map(({ cpu, doing, order }) => `CPU ${cpu} ${doing} order ${order}`).join(', ');
  return [`lost    ${amount(missing, 'page')} on the way when a CPU died (${blocks})`];
}

/** Reports that are no failure, each once. */
export function noticeLines(notices: readonly string[]): string[] {
  const kinds = new Map<string, number>();
  for (const notice of notices) kinds.set(notice, (kinds.get(notice) ?? 0) + 1);
  return [...kinds].map(([notice, times]) => `notice  ${notice}${times > 1 ? ` (${times} times)` : ''}`);
}

/** What is left in the end. */
export function endLines({ pages, audit }: CommonStressResult): string[] {
  return [
    ...(pages === undefined
      ? []
      : [`pages   ${count(pages.before)} free before, ${count(pages.after)} after`]),
    audit === undefined ? 'audit   none: the machine has stopped' : auditText(audit),
  ];
}

/** What went wrong, with all that helps to understand it. */
export function failureText(failure: StressFailureResult): string {
  const blocks = failure.lastOperations.map(
    ({ cpu, operations }) =>
      `last operations of CPU ${cpu}:\n${operations
        .slice(-MAX_OPERATIONS)
        .map((operation) => `  ${operation}`)
        .join('\n')}`,
  );
  return [firstFailureText(failure), ...blocks].join('\n\n');
}

/** What went wrong, and what the kernel says of it. */
export function firstFailureText({ kind, message, report }: FirstFailure<string>): string {
  return `${kind}: ${message}${report === undefined ? '' : `\n\n${report}`}`;
}

/** The last line. */
export function stressVerdict({ verdict: outcome, panic, failure, workload }: CommonStressResult): string {
  switch (outcome) {
    case 'passed':
      return verdict(true, `stress ${workload}: passed`);
    case 'panicked':
      return verdict(
        true,
        `stress ${workload}: panicked as it must, ${panic?.milliseconds.toFixed(0) ?? '?'} ms after the kill: ` +
          (panic?.message.replace(/^Kernel panic - not syncing: /, '') ?? ''),
      );
    case 'failed':
      return verdict(
        false,
        `stress ${workload}: FAILED (${failure?.kind ?? '?'}): ${failure?.message ?? ''}`,
      );
  }
}

/** The command that runs a stress run again. */
export interface StressCommand {
  readonly machine: string;
  readonly cpus: number | undefined;
  readonly nodes: number | undefined;
  readonly seconds: number;
  readonly seed: number;
  readonly workload: string;
  readonly tasks: number | undefined;
  readonly faults: readonly StressFault[];
  readonly debug: boolean;
}

export function stressCommandLine(command: StressCommand): string {
  const { machine, cpus, nodes, seconds, seed, workload, tasks, faults, debug } = command;
  return [
    `gfp stress --machine ${/^[\w./-]+$/.test(machine) ? machine : `'${machine}'`}`,
    ...(cpus === undefined ? [] : [`--cpus ${cpus}`]),
    ...(nodes === undefined ? [] : [`--nodes ${nodes}`]),
    `--workload ${workload}${tasks === undefined ? '' : ` --tasks ${tasks}`} --seconds ${seconds} --seed ${seed}`,
    ...faults.map((fault) => `--fault ${formatFault(fault)}`),
    ...(debug ? ['--debug'] : []),
  ].join(' ');
}
