import type { FailureDetail, Trace, TraceEvent } from '../engine/failure.js';
import { stackLines } from './call-stack.js';
import { amount } from './count.js';
import { operationText } from './operation-text.js';
import { oneLine, plainLines } from './plain-text.js';
import { countSwitches, reportRows } from './rows.js';
import { tableLines } from './text-table.js';

export interface ReportOptions {
  /** The command that explored the scenario, up to where `--replay` is added: `npx gfp check stack.ts`. */
  readonly command: string;
  /** Columns of the table, where it fits; default 120. */
  readonly width?: number;
  /** Fold no private accesses, leave nothing out. */
  readonly full?: boolean;
}

const DEFAULT_WIDTH = 120;

/** A section below the table. */
export interface Section {
  readonly heading: string;
  readonly lines: readonly string[];
}

/**
 * The report of a failure: its cause, who did what in which order, what else is known, and how to replay it. The same
 * trace gives the same text, byte for byte.
 */
export function renderTrace(trace: Trace, options: ReportOptions): string {
  const rows = reportRows(trace, options.full ?? false);
  const lines = [
    ...causeLines(trace),
    scaleLine(trace),
    '',
    ...tableLines(trace, rows, options.width ?? DEFAULT_WIDTH),
    '',
    ...sectionsOf(trace).flatMap(({ heading, lines: below }) => [
      heading,
      ...below.map((line) => `  ${line}`),
      '',
    ]),
    ...replayLines(trace, options.command),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** The cause; if it has several lines, against the rules, the others are not lost. */
export function causeLines({ failure }: Trace): string[] {
  const [first, ...others] = plainLines(failure.message).filter((line) => line.trim() !== '');
  return [`${failure.kind}: ${first.trim()}`, ...others.map((line) => `  ${line}`)];
}

/** What was run, and how much of it. */
export function scaleLine({ scenario, threads, events }: Trace): string {
  return (
    `in scenario '${oneLine(scenario)}': ${amount(threads.length, 'thread')}, ` +
    `${amount(events.length, 'operation')}, ${amount(countSwitches(events), 'switch', 'switches')}`
  );
}

/** Where the failure was noticed, and the details that came with it. */
export function sectionsOf(trace: Trace): Section[] {
  const { failure, events } = trace;
  const at = eventAt(events, failure.step);
  const isTold = failure.details.some(({ step }) => step === failure.step);
  const own = at?.thread === failure.thread && !isTold ? [eventSection(trace, at)] : [];
  return [...own, ...failure.details.map((detail) => detailSection(trace, detail))];
}

function eventSection({ threads }: Trace, event: TraceEvent): Section {
  const heading = `step ${event.step}, ${oneLine(threads[event.thread])}: ${operationText(event)}`;
  return { heading, lines: stackLines(event) };
}

/** A detail as it came; one without lines about an operation gets the operation's stack. */
function detailSection({ events }: Trace, { heading, lines, step }: FailureDetail): Section {
  const at = step === undefined || lines.length > 0 ? undefined : eventAt(events, step);
  return { heading: oneLine(heading), lines: at === undefined ? lines.flatMap(plainLines) : stackLines(at) };
}

/** The exact command and code that repeat the execution. */
export function replayLines({ token }: Trace, command: string): string[] {
  return [`replay: ${command} --replay ${token}`, `in code: await explore(scenario, { replay: '${token}' })`];
}

function eventAt(events: readonly TraceEvent[], step: number): TraceEvent | undefined {
  return events.find((event) => event.step === step);
}
