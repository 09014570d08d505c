import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { DfsStrategy } from '../../../src/race/strategies/dfs.js';
import { Exhaustive } from './support/exhaustive.js';
import { exploreModel } from './support/explore.js';
import type { Step } from './support/model.js';
import { programOf } from './support/programs.js';

const thread = (word: number, operations: number): Step[] =>
  Array.from({ length: operations }, (_, i) => ({ do: 'store', word, value: i }));

describe('dfs counts every schedule once', () => {
  test.each([
    [[1, 1], 2],
    [[2, 2], 6],
    [[3, 3], 20],
    [[4, 5], 126],
    [[2, 2, 2], 90],
    [[3, 3, 3], 1680],
    [[1, 2, 3, 1], 420],
  ])('threads of %j operations: %i', (lengths, schedules) => {
    const strategy = new DfsStrategy();
    const found = exploreModel({ threads: lengths.map((length, i) => thread(i % 2, length)) }, strategy);
    expect(strategy.complete).toBe(true);
    expect(found.executions).toBe(schedules);
    expect(found.schedules.size).toBe(schedules);
    expect(strategy.executions).toBe(schedules);
  });

  test('two threads of n operations: 2 schedules without a preemption, 2(n - 1) more with one', () => {
    const threads = [thread(0, 50), thread(0, 50)];
    const none = new DfsStrategy(0);
    expect(exploreModel({ threads }, none).executions).toBe(2);
    expect(none.complete).toBe(false);
    expect(exploreModel({ threads }, new DfsStrategy(1)).executions).toBe(2 + 2 * 49);
  });

  test('a thread alone: one schedule, complete without a preemption', () => {
    const strategy = new DfsStrategy(0);
    expect(exploreModel({ threads: [thread(0, 5)] }, strategy).executions).toBe(1);
    expect(strategy.complete).toBe(true);
  });
});

const program = programOf({
  blocks: ['accesses', 'locks', 'numbers', 'waits'],
  threads: 3,
  blocksPerThread: 2,
});

describe('dfs with a bound covers exactly the schedules with at most so many preemptions', () => {
  property.prop([program, fc.nat({ max: 3 })], { numRuns: 60, seed: 3 })('any program', (model, bound) => {
    const all = exploreModel(model, new Exhaustive(), 2000);
    fc.pre(all.ended);
    const strategy = new DfsStrategy(bound);
    const some = exploreModel(model, strategy);
    const expected = [...all.schedules].filter(([, preemptions]) => preemptions <= bound);
    expect([...some.schedules].sort()).toEqual(expected.sort());
    expect(strategy.executions).toBe(expected.length);
    expect(strategy.complete).toBe(expected.length === all.schedules.size);
  });

  test('bounds come one after the other', () => {
    const threads = [thread(0, 3), thread(0, 3), thread(1, 2)];
    const { schedules } = exploreModel({ threads }, new DfsStrategy());
    const preemptions = [...schedules.values()];
    expect(preemptions).toEqual(preemptions.toSorted((a, b) => a - b));
    expect(preemptions.at(-1)).toBeGreaterThan(3);
  });
});
