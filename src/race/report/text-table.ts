import type { Trace } from '../engine/failure.js';
import { callText, placeText } from './call-stack.js';
import { type ColumnNeed, shareWidth } from './columns.js';
import { amount } from './count.js';
import { operationParts } from './operation-text.js';
import { oneLine } from './plain-text.js';
import type { Row } from './rows.js';
import { cutPath, cutStart, wrapParts } from './wrap.js';

/** Where texts spill over, the columns of threads have at least this. */
const LEAST_SPILLING = 9;
/** The last one has at least this, and this part of the room. */
const LEAST_THREAD = 24;
const LAST_PART = 0.4;
/** All columns of threads together have room for a line about all of them. */
const LEAST_TEXT = 40;
/** The places in the source have at least this, and one in `SOURCE_PART` columns of the width if possible. */
const LEAST_SOURCE = 14;
const SOURCE_PART = 5;
/** From so many threads on there is less room for indentation. */
const MANY_THREADS = 4;
const MARKS = { none: ' ', related: '*', failure: '>' } as const;

/** Where the columns are: a step, a column for each thread, the place in the source. */
interface Layout {
  readonly step: number;
  readonly threads: readonly number[];
  readonly source: number;
  /** Blanks for each call that something stands in. */
  readonly indent: number;
  /** Texts go on into the columns of later threads, which are empty in their rows, before they are broken. */
  readonly spill: boolean;
}

/** The text of a row before it is put in columns; undefined for rows that are drawn across. */
interface Cell {
  readonly thread: number;
  readonly depth: number;
  /** Broken between these if it is too long. */
  readonly parts: readonly string[];
  readonly step: string;
  readonly place: string;
}

/** The rows of a trace as the lines of a table. */
export function tableLines(trace: Trace, rows: readonly Row[], width: number): string[] {
  const names = trace.threads.map(oneLine);
  const kind = trace.failure.kind;
  const layout = layOut(names, rows, kind, width);
  const rule = `|${[layout.step, ...layout.threads, layout.source].map((w) => '-'.repeat(w + 2)).join('|')}|`;
  const body = rows.flatMap((row) => rowLines(row, layout, names, kind));
  return [...headingLines(layout, names), rule, ...body, rule];
}

function layOut(names: readonly string[], rows: readonly Row[], kind: string, width: number): Layout {
  const indent = names.length >= MANY_THREADS ? 1 : 2;
  const cells = rows.map((row) => cellOf(row, kind)).filter((cell) => cell !== undefined);
  // Room for the name with an arrow to it.
  const wanted = names.map((name) => name.length + 4);
  for (const { thread, depth, parts } of cells) {
    wanted[thread] = Math.max(wanted[thread], depth * indent + parts.join(' ').length);
  }
  wanted[0] += Math.max(0, LEAST_TEXT - wanted.reduce((sum, w) => sum + w, 0));
  const step = Math.max('step'.length, ...cells.map((cell) => cell.step.length));
  const room = width - step - (3 * (names.length + 2) + 1);
  // The places give way first, down to a part of the width, or to what the narrowest columns leave.
  const threadsWanted = wanted.reduce((sum, w) => sum + w, 0);
  const threadsLeast = LEAST_SPILLING * (names.length - 1) + LEAST_THREAD;
  const part = Math.min(Math.floor(width / SOURCE_PART), room - threadsLeast);
  const sourceRoom = Math.max(LEAST_SOURCE, part, room - threadsWanted);
  const places = cells.map(({ place }) => cutPath(place, sourceRoom).length);
  const source = Math.max('source'.length, ...places);
  const threadsRoom = Math.max(0, room - source);
  const spill = threadsRoom < threadsWanted;
  // The text of the last thread has no other column to spill into.
  const lastPart = Math.min(
    Math.floor(threadsRoom * LAST_PART),
    threadsRoom - LEAST_SPILLING * (names.length - 1),
  );
  const needs = wanted.map((w, i): ColumnNeed => {
    const least = i === wanted.length - 1 ? Math.max(LEAST_THREAD, lastPart) : LEAST_SPILLING;
    return { wanted: w, least: Math.min(w, least) };
  });
  return { step, threads: shareWidth(needs, threadsRoom), source, indent, spill };
}

function cellOf(row: Row, kind: string): Cell | undefined {
  switch (row.kind) {
    case 'call': {
      const { thread, depth, call } = row;
      return { thread, depth, parts: [callText(call)], step: '', place: call.from };
    }
    case 'operation': {
      const { thread, depth, event, mark } = row;
      const step = `${MARKS[mark]} ${event.step}`;
      return { thread, depth, parts: operationParts(event), step, place: placeText(event.site) };
    }
    case 'private': {
      const { thread, depth, events } = row;
      const text = `... ${amount(events.length, 'private access', 'private accesses')}`;
      return { thread, depth, parts: [text], step: '', place: '' };
    }
    case 'failure':
      // Drawn below the operation, as wide as the column allows.
      return row.thread < 0 ? undefined : { ...row, parts: [`^ ${kind}`], step: '', place: '' };
    case 'switch':
    case 'omission':
      return undefined;
  }
}

function rowLines(row: Row, layout: Layout, names: readonly string[], kind: string): string[] {
  switch (row.kind) {
    case 'switch':
      return [switchLine(row.from, row.to, layout, names)];
    case 'omission':
      return acrossLines(`... ${amount(row.events.length, 'operation')} left out ...`, layout);
    case 'failure':
      if (row.thread < 0) return acrossLines(`^ ${kind} ^`, layout);
      break;
    case 'call':
    case 'operation':
    case 'private':
      break;
  }
  const cell = cellOf(row, kind);
  if (cell === undefined) return [];
  const start = startOf(cell.thread, layout);
  const room = layout.spill ? startOf(names.length, layout) - 3 - start : layout.threads[cell.thread];
  const blanks = Math.min(cell.depth * layout.indent, Math.floor(layout.threads[cell.thread] / 3));
  return wrapParts(cell.parts, room - blanks, 2).map((text, i) => {
    const line = i === 0 ? emptyLine(layout, cell.step, cell.place) : emptyLine(layout);
    const shown = ' '.repeat(blanks) + text;
    return overwrite(line, start, shown.length < room ? `${shown} ` : shown);
  });
}

function headingLines(layout: Layout, names: readonly string[]): string[] {
  const cells = layout.threads.map((width, i) => wrapParts([names[i]], width));
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, i) => {
    const line = i === 0 ? emptyLine(layout, 'step', 'source') : emptyLine(layout);
    return cells.reduce(
      (text, lines, thread) => overwrite(text, startOf(thread, layout), lines.at(i) ?? ''),
      line,
    );
  });
}

/** A line in which no thread has done anything yet. */
function emptyLine(layout: Layout, step = '', place = ''): string {
  const threads = layout.threads.map((width) => ' '.repeat(width));
  const source = cutPath(place, layout.source).padEnd(layout.source);
  return `| ${[step.padStart(layout.step), ...threads, source].join(' | ')} |`;
}

/** Where the text of a thread's column starts in a line. */
function startOf(thread: number, { step, threads }: Layout): number {
  return threads.slice(0, thread).reduce((sum, width) => sum + width + 3, 2 + step + 3);
}

/** An arrow from the column of one thread to that of another, with the other's name at its end. */
function switchLine(from: number, to: number, layout: Layout, names: readonly string[]): string {
  const blank = emptyLine(layout);
  const start = (thread: number): number => startOf(thread, layout);
  if (from < to) {
    const tail = start(from) + 1;
    const head = start(to) - 1;
    const end = layout.spill ? start(names.length) - 3 : start(to) + layout.threads[to];
    const name = cutStart(names[to], end - head - '-> '.length);
    return overwrite(blank, tail, `'${'-'.repeat(head - tail - 1)}-> ${name}`);
  }
  const tail = start(from) + 1;
  const name = cutStart(names[to], tail - start(to) - ' <-'.length);
  const head = start(to) + name.length + 1;
  return overwrite(blank, start(to), `${name} <${'-'.repeat(tail - head - 1)}'`);
}

/** A text in the middle of all columns of threads. */
function acrossLines(text: string, layout: Layout): string[] {
  const start = startOf(0, layout);
  const width = startOf(layout.threads.length, layout) - 3 - start;
  return wrapParts([text], width).map((line) =>
    overwrite(emptyLine(layout), start, line.padStart(Math.floor((width + line.length) / 2)).padEnd(width)),
  );
}

function overwrite(line: string, at: number, text: string): string {
  return line.slice(0, at) + text + line.slice(at + text.length);
}
