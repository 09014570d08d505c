import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';

import {
  checkLinearizable,
  type HistoryEntry,
  type SequentialModel,
} from '../../../src/race/detect/linearizability.js';

const STACK: SequentialModel<readonly number[]> = {
  initial: () => [],
  apply(state, name, argument) {
    if (name === 'push') return { state: [...state, argument as number], result: undefined };
    return { state: state.slice(0, -1), result: state.at(-1) };
  },
};

const COUNTER: SequentialModel<number> = {
  initial: () => 0,
  apply: (state, name) => ({ state: name === 'add' ? state + 1 : state, result: state }),
};

/** An operation: `[thread, name, argument, result, called, returned]`. */
type Row = readonly [number, string, unknown, unknown, number, number?];

function history(...rows: readonly Row[]): HistoryEntry[] {
  return rows.map(([thread, name, argument, result, called, returned]) => ({
    thread,
    name,
    argument,
    result,
    called,
    returned,
  }));
}

function messageOf(verdict: ReturnType<typeof checkLinearizable>): string {
  return verdict.ok ? '' : verdict.message;
}

describe('checkLinearizable', () => {
  it('accepts what happened one after the other', () => {
    const rows: Row[] = [
      [0, 'push', 1, undefined, 0, 1],
      [1, 'push', 2, undefined, 2, 3],
      [0, 'pop', undefined, 2, 4, 5],
      [1, 'pop', undefined, 1, 6, 7],
      [1, 'pop', undefined, undefined, 8, 9],
    ];
    expect(checkLinearizable(STACK, history(...rows))).toEqual({ ok: true });
    expect(checkLinearizable(STACK, history(...rows.toReversed()))).toEqual({ ok: true });
  });

  it('orders operations at the same time as their results need it', () => {
    const pops = (first: number, second: number) =>
      history(
        [0, 'push', 1, undefined, 0, 10],
        [1, 'push', 2, undefined, 1, 9],
        [0, 'pop', undefined, first, 11, 12],
        [1, 'pop', undefined, second, 13, 14],
      );
    expect(checkLinearizable(STACK, pops(1, 2)).ok).toBe(true);
    expect(checkLinearizable(STACK, pops(2, 1)).ok).toBe(true);
    expect(checkLinearizable(STACK, pops(2, 2)).ok).toBe(false);
  });

  it('does not let an operation take effect before its call or after its return', () => {
    const late = history([0, 'read', undefined, 1, 0, 1], [1, 'add', undefined, 0, 2, 3]);
    expect(checkLinearizable(COUNTER, late).ok).toBe(false);
    const early = history([1, 'add', undefined, 0, 0, 1], [0, 'read', undefined, 0, 2, 3]);
    expect(checkLinearizable(COUNTER, early).ok).toBe(false);
    const together = history([1, 'add', undefined, 0, 0, 2], [0, 'read', undefined, 0, 1, 3]);
    expect(checkLinearizable(COUNTER, together).ok).toBe(true);
  });

  it('lets an operation that has not returned take effect, or not', () => {
    for (const seen of [0, 1]) {
      const rows = history([0, 'add', undefined, undefined, 0], [1, 'read', undefined, seen, 1, 2]);
      expect(checkLinearizable(COUNTER, rows).ok).toBe(true);
    }
    const twice = history(
      [0, 'add', undefined, undefined, 0],
      [1, 'read', undefined, 1, 1, 2],
      [1, 'read', undefined, 0, 3, 4],
    );
    expect(checkLinearizable(COUNTER, twice).ok).toBe(false);
    const neverBegun = history([0, 'add', undefined, undefined, -1], [1, 'read', undefined, 1, 1, 2]);
    expect(checkLinearizable(COUNTER, neverBegun).ok).toBe(false);
  });

  it('names the operation that has no place, what was before it, and what would have been right', () => {
    const rows = history(
      [0, 'push', 1, undefined, 0, 1],
      [0, 'push', 2, undefined, 2, 5],
      [1, 'pop', undefined, 3, 3, 6],
      [2, 'push', 3, undefined, 7, 8],
      [2, 'pop', undefined, 7, 9, 10],
    );
    const verdict = checkLinearizable(STACK, rows);
    expect(messageOf(verdict)).toBe(
      'pop() in thread 1 returned 3, which no order of the operations explains; right would be 2 or 1 ' +
        '(before it, in order: push(1) = undefined, push(2) = undefined)',
    );
    expect(verdict).toMatchObject({ ok: false, operation: rows[2], prefix: [rows[0], rows[1]] });
  });

  it('compares deeply, or as the model says', () => {
    const model: SequentialModel<number> = {
      initial: () => 0,
      apply: (state) => ({ state, result: { list: [state] } }),
    };
    const rows = (result: unknown) => history([0, 'get', undefined, result, 0, 1]);
    expect(checkLinearizable(model, rows({ list: [0] })).ok).toBe(true);
    expect(checkLinearizable(model, rows({ list: [1] })).ok).toBe(false);
    expect(checkLinearizable({ ...model, equal: () => true }, rows(7)).ok).toBe(true);
  });

  it('refuses a model that changes its state in place', () => {
    const array: SequentialModel<number[]> = {
      initial: () => [],
      apply: (state, _name, argument) => ({ state, result: state.push(argument as number) }),
    };
    const map: SequentialModel<Map<string, unknown>> = {
      initial: () => new Map(),
      apply: (state, name, argument) => ({ state: state.set(name, argument), result: 1 }),
    };
    const rows = history([0, 'push', 5, 1, 0, 1]);
    expect(() => checkLinearizable(array, rows)).toThrow(
      /^The model failed in push: .* must not change the state/,
    );
    expect(() => checkLinearizable(map, rows)).toThrow(/^The model failed in push: the state was changed/);
  });

  it('tells states of all kinds apart', () => {
    // Each state is reached twice with the same operations taken; only what it holds tells the orders apart.
    const kinds: ((first: string) => unknown)[] = [
      (first) => new Map([[first, 1]]),
      (first) => new Set([first]),
      (first) => ({ deep: [{ first }] }),
      (first) => new Uint8Array([first.length]),
      (first) =>
        new (class {
          readonly #first = first;
          get() {
            return this.#first;
          }
        })(),
    ];
    for (const make of kinds) {
      const model: SequentialModel<{ first: string; held: unknown } | { held: unknown }> = {
        initial: () => ({ held: undefined }),
        apply(state, name) {
          if (name === 'read') return { state, result: read(state.held) };
          return { state: state.held === undefined ? { held: make(name) } : state, result: undefined };
        },
      };
      const rows = history(
        [0, 'a', undefined, undefined, 0, 10],
        [1, 'long', undefined, undefined, 1, 10],
        [2, 'read', undefined, read(make('long')), 11, 12],
      );
      expect(checkLinearizable(model, rows)).toEqual({ ok: true });
    }
  });

  it('is quick where there are many orders and few states', () => {
    const rows: Row[] = Array.from({ length: 14 }, (_, i) => [i, 'add', undefined, 13 - i, i, 100 + i]);
    rows.push([15, 'read', undefined, 15, 200, 201]);
    const blind: SequentialModel<number> = {
      ...COUNTER,
      equal: (actual, expected) => expected !== 14 || actual === 14,
    };
    expect(checkLinearizable(blind, history(...rows)).ok).toBe(false);
  });
});

/** What can be seen of a state. */
function read(held: unknown): unknown {
  if (held instanceof Map || held instanceof Set) return [...held.keys()];
  if (typeof held === 'object' && held !== null && 'get' in held) return (held.get as () => unknown)();
  return held;
}

/** An execution in which every operation does take effect at one moment between its call and its return. */
const EXECUTIONS = fc
  .array(
    fc.record({
      thread: fc.nat(2),
      name: fc.constantFrom('push', 'push', 'pop'),
      argument: fc.nat(2),
      before: fc.nat(3),
      after: fc.nat(3),
      ends: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
    }),
    { maxLength: 6 },
  )
  .map((operations) => {
    let state = STACK.initial();
    const lastReturn = [-Infinity, -Infinity, -Infinity];
    const entries: HistoryEntry[] = [];
    operations.forEach(({ thread, name, argument, before, after, ends }, i) => {
      const effect = 100 * (i + 10);
      const called = Math.max(lastReturn[thread] + 1, effect - 100 * before - 10 - thread);
      // The thread is still in an earlier operation.
      if (called > effect) return;
      const next = STACK.apply(state, name, argument);
      state = next.state;
      const returned = ends ? effect + 100 * after + 10 + thread : undefined;
      lastReturn[thread] = returned ?? Infinity;
      entries.push({ thread, name, argument, result: ends ? next.result : undefined, called, returned });
    });
    return entries;
  });

/** The same said by trying all orders of all choices of operations. */
function isLinearizable(entries: readonly HistoryEntry[], state = STACK.initial()): boolean {
  if (entries.every((entry) => entry.returned === undefined)) return true;
  return entries.some((entry, i) => {
    if (entries.some((other) => other.returned !== undefined && other.returned < entry.called)) return false;
    const next = STACK.apply(state, entry.name, entry.argument);
    if (entry.returned !== undefined && next.result !== entry.result) return false;
    return isLinearizable(entries.toSpliced(i, 1), next.state);
  });
}

describe('histories', () => {
  test.prop([EXECUTIONS])('of operations that take effect at one moment are accepted', (entries) => {
    expect(checkLinearizable(STACK, entries)).toEqual({ ok: true });
  });

  test.prop([EXECUTIONS, fc.nat(5), fc.option(fc.nat(2), { nil: undefined })], { numRuns: 1000 })(
    'with a wrong result are judged as by trying all orders',
    (entries, at, result) => {
      const changed = entries.map((entry, i) =>
        i === at && entry.name === 'pop' ? { ...entry, result } : entry,
      );
      const verdict = checkLinearizable(STACK, changed);
      expect(verdict.ok).toBe(isLinearizable(changed));
      if (verdict.ok) return;
      // The order that the message shows is one, and so is none with the operation.
      expect(isLinearizable(verdict.prefix)).toBe(true);
      expect(verdict.prefix).not.toContain(verdict.operation);
      const { thread, name } = verdict.operation;
      expect(verdict.message).toMatch(new RegExp(`^${name}\\(\\d?\\) in thread ${thread} returned`));
    },
  );
});
