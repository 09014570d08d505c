import { basename } from 'node:path';
import { alignTable } from '../lab/bench-table.js';
import { type ZoneState } from '../trace/replay-memory.js';
import { type TraceReplay } from '../trace/replay-result.js';
import { type NamedCount, type TraceSummary } from '../trace/trace-summary.js';
import { verdict } from './output.js';
import { auditText } from './render-audit.js';
import { amount, count, duration, percent, rate } from './render-number.js';

/** A column of text at the left, numbers in all others. */
const LABEL_LEFT = new Set([0]);

/** The whole result of a replay as text. */
export function replayText(replay: TraceReplay): string {
  const { trace } = replay;
  return [
    traceLine(trace),
    ...eventLines(trace),
    '',
    ...objectLines(trace),
    ...wasteLines(replay),
    '',
    ...pageLines(trace),
    '',
    ...cpuLines(replay),
    '',
    ...liveLines(replay),
    '',
    ...numaLines(replay),
    '',
    ...memoryLines(replay),
    '',
    auditText(replay.audit),
  ].join('\n');
}

/** Whether a replay went as it must, in one line. */
export function replayVerdict(replay: TraceReplay): string {
  const { trace, total, live, caches, audit, leakedPages, fine } = replay;
  const name = basename(trace.file);
  if (fine) {
    const failures = total.failures + total.objectFailures;
    const failed = failures === 0 ? '' : `, ${amount(failures, 'allocation')} got nothing`;
    return verdict(true, `${name}: fine, ${eventsText(replay)} replayed${failed}`);
  }
  const reasons = [
    ...(audit.violations.length > 0 ? ['the audit found violations'] : []),
    ...(live.agree ? [] : ['the counts of what is live do not agree']),
    ...(caches.left === 0 ? [] : [`${amount(caches.left, 'cache')} could not be destroyed`]),
    ...(leakedPages === 0 ? [] : [`${amount(leakedPages, 'page')} did not come back`]),
  ];
  return verdict(false, `${name}: ${reasons.join(', ')}`);
}

/** How many events were run, and of what. */
export function eventsText({ total, events }: TraceReplay): string {
  const kind = { all: 'event', pages: 'page event', objects: 'object event' }[events];
  return amount(total.events, kind);
}

function traceLine(trace: TraceSummary): string {
  const lost = trace.lostEvents === 0 ? 'none lost' : `${count(trace.lostEvents)} LOST by the traced kernel`;
  const lines = `${amount(trace.lines, 'line')}, ${amount(trace.events, 'event')} of ${amount(trace.cpus, 'CPU')}`;
  return `trace ${basename(trace.file)}: ${lines}, ${lost}`;
}

function eventLines(trace: TraceSummary): string[] {
  const table = (events: readonly NamedCount[]): string[] =>
    alignTable(
      events.map(({ name, count: times }) => [`  ${name}`, count(times)]),
      LABEL_LEFT,
    );
  const others = trace.otherEvents.map(({ name, count: times }) => `${name} ${count(times)}`);
  const flags = trace.unknownFlags.map(({ name, count: times }) => `${name} ${count(times)}`);
  return [
    ...table(trace.kmemEvents),
    ...(others.length === 0 ? [] : [`  skipped: ${others.join(', ')}`]),
    ...(flags.length === 0 ? [] : [`  flags left out of the masks: ${flags.join(', ')}`]),
  ];
}

function objectLines({ objects }: TraceSummary): string[] {
  return [
    'objects in the trace, as perf kmem stat adds them up',
    ...alignTable(
      [
        ['  bytes requested', count(objects.requestedBytes)],
        ['  bytes allocated', count(objects.allocatedBytes)],
        ['  bytes freed', count(objects.freedBytes)],
        ['  bytes wasted on internal fragmentation', count(objects.wastedBytes)],
        ['  the same in percent', `${objects.wastedPercent.toFixed(6)}%`],
        ['  allocations', count(objects.allocations)],
        ['  frees', count(objects.frees)],
        ['  frees of what was allocated before the trace', count(objects.unmatchedFrees)],
        ['  live at the end', count(objects.liveObjects)],
      ],
      LABEL_LEFT,
    ),
  ];
}

function wasteLines({ waste }: TraceReplay): string[] {
  if (waste === null) return [];
  const { total } = waste;
  return [
    '',
    'internal fragmentation of the same requests',
    ...alignTable(
      [
        ['', 'bytes given', 'wasted', 'of it'],
        ['  traced kernel', ...shareCells(total.tracedBytes, total.tracedWastedBytes)],
        ['  this machine', ...shareCells(total.givenBytes, total.wastedBytes)],
      ],
      LABEL_LEFT,
    ),
  ];
}

function shareCells(given: number, wasted: number): string[] {
  return [count(given), count(wasted), percent(wasted, given)];
}

function pageLines({ pages }: TraceSummary): string[] {
  const rows = [
    ['  allocations', count(pages.allocations)],
    ['  pages in them', count(pages.allocatedPages)],
    ['  frees', count(pages.frees)],
    ['  frees of what was allocated before the trace', count(pages.unmatchedFrees)],
  ];
  if (pages.failures > 0)
    rows.push(['  allocations that failed in the traced kernel', count(pages.failures)]);
  if (pages.missingFrees > 0) rows.push(['  frees missing in the trace', count(pages.missingFrees)]);
  if (pages.splitFrees > 0) rows.push(['  frees of a part of a block', count(pages.splitFrees)]);
  return ['pages in the trace', ...alignTable(rows, LABEL_LEFT)];
}

/** What each CPU did, and how fast. */
export function cpuLines({ cpus, speed }: TraceReplay): string[] {
  const idle = cpus.flatMap(({ cpu, events }) => (events === 0 ? [cpu] : [])).sort((a, b) => a - b);
  const busy = cpus.filter(({ events }) => events > 0);
  const rows = busy.map((cpu) => [
    `  ${cpu.cpu}`,
    count(cpu.node),
    count(cpu.allocs),
    count(cpu.frees),
    count(cpu.objectAllocs),
    count(cpu.objectFrees),
    count(cpu.failures + cpu.objectFailures),
    count(cpu.waits),
    duration(cpu.waitSeconds),
    duration(cpu.busySeconds),
    rate(cpu.eventsPerSecond),
  ]);
  const heading = [
    '  CPU',
    'node',
    'blocks',
    'freed',
    'objects',
    'freed',
    'failed',
    'waits',
    'waited',
    'busy',
    'events',
  ];
  const warm =
    speed.warmEventsPerSecondPerCpu === null
      ? ''
      : ` the first time; ${rate(speed.warmEventsPerSecondPerCpu)} warm, the median of ${speed.warmPasses} more passes`;
  return [
    'replay',
    ...alignTable([heading, ...rows], new Set()),
    ...(idle.length === 0 ? [] : [`  without events: CPU ${idle.join(', ')}`]),
    `  events per CPU: ${rate(speed.eventsPerSecondPerCpu)}${warm}`,
    `  reading: ${rate(speed.linesPerSecond).replace('/s', ' lines/s')}, ${duration(speed.readSeconds)}`,
  ];
}

function liveLines(replay: TraceReplay): string[] {
  const { live, total, caches, leakedPages } = replay;
  const blocks = (number: number, pages: number): string =>
    `${amount(number, 'block')}, ${amount(pages, 'page')}`;
  const reasons = [
    ...(live.failedBlocks > 0 ? [`${amount(live.failedBlocks, 'live block')} got no memory`] : []),
    ...(live.missingFrees > 0 ? [`${amount(live.missingFrees, 'free')} missing in the trace`] : []),
    ...(live.failedObjects > 0 ? [`${amount(live.failedObjects, 'live object')} got no memory`] : []),
  ];
  const explained = reasons.length > 0 ? `explained: ${reasons.join(', ')}` : 'equal';
  const here = [blocks(live.blocks, live.pages), amount(live.objects, 'object')];
  const there = [blocks(live.traceBlocks, live.tracePages), amount(live.traceObjects, 'object')];
  const run = ([ofPages, ofObjects]: string[]): string =>
    ({ all: `${ofPages}; ${ofObjects}`, pages: ofPages, objects: ofObjects })[replay.events];
  const failures = total.failures + total.objectFailures;
  const skipped = total.skippedFrees + total.skippedObjectFrees;
  return [
    'live at the end',
    `  on the machine:  ${run(here)}`,
    `  in the trace:    ${run(there)}; ${verdict(live.agree, live.agree ? explained : 'NOT explained')}`,
    `  by the machine's own event counters: ${amount(live.machinePages, 'page')}, ${count(live.slabPages)} of them in slabs` +
      (live.largePages > 0 ? `, ${count(live.largePages)} in objects too large for kmalloc` : ''),
    `  failed allocations: ${count(failures)}; frees left out because of them: ${count(skipped)}`,
    ...(replay.events !== 'pages' && live.missingObjectFrees > 0
      ? [
          `  frees of objects missing in the trace: ${count(live.missingObjectFrees)}, done before the address was given again`,
        ]
      : []),
    ...(caches.created > 0 ? [cacheLine(caches)] : []),
    `  after all was released: ${leakedPages === 0 ? 'every page came back' : verdict(false, `${count(leakedPages)} pages did NOT come back`)}`,
  ];
}

function cacheLine({ created, failed, left }: TraceReplay['caches']): string {
  const missing = failed === 0 ? '' : `, ${count(failed)} could not be`;
  const ends = left === 0 ? 'all destroyed' : verdict(false, `${count(left)} could NOT be destroyed`);
  return `  caches: ${count(created - failed)} created${missing}; ${ends}`;
}

function numaLines({ numa }: TraceReplay): string[] {
  const names = [
    'numa_hit',
    'numa_miss',
    'numa_foreign',
    'interleave_hit',
    'local_node',
    'other_node',
  ] as const;
  const rows = numa.map((node) => [`  node ${node.node}`, ...names.map((name) => count(node[name]))]);
  return ['NUMA counters of the replay', ...alignTable([['', ...names], ...rows], LABEL_LEFT)];
}

function memoryLines({ before, after }: TraceReplay): string[] {
  const orders = after.at(0)?.freeBlocks.map((_, order) => String(order)) ?? [];
  const blocks = ({ freeBlocks }: ZoneState): string[] => freeBlocks.map((number) => String(number));
  const indices = ({ unusableIndex }: ZoneState): string[] => unusableIndex.map((index) => index.toFixed(3));
  return [
    'free blocks by order (/proc/buddyinfo)',
    ...beforeAndAfter(orders, before, after, blocks),
    '',
    'unusable free space index by order: the part of the free memory in blocks too small for that order',
    ...beforeAndAfter(orders, before, after, indices),
  ];
}

function beforeAndAfter(
  orders: readonly string[],
  before: readonly ZoneState[],
  after: readonly ZoneState[],
  cells: (zone: ZoneState) => string[],
): string[] {
  const rows = after.flatMap((zone, index) => [
    [`  node ${zone.node} ${zone.zone}`, 'before', ...cells(before[index])],
    ['', 'after', ...cells(zone)],
  ]);
  return alignTable([['', '', ...orders], ...rows], new Set([0, 1]));
}
