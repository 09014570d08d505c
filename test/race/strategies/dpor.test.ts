import { describe, expect, test } from 'vitest';
import { DporStrategy } from '../../../src/race/strategies/dpor.js';
import { exploreModel } from './support/explore.js';
import { Model, type ModelProgram, type Step } from './support/model.js';

const x = 0;
const y = 1;

const load = (word: number): Step => ({ do: 'load', word });
const store = (word: number, value = 1): Step => ({ do: 'store', word, value });

function executionsOf(threads: readonly (readonly Step[])[]): number {
  const strategy = new DporStrategy();
  const model = new Model({ threads });
  let executions = 0;
  for (let finished = model.next(strategy); finished !== undefined; finished = model.next(strategy)) {
    if (finished) executions++;
  }
  expect(strategy.complete).toBe(true);
  expect(strategy.executions).toBe(executions);
  return executions;
}

function times<T>(n: number, make: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => make(i));
}

describe('dpor executes each class of executions once', () => {
  test.each([
    [2, 2],
    [3, 6],
    [4, 24],
    [5, 120],
    [6, 720],
  ])('%i threads that add to one word: %i', (n, expected) => {
    expect(executionsOf(times(n, () => [{ do: 'add', word: x, value: 1 }]))).toBe(expected);
  });

  test.each([
    [2, 4],
    [3, 36],
    [4, 576],
  ])('%i threads that load one word and store it: %i', (n, expected) => {
    expect(executionsOf(times(n, () => [load(x), { do: 'store register plus 1', word: x }]))).toBe(expected);
  });

  test.each([2, 3, 4, 5, 6])('%i threads that exchange 0 for their number: as many', (n) => {
    expect(executionsOf(times(n, (i) => [{ do: 'cas', word: x, expected: 0, value: i + 1 }]))).toBe(n);
  });

  test.each([
    [2, 2],
    [3, 5],
    [4, 14],
    [5, 43],
    [6, 144],
  ])('%i threads that exchange their number for the next: %i', (n, expected) => {
    expect(executionsOf(times(n, (i) => [{ do: 'cas', word: x, expected: i, value: i + 1 }]))).toBe(expected);
  });

  test('litmus tests: store buffering 3, message passing 3, load buffering 3, IRIW 15', () => {
    expect(
      executionsOf([
        [store(x), load(y)],
        [store(y), load(x)],
      ]),
    ).toBe(3);
    expect(
      executionsOf([
        [store(x), store(y)],
        [load(y), load(x)],
      ]),
    ).toBe(3);
    expect(
      executionsOf([
        [load(x), store(y)],
        [load(y), store(x)],
      ]),
    ).toBe(3);
    expect(executionsOf([[store(x)], [store(y)], [load(x), load(y)], [load(y), load(x)]])).toBe(15);
  });

  test('a lock around everything: as many as orders of the sections', () => {
    const section = (word: number): Step[] => [
      { do: 'lock', word: 5 },
      load(word),
      { do: 'store register plus 1', word },
      { do: 'unlock', word: 5 },
    ];
    expect(executionsOf(times(4, () => section(x)))).toBe(24);
  });

  test('threads that share nothing: one', () => {
    expect(executionsOf(times(5, (i) => [store(i), load(i), store(i, 2)]))).toBe(1);
  });
});

test('an interrupt runs in every place where it is enabled, and nowhere else', () => {
  const program: ModelProgram = {
    threads: [
      [
        store(x),
        store(y),
        { do: 'disable interrupts' },
        load(x),
        load(y),
        { do: 'enable interrupts' },
        store(x, 3),
      ],
    ],
    interrupts: [{ base: 0, steps: [load(x), store(y, 2)] }],
  };
  // Before each store, or not at all. Interrupts are disabled as soon as the second one is done.
  const strategy = new DporStrategy();
  exploreModel(program, strategy);
  expect(strategy.complete).toBe(true);
  expect(strategy.executions).toBe(4);
});
