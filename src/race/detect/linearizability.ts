import { inspect } from 'node:util';

import { LinearizationSearch } from './linearization-search.js';

/** An object as one thread alone would see it. */
export interface SequentialModel<State = unknown> {
  initial(): State;
  /**
   * What the operation does in this state: the state after it, and what it returns. The state that it is given must
   * stay as it is. Objects and arrays are frozen before, so that changing one throws.
   */
  apply(state: State, name: string, argument: unknown): { readonly state: State; readonly result: unknown };
  /** A text that is the same only for states that are the same; made from all of the state when it is missing. */
  key?(state: State): string;
  /** Whether the program's result is the model's; without it, they are compared deeply. */
  equal?(actual: unknown, expected: unknown): boolean;
}

/** An operation that a thread called. */
export interface HistoryEntry {
  readonly thread: number;
  readonly name: string;
  readonly argument: unknown;
  readonly result: unknown;
  /** When it began; negative: it never did anything. */
  readonly called: number;
  /** When it ended; undefined: it did not. It may have taken effect or not. */
  readonly returned: number | undefined;
}

/** What {@link checkLinearizable} found. */
export type Linearizability =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** The cause in one line. */
      readonly message: string;
      /** The operations before `operation` returned, in an order that explains their results. */
      readonly prefix: readonly HistoryEntry[];
      /** The first operation to return what no order explains. */
      readonly operation: HistoryEntry;
    };

/** Steps after which the search for results that would have been right ends, as it is only for the message. */
const MAX_STEPS_FOR_RESULTS = 10_000;
const MAX_RESULTS_SHOWN = 4;
const MAX_VALUE_LENGTH = 60;

/**
 * Whether the operations can be put into an order, in which each has its whole effect at one moment between its call
 * and its return, so that the model gives all the results that the program gave.
 *
 * @param history operations in any order
 */
export function checkLinearizable<State>(
  model: SequentialModel<State>,
  history: readonly HistoryEntry[],
): Linearizability {
  const begun = history.filter((entry) => entry.called >= 0);
  if (new LinearizationSearch(model, begun).find() !== undefined) return { ok: true };
  const operation = firstUnexplained(model, begun);
  const before = cut(begun, operation.returned ?? Infinity);
  const prefix = new LinearizationSearch(model, without(before, operation)).find() ?? [];
  return { ok: false, message: describe(model, before, operation, prefix), prefix, operation };
}

/** The operation up to whose return, and not before, the history has no order. */
function firstUnexplained<State>(
  model: SequentialModel<State>,
  history: readonly HistoryEntry[],
): HistoryEntry {
  const ended = history.filter((entry) => entry.returned !== undefined);
  ended.sort((a, b) => returnOf(a) - returnOf(b));
  // A history that goes on has no more orders than its beginning: the first one without any is between these.
  let explained = -1;
  let unexplained = ended.length - 1;
  while (unexplained - explained > 1) {
    const middle = (explained + unexplained) >> 1;
    const part = cut(history, returnOf(ended[middle]));
    if (new LinearizationSearch(model, part).find() === undefined) unexplained = middle;
    else explained = middle;
  }
  return ended[unexplained];
}

/** The history as it was at this time: what returned later is still going on. */
function cut(history: readonly HistoryEntry[], time: number): HistoryEntry[] {
  return history
    .filter((entry) => entry.called <= time)
    .map((entry) => (returnOf(entry) <= time ? entry : { ...entry, returned: undefined }));
}

function without(history: readonly HistoryEntry[], operation: HistoryEntry): HistoryEntry[] {
  return history.filter((entry) => entry !== operation);
}

function returnOf(entry: HistoryEntry): number {
  return entry.returned ?? Infinity;
}

function describe<State>(
  model: SequentialModel<State>,
  history: readonly HistoryEntry[],
  operation: HistoryEntry,
  prefix: readonly HistoryEntry[],
): string {
  const search = new LinearizationSearch(model, history, operation);
  const results = [...new Set(search.findResults(MAX_STEPS_FOR_RESULTS).map(valueText))];
  const shown = results.slice(0, MAX_RESULTS_SHOWN).join(' or ');
  const more = results.length > MAX_RESULTS_SHOWN ? ' or others' : '';
  const right = results.length === 0 ? '' : `; right would be ${shown}${more}`;
  const order =
    prefix.length === 0
      ? 'nothing was before it'
      : `before it, in order: ${prefix.map(entryText).join(', ')}`;
  return (
    `${callText(operation)} in thread ${operation.thread} returned ${valueText(operation.result)}, ` +
    `which no order of the operations explains${right} (${order})`
  );
}

function entryText(entry: HistoryEntry): string {
  return entry.returned === undefined ? callText(entry) : `${callText(entry)} = ${valueText(entry.result)}`;
}

function callText(entry: HistoryEntry): string {
  return `${entry.name}(${entry.argument === undefined ? '' : valueText(entry.argument)})`;
}

function valueText(value: unknown): string {
  const text = inspect(value, { breakLength: Infinity, compact: true });
  return text.length <= MAX_VALUE_LENGTH ? text : `${text.slice(0, MAX_VALUE_LENGTH)}...`;
}
