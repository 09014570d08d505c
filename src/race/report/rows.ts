import type { Trace, TraceEvent } from '../engine/failure.js';
import { OP_CAS, OP_READ, OP_RELEASE, OP_ACQUIRE, OP_RMW, OP_WRITE } from '../engine/op.js';
import { type Call, callsOf, commonCalls } from './call-stack.js';

/** How much an operation has to do with the failure. */
export type Mark = 'none' | 'related' | 'failure';

/** What a report shows of a trace, from top to bottom. */
export type Row =
  /** A function is entered. */
  | { readonly kind: 'call'; readonly thread: number; readonly depth: number; readonly call: Call }
  | {
      readonly kind: 'operation';
      readonly thread: number;
      readonly depth: number;
      readonly event: TraceEvent;
      readonly mark: Mark;
    }
  /** Operations on memory that nobody else uses, folded. */
  | {
      readonly kind: 'private';
      readonly thread: number;
      readonly depth: number;
      readonly events: readonly TraceEvent[];
    }
  | { readonly kind: 'switch'; readonly from: number; readonly to: number }
  /** Operations in the middle of a very long trace. */
  | { readonly kind: 'omission'; readonly events: readonly TraceEvent[] }
  /** Here the failure was noticed. `thread` is -1 for no thread; it is the one of the operation above, if `below`. */
  | { readonly kind: 'failure'; readonly thread: number; readonly depth: number; readonly below: boolean };

/** Operations that become one row. */
interface Item {
  readonly events: readonly TraceEvent[];
  readonly kind: 'operation' | 'private' | 'omission';
}

/** More operations than these at the start and at the end are not read by anybody. */
const FIRST_ITEMS = 60;
const LAST_ITEMS = 180;

const FOLDED_KINDS = new Set<number>([OP_READ, OP_WRITE, OP_RMW, OP_CAS, OP_ACQUIRE, OP_RELEASE]);

/**
 * The rows of a trace.
 *
 * @param full fold nothing, leave nothing out
 */
export function reportRows(trace: Trace, full: boolean): Row[] {
  const marks = marksOf(trace);
  const kept = new Set([...marks.keys(), trace.failure.step]);
  const items = full ? trace.events.map(single) : shorten(fold(trace.events, kept), kept);
  return new RowWriter(trace, items, marks).rows();
}

/** The operations of a failure: the one that the failing thread was at, and those that the details speak of. */
export function marksOf({ failure, events }: Trace): ReadonlyMap<number, Mark> {
  const marks = new Map<number, Mark>();
  for (const { step } of failure.details) if (step !== undefined) marks.set(step, 'related');
  const at = events.find(({ step }) => step === failure.step);
  return at?.thread === failure.thread ? marks.set(failure.step, 'failure') : marks;
}

/** How often another thread went on. */
export function countSwitches(events: readonly TraceEvent[]): number {
  return events.filter(({ thread }, i) => i > 0 && events[i - 1].thread !== thread).length;
}

function single(event: TraceEvent): Item {
  return { events: [event], kind: 'operation' };
}

function fold(events: readonly TraceEvent[], kept: ReadonlySet<number>): Item[] {
  const isFolded = (event: TraceEvent): boolean =>
    !event.shared && event.note === '' && FOLDED_KINDS.has(event.kind) && !kept.has(event.step);
  const items: Item[] = [];
  for (let i = 0; i < events.length;) {
    let end = i;
    while (end < events.length && isFolded(events[end]) && events[end].thread === events[i].thread) end++;
    // A single one takes no more room than a line about it.
    items.push(end - i > 1 ? { events: events.slice(i, end), kind: 'private' } : single(events[i]));
    i = Math.max(end, i + 1);
  }
  return items;
}

function shorten(items: readonly Item[], kept: ReadonlySet<number>): Item[] {
  const shortened: Item[] = [];
  let omitted: TraceEvent[] = [];
  const flush = (): void => {
    if (omitted.length > 0) shortened.push({ events: omitted, kind: 'omission' });
    omitted = [];
  };
  items.forEach((item, i) => {
    const isKept = item.events.some(({ step }) => kept.has(step));
    if (i >= FIRST_ITEMS && i < items.length - LAST_ITEMS && !isKept) {
      for (const event of item.events) omitted.push(event);
      return;
    }
    flush();
    shortened.push(item);
  });
  flush();
  return shortened;
}

/** Follows the calls of each thread, and says what is new in each item. */
class RowWriter {
  readonly #trace: Trace;
  readonly #items: readonly Item[];
  readonly #marks: ReadonlyMap<number, Mark>;
  readonly #rows: Row[] = [];
  /** For each thread the calls that the rows have shown, and that have not ended. */
  readonly #shown: (readonly Call[])[];
  #current = -1;

  constructor(trace: Trace, items: readonly Item[], marks: ReadonlyMap<number, Mark>) {
    this.#trace = trace;
    this.#items = items;
    this.#marks = marks;
    this.#shown = trace.threads.map(() => []);
  }

  rows(): Row[] {
    const { failure } = this.#trace;
    if (failure.step < 0) this.#failure(-1);
    this.#items.forEach((item, i) => this.#item(item, i));
    if (!this.#rows.some(({ kind }) => kind === 'failure')) this.#failure(-1);
    return this.#rows;
  }

  #item({ kind, events }: Item, i: number): void {
    const [event] = events;
    if (kind === 'omission') {
      this.#rows.push({ kind, events });
      for (const each of events) this.#leave(each.thread, callsOf(each));
      this.#current = events[events.length - 1].thread;
      return;
    }
    const { thread } = event;
    if (this.#current >= 0 && this.#current !== thread) {
      this.#rows.push({ kind: 'switch', from: this.#current, to: thread });
    }
    this.#current = thread;
    if (kind === 'private') {
      const depth = this.#enter(thread, this.#callsAround(events, i));
      this.#rows.push({ kind, thread, depth, events });
      return;
    }
    const depth = this.#enter(thread, callsOf(event));
    const mark = this.#marks.get(event.step) ?? 'none';
    this.#rows.push({ kind, thread, depth, event, mark });
    if (event.step === this.#trace.failure.step) this.#failure(thread, depth);
  }

  /** The calls that folded operations have in common with what is shown above or below them. */
  #callsAround(events: readonly TraceEvent[], i: number): readonly Call[] {
    const { thread } = events[0];
    let around: readonly Call[] = callsOf(events[0]);
    for (const event of events) around = around.slice(0, commonCalls(around, callsOf(event)));
    const next = this.#items
      .slice(i + 1)
      .find((item) => item.kind === 'operation' && item.events[0].thread === thread);
    const below = next === undefined ? 0 : commonCalls(around, callsOf(next.events[0]));
    return around.slice(0, Math.max(below, commonCalls(around, this.#shown[thread])));
  }

  /** Shows the calls that are new; gives the depth of what happens in them. */
  #enter(thread: number, calls: readonly Call[]): number {
    for (let depth = commonCalls(this.#shown[thread], calls); depth < calls.length; depth++) {
      this.#rows.push({ kind: 'call', thread, depth, call: calls[depth] });
    }
    this.#shown[thread] = calls;
    return calls.length;
  }

  #leave(thread: number, calls: readonly Call[]): void {
    const shown = this.#shown[thread];
    this.#shown[thread] = shown.slice(0, commonCalls(shown, calls));
  }

  #failure(above: number, depth = 0): void {
    const { thread } = this.#trace.failure;
    this.#rows.push({ kind: 'failure', thread, depth, below: thread >= 0 && thread === above });
  }
}
