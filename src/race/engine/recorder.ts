import type { Executor } from './executor.js';
import type { TraceEvent } from './failure.js';
import { OP_CAS, OP_LOCAL, OP_NOTIFY, OP_READ, OP_RELEASE, OP_TIMEOUT, OP_WAIT, OP_WRITE } from './op.js';
import { siteOf } from './sites.js';
import { callsOf } from './stack.js';
import type { SharedView, SimThread } from './thread.js';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Records an execution for a report: every operation with names, values and the calls around it. */
export class Recorder {
  readonly events: Mutable<TraceEvent>[] = [];
  readonly #executor: Executor;
  /** The thread whose operation was booked last, and has not yet had its effect. */
  #open: SimThread | null = null;
  /** ... and where: when that is asked for, the thread may have posted its next one. */
  #view: SharedView | null = null;
  #index = 0;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /** Remembers the calls around a pending operation: later, when it is executed, they are not on the stack. */
  capture(t: SimThread): void {
    this.finishEvent();
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 60;
    t.calls = callsOf(new Error().stack ?? '');
    Error.stackTraceLimit = limit;
  }

  /** An operation is executed now. */
  begin(t: SimThread): void {
    this.finishEvent();
    const { memory } = this.#executor;
    const kind = this.#executor.kindOf(t.id);
    const before = t.view === null ? undefined : t.view[t.index];
    this.events.push({
      step: this.#executor.steps - 1,
      thread: t.id,
      kind,
      mode: t.mode,
      address: t.address,
      size: t.size,
      name: kind === OP_LOCAL ? '' : this.#executor.nameOf(t.address, t.size, memory.infoOf(t.view)),
      before,
      after: kind === OP_WRITE && before !== undefined ? t.a : before,
      note: '',
      site: siteOf(t.site),
      calls: t.calls,
      shared: true,
    });
    this.#open = t;
    this.#view = t.view;
    this.#index = t.index;
  }

  /** The operation before has had its effect: what is in the word now? */
  finishEvent(): void {
    const t = this.#open;
    const event = this.events.at(-1);
    if (t === null || event === undefined) return;
    this.#open = null;
    // The operation that fails has no effect any more; what it meant to write is shown all the same.
    const isFailing = this.#executor.failure?.step === event.step;
    if (!isFailing && event.kind !== OP_READ && event.before !== undefined && this.#view !== null) {
      event.after = this.#view[this.#index];
    }
    event.note = noteOf(event.kind, t);
  }

  /** The execution is over: marks the operations on memory that one thread alone has used, or all have only read. */
  end(): void {
    this.finishEvent();
    const users = new Map<number, number>();
    for (const event of this.events) {
      const use = (1 << event.thread) | (event.kind === OP_READ ? 0 : WRITTEN);
      for (const word of wordsOf(event)) users.set(word, (users.get(word) ?? 0) | use);
    }
    for (const event of this.events) {
      event.shared = event.size === 0 || wordsOf(event).some((word) => isShared(users.get(word) ?? 0));
    }
  }
}

/** A bit that no thread has. */
const WRITTEN = 1 << 30;

function isShared(use: number): boolean {
  const threads = use & ~WRITTEN;
  return threads !== use && (threads & (threads - 1)) !== 0;
}

function wordsOf({ address, size }: TraceEvent): number[] {
  const words: number[] = [];
  for (let word = address >>> 2; word < (address + size + 3) >>> 2; word++) words.push(word);
  return words;
}

function noteOf(kind: number, t: SimThread): string {
  switch (kind) {
    case OP_WAIT:
      return t.waiting ? 'sleeps' : t.result;
    case OP_TIMEOUT:
      return t.result === 'ok' ? 'wakes for no reason' : 'timed out';
    case OP_NOTIFY:
      return t.woken === 1 ? 'wakes 1 thread' : `wakes ${t.woken} threads`;
    case OP_CAS:
      return 'succeeds';
    case OP_RELEASE:
    default:
      return '';
  }
}
