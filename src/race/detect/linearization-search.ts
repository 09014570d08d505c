import { isDeepStrictEqual } from 'node:util';

import type { HistoryEntry, SequentialModel } from './linearizability.js';
import { freezeState, StateKeys } from './state-key.js';

/** No operation. */
const NONE = -1;

/**
 * Looks for an order of operations that a model agrees with, by trying: Wing and Gong's search, with Lowe's memory of
 * the (set of operations, state) that were reached before and led nowhere.
 */
export class LinearizationSearch<State> {
  readonly #model: SequentialModel<State>;
  /** By the time of their calls. */
  readonly #entries: readonly HistoryEntry[];
  /** The entry whose result does not matter, and is what is looked for. */
  readonly #unknown: HistoryEntry | undefined;
  readonly #keys = new StateKeys();
  readonly #visited = new Set<string>();

  /** The order so far: indices of entries; the states before each and after the last; which entries are in it. */
  readonly #order: number[] = [];
  readonly #states: State[] = [];
  readonly #isTaken: boolean[];
  /** The first entry that is not in the order. */
  #first = 0;
  /** Entries that have returned and are not in the order. */
  #missing: number;
  #unknownResult: unknown;
  /** Whether there are states that cannot be frozen, such as a Map. */
  #isOpen = false;

  constructor(model: SequentialModel<State>, history: readonly HistoryEntry[], unknown?: HistoryEntry) {
    this.#model = model;
    this.#entries = history.slice().sort((a, b) => a.called - b.called);
    this.#unknown = unknown;
    this.#isTaken = this.#entries.map(() => false);
    this.#missing = this.#entries.filter((entry) => entry.returned !== undefined).length;
    const state = model.initial();
    this.#freeze(state);
    this.#states.push(state);
  }

  /** An order of all operations that have returned and of some that have not; undefined when there is none. */
  find(): HistoryEntry[] | undefined {
    let from = 0;
    while (this.#missing > 0) {
      from = this.#step(from);
      if (from === NONE) return undefined;
    }
    return this.#order.map((index) => this.#entries[index]);
  }

  /** The results that the unknown operation has in the orders that are found in so many steps. */
  findResults(maxSteps: number): unknown[] {
    const results: unknown[] = [];
    let from = 0;
    for (let steps = 0; steps < maxSteps && from !== NONE; steps++) {
      from = this.#step(from);
      if (from === NONE || this.#missing > 0) continue;
      results.push(this.#unknownResult);
      from = this.#takeBack();
    }
    return results;
  }

  /**
   * Lengthens the order by the next entry that fits, not before number `from`; or shortens it by one when none does.
   *
   * @returns the `from` of the next step; NONE when all was tried
   */
  #step(from: number): number {
    const index = this.#nextCandidate(from);
    if (index === NONE) return this.#takeBack();
    return this.#take(index) ? this.#first : index + 1;
  }

  /** The next entry that no other one which is still missing had returned before. */
  #nextCandidate(from: number): number {
    let firstReturn = Infinity;
    let firstThread = NONE;
    for (let i = this.#first; i < this.#entries.length; i++) {
      if (this.#isTaken[i]) continue;
      const { thread, called, returned } = this.#entries[i];
      if (called > firstReturn || (called === firstReturn && thread === firstThread)) return NONE;
      if (i >= from) return i;
      if (returned === undefined || returned >= firstReturn) continue;
      firstReturn = returned;
      firstThread = thread;
    }
    return NONE;
  }

  /** Puts the entry at the end of the order, if the model agrees and this leads to something new. */
  #take(index: number): boolean {
    const entry = this.#entries[index];
    const { state, result } = this.#apply(entry);
    const isUnknown = entry === this.#unknown;
    if (isUnknown) this.#unknownResult = result;
    else if (entry.returned !== undefined && !this.#agrees(entry.result, result)) return false;
    this.#isTaken[index] = true;
    const first = this.#first;
    while (this.#isTaken[this.#first]) this.#first++;
    if (!this.#isNew(state)) {
      this.#isTaken[index] = false;
      this.#first = first;
      return false;
    }
    this.#order.push(index);
    this.#states.push(state);
    if (entry.returned !== undefined) this.#missing--;
    return true;
  }

  #takeBack(): number {
    const index = this.#order.pop();
    if (index === undefined) return NONE;
    this.#states.pop();
    this.#isTaken[index] = false;
    if (index < this.#first) this.#first = index;
    if (this.#entries[index] === this.#unknown) this.#unknownResult = undefined;
    if (this.#entries[index].returned !== undefined) this.#missing++;
    return index + 1;
  }

  #apply(entry: HistoryEntry): { readonly state: State; readonly result: unknown } {
    const state = this.#states[this.#states.length - 1];
    const before = this.#isOpen ? this.#keys.of(state) : '';
    try {
      const next = this.#model.apply(state, entry.name, entry.argument);
      this.#freeze(next.state);
      if (before !== '' && this.#keys.of(state) !== before) throw new TypeError('the state was changed');
      return next;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const hint = error instanceof TypeError ? ' (apply must not change the state that it is given)' : '';
      throw new Error(`The model failed in ${entry.name}: ${reason}${hint}`, { cause: error });
    }
  }

  #freeze(state: State): void {
    if (!freezeState(state)) this.#isOpen = true;
  }

  #agrees(actual: unknown, expected: unknown): boolean {
    if (this.#model.equal !== undefined) return this.#model.equal(actual, expected);
    return Object.is(actual, expected) || isDeepStrictEqual(actual, expected);
  }

  /** Whether this state, with the entries taken by now, was not reached before. */
  #isNew(state: State): boolean {
    let key = `${this.#first}`;
    for (let i = this.#first + 1; i < this.#entries.length; i++) if (this.#isTaken[i]) key += `,${i}`;
    key += `/${this.#model.key?.(state) ?? this.#keys.of(state)}`;
    if (this.#unknown !== undefined) key += `/${this.#keys.of(this.#unknownResult)}`;
    if (this.#visited.has(key)) return false;
    this.#visited.add(key);
    return true;
  }
}
