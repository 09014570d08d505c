import type { Trace, TraceEvent } from '../engine/failure.js';
import {
  MODE_ATOMIC,
  MODE_MARKED,
  OP_ACQUIRE,
  OP_CAS,
  OP_READ,
  OP_RELEASE,
  OP_RMW,
  OP_WRITE,
} from '../engine/op.js';
import { callText, placeText, stackLines } from './call-stack.js';
import { amount } from './count.js';
import { escapeHtml, htmlLine } from './escape-html.js';
import { HTML_STYLE } from './html-style.js';
import { formatValue, operationParts } from './operation-text.js';
import { reportRows, type Row } from './rows.js';
import { causeLines, type ReportOptions, replayLines, scaleLine, sectionsOf } from './text-report.js';

/** Columns of the grid before the lanes of the threads: the step. */
const LANES_FROM = 2;
/** Calls deeper than this are not indented further. */
const MAX_DEPTH = 8;

const MODE_NAMES = ['plain', 'atomic, sequentially consistent', 'marked as a deliberate race'] as const;

/**
 * The report of a failure as a page that needs nothing else: a lane for each thread, time downwards. Whoever points at
 * an operation (or goes to it with the Tab key) sees its values, its place in the source and its calls.
 */
export function renderHtml(trace: Trace, options: ReportOptions): string {
  const [cause, ...more] = causeLines(trace);
  const title = escapeHtml(cause);
  const message = escapeHtml(cause.slice(trace.failure.kind.length + 2));
  const sections = sectionsOf(trace).map(({ heading, lines }) => section(heading, lines));
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${title}</title>`,
    `<style>${HTML_STYLE}</style>`,
    '</head>',
    '<body>',
    `<h1><span class="kind">${trace.failure.kind}</span>${message}</h1>`,
    ...(more.length === 0 ? [] : [`<pre>${more.map(escapeHtml).join('\n')}</pre>`]),
    `<p>${escapeHtml(scaleLine(trace))}</p>`,
    ...grid(trace, reportRows(trace, options.full ?? false)),
    ...sections,
    section('To see it again', replayLines(trace, options.command)),
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

function section(heading: string, lines: readonly string[]): string {
  return `<h2>${htmlLine(heading)}</h2>\n<pre>${lines.map(escapeHtml).join('\n')}</pre>`;
}

function grid(trace: Trace, rows: readonly Row[]): string[] {
  const { threads } = trace;
  const columns = `grid-template-columns: 4rem repeat(${threads.length}, minmax(11rem, 1fr)) fit-content(22rem)`;
  const heads = ['step', ...threads, 'source'].map(
    (name, i) => `<div class="head" style="grid-area: 1 / ${i + 1}">${htmlLine(name)}</div>`,
  );
  const lanes = [...threads, 'source'].map(
    (_, i) =>
      `<div class="lane" style="grid-area: 2 / ${LANES_FROM + i} / span ${Math.max(1, rows.length)}"></div>`,
  );
  return [
    '<div class="scroll">',
    `<div class="trace" style="${columns}">`,
    ...heads,
    ...lanes,
    ...rows.flatMap((row, i) => gridRow(trace, row, i + 2)),
    '</div>',
    '</div>',
  ];
}

/** One row of the report in line `line` of the grid. */
function gridRow(trace: Trace, row: Row, line: number): string[] {
  const { threads, failure } = trace;
  const lane = (thread: number, content: string, depth: number, attributes: string): string =>
    `<div style="grid-area: ${line} / ${LANES_FROM + thread}; margin-left: ${indent(depth)}rem" ${attributes}>${content}</div>`;
  const across = (content: string, name: string): string =>
    `<div class="across ${name}" style="grid-area: ${line} / ${LANES_FROM} / auto / span ${threads.length}">${content}</div>`;
  switch (row.kind) {
    case 'call':
      return [
        lane(row.thread, escapeHtml(callText(row.call)), row.depth, 'class="call"'),
        place(trace, line, row.call.from),
      ];
    case 'operation': {
      const { event, depth, thread } = row;
      // What is said about lanes on the right must not hide them.
      const late = thread > 0 && thread >= threads.length / 2 ? ' late' : '';
      const attributes = `class="op ${operationClass(event)} ${row.mark}${late}" tabindex="0"`;
      return [
        `<div class="step" style="grid-area: ${line} / 1">${event.step}</div>`,
        lane(thread, `${operationHtml(event)}${tip(trace, event)}`, depth, attributes),
        place(trace, line, placeText(event.site)),
      ];
    }
    case 'private': {
      const text = amount(row.events.length, 'private access', 'private accesses');
      return [lane(row.thread, `&hellip; ${text}`, row.depth, 'class="fold"')];
    }
    case 'switch':
      return [switchArrow(trace, row.from, row.to, line)];
    case 'omission':
      return [across(`&hellip; ${amount(row.events.length, 'operation')} left out &hellip;`, 'fold')];
    case 'failure': {
      if (row.thread < 0) return [across(failure.kind, 'verdict')];
      return [lane(row.thread, `&#8593; ${failure.kind}`, row.depth, 'class="verdict"')];
    }
  }
}

function indent(depth: number): string {
  return (0.5 + Math.min(depth, MAX_DEPTH) * 0.9).toFixed(1);
}

function place({ threads }: Trace, line: number, text: string): string {
  const area = `grid-area: ${line} / ${LANES_FROM + threads.length}`;
  return `<div class="place" style="${area}">${escapeHtml(text)}</div>`;
}

/** An arrow from the lane of one thread to that of another. */
function switchArrow({ threads }: Trace, from: number, to: number, line: number): string {
  const first = LANES_FROM + Math.min(from, to);
  const span = Math.abs(from - to) + 1;
  const title = `${htmlLine(threads[from])} &#8594; ${htmlLine(threads[to])}`;
  const area = `grid-area: ${line} / ${first} / auto / span ${span}`;
  // From the start of one lane to that of the other.
  const length = `${(((span - 1) / span) * 100).toFixed(4)}%`;
  return (
    `<div class="switch ${from < to ? 'right' : 'left'}" style="${area}" title="${title}">` +
    `<span style="width: ${length}"><u></u><i></i><b></b></span></div>`
  );
}

/** The text of an operation; a value and what it becomes stay together. */
function operationHtml(event: TraceEvent): string {
  return operationParts(event)
    .map(escapeHtml)
    .map((part) => (/^= | -&gt; /.test(part) ? part.replaceAll(' ', '&nbsp;') : part))
    .join(' ');
}

/** What is to be seen from the colour of its edge. */
function operationClass({ kind, mode }: TraceEvent): string {
  switch (kind) {
    case OP_ACQUIRE:
    case OP_RELEASE:
      return 'lock';
    case OP_READ:
    case OP_WRITE:
    case OP_RMW:
    case OP_CAS:
      if (mode === MODE_ATOMIC) return 'atomic';
      return kind === OP_READ ? 'read' : 'write';
    default:
      return 'other';
  }
}

/** All that is known about an operation. */
function tip({ threads }: Trace, event: TraceEvent): string {
  const { before, after, address, size, mode, note, shared } = event;
  const facts: [string, string][] = [
    ['thread', threads[event.thread]],
    ...(before === undefined ? [] : [['before', valueFact(before)] as [string, string]]),
    ...(after === undefined ? [] : [['after', valueFact(after)] as [string, string]]),
    ...(size > 0
      ? ([
          [
            'memory',
            `${amount(size, 'byte')} at ${formatAddress(address)}, ${shared ? 'shared' : 'private'}`,
          ],
          ['order', MODE_NAMES.at(Math.min(mode, MODE_MARKED)) ?? ''],
        ] as [string, string][])
      : []),
    ...(note === '' ? [] : [['note', note] as [string, string]]),
  ];
  const lines = facts.map(([name, text]) => `<em>${name.padEnd(7)}</em>${htmlLine(text)}`);
  const stack = stackLines(event).map(escapeHtml);
  return `<div class="tip">${[...lines, ...(stack.length === 0 ? [] : ['', ...stack])].join('\n')}</div>`;
}

/** A value in decimal, and as reports show it if that differs. */
function valueFact(value: number | bigint): string {
  const shown = formatValue(value);
  return shown === String(value) ? shown : `${shown} = ${value}`;
}

function formatAddress(address: number): string {
  return `0x${address.toString(16)}`;
}
