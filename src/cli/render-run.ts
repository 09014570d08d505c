import { type AuditReport } from '../kernel/debug/audit.js';
import { type BenchHost } from '../lab/bench-host.js';
import { type BenchRow } from '../lab/bench-pages.js';
import { benchHostLine, benchTable } from '../lab/bench-table.js';
import { type StressResult } from '../lab/stress-result.js';
import { type TraceReplay } from '../trace/replay-result.js';
import { verdict } from './output.js';
import { auditText } from './render-audit.js';
import { type MachineFacts, machineLine } from './render-machine.js';
import { amount, count, duration, percent, rate } from './render-number.js';
import { cpuLines, eventsText } from './render-replay.js';

/** What a run has found; parts that it has not reached are missing. */
export interface RunResult {
  machine?: MachineFacts;
  bootSeconds?: number;
  replay?: TraceReplay;
  stress?: StressResult;
  bench?: BenchRow[];
  audit?: AuditReport;
  seconds: number;
  fine: boolean;
  error?: string;
}

/** What `gfp run` says, part by part. */
export const runText = {
  boot: (machine: MachineFacts, seconds: number): string =>
    `${machineLine(machine)}, booted in ${duration(seconds)}`,

  replay: (result: TraceReplay, buddyinfo: string): string => {
    const { trace, live, waste } = result;
    const { objects, pages } = trace;
    const here =
      waste === null
        ? ''
        : `, here ${count(waste.total.wastedBytes)} (${percent(waste.total.wastedBytes, waste.total.givenBytes)})`;
    return [
      `replay  ${amount(trace.events, 'event')} of a real kernel: compilers, tar and gzip on ${amount(trace.cpus, 'CPU')}`,
      `  objects: ${amount(objects.allocations, 'allocation')}, ${count(objects.requestedBytes)} bytes wanted; ` +
        `wasted there ${count(objects.wastedBytes)} (${objects.wastedPercent.toFixed(3)}%)${here}`,
      `  pages: ${amount(pages.allocations, 'allocation')} (${amount(pages.allocatedPages, 'page')}), ` +
        `${amount(pages.frees, 'free')}, ${count(pages.unmatchedFrees)} of them of what was there before`,
      ...cpuLines(result).slice(1),
      `  live at the end: ${amount(live.pages, 'page')} and ${amount(live.objects, 'object')}, the trace says ` +
        `${count(live.tracePages)} and ${count(live.traceObjects)}: ${verdict(live.agree, live.agree ? 'they agree' : 'they DISAGREE')}`,
      `  ${replayNuma(result)}`,
      '  /proc/buddyinfo after it:',
      indented(buddyinfo),
      `  ${auditText(result.audit)}`,
    ].join('\n');
  },

  stress: (
    { total, cpus, numa, pages, operationsPerSecond, elapsedSeconds }: StressResult,
    buddyinfo: string,
  ): string =>
    [
      `stress  ${amount(total.operations, 'operation')} on ${amount(cpus.length, 'CPU')} in ${duration(elapsedSeconds)}, ${rate(operationsPerSecond)}`,
      `  blocks: ${count(total.allocations)} allocated, ${count(total.failed)} refused, ${count(total.sent)} handed to another CPU`,
      `  pages: ${count(total.pagesChecked)} canaries verified, at most ${count(Math.max(...cpus.map(({ mostPagesHeld }) => mostPagesHeld)))} held by one CPU`,
      `  NUMA: ${count(numa.numa_hit)} hits, ${count(numa.numa_miss)} misses, ${count(numa.other_node)} from another node`,
      ...(pages === undefined
        ? []
        : [`  free pages: ${count(pages.before)} before, ${count(pages.after)} after`]),
      '  /proc/buddyinfo after it:',
      indented(buddyinfo),
    ].join('\n'),

  bench: (rows: readonly BenchRow[], host: BenchHost): string =>
    [
      'bench   a pair is an allocation and its free',
      `  ${benchHostLine(host)}`,
      indented(benchTable(rows, host)),
    ].join('\n'),

  audit: (report: AuditReport): string => auditText(report),

  verdict: (result: RunResult): string => {
    const { replay, stress, audit, seconds, fine, error } = result;
    if (error !== undefined) return verdict(false, `gfp run: FAILED after ${duration(seconds)}: ${error}`);
    if (!fine) {
      const reasons = [
        ...(replay?.fine === true ? [] : ['the replay']),
        ...(stress?.verdict === 'passed' ? [] : ['the stress']),
        ...(audit?.violations.length === 0 ? [] : ['the audit']),
      ];
      return verdict(
        false,
        `gfp run: FAILED after ${duration(seconds)}: ${reasons.join(' and ')} found something wrong`,
      );
    }
    const events = replay === undefined ? '0 events' : eventsText(replay);
    const operations = amount(stress?.total.operations ?? 0, 'operation');
    return verdict(
      true,
      `gfp run: fine in ${duration(seconds)}: ${events} replayed, ${operations} of stress, no violation`,
    );
  },
} as const;

function replayNuma({ numa }: TraceReplay): string {
  const nodes = numa.map(
    (node) => `node ${node.node} ${count(node.numa_hit)} hits, ${count(node.numa_miss)} misses`,
  );
  return `NUMA: ${nodes.join('; ')}`;
}

function indented(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line.trimEnd()}`)
    .join('\n');
}
