import { expect, test } from 'vitest';
import type { ExecutionView } from '../../../src/race/engine/strategy.js';
import { createStrategy, StrategyNameError } from '../../../src/race/strategies/index.js';
import { exploreModel } from './support/explore.js';
import { Model, type Step } from './support/model.js';

const store = (word: number, value = 1): Step => ({ do: 'store', word, value });
const times = (n: number, step: Step): Step[] => Array.from({ length: n }, () => step);

/** More schedules than anybody tries, and more classes of them. */
const large = { threads: [times(30, store(0)), times(30, store(0, 2)), times(30, store(1))] };

test('begins with all schedules of no and one preemption', () => {
  const bounded = exploreModel(large, createStrategy('dfs:1', { seed: 1 }));
  const { schedules } = exploreModel(
    large,
    createStrategy('portfolio', { seed: 1 }),
    bounded.executions + bounded.abandoned,
  );
  expect(schedules).toEqual(bounded.schedules);
});

test('lets the others have their turn before it has tried all of them', () => {
  // So long that there are more than a thousand places for one preemption.
  const longer = { threads: [times(150, store(0)), times(150, store(0, 2)), times(150, store(1))] };
  const few = exploreModel(longer, createStrategy('portfolio', { seed: 1 }), 600);
  expect(Math.max(...few.schedules.values())).toBeLessThanOrEqual(1);
  const more = exploreModel(longer, createStrategy('portfolio', { seed: 1 }), 700);
  expect(Math.max(...more.schedules.values())).toBeGreaterThan(2);
});

test('is complete when the schedules without a preemption are all, and when dpor has seen everything', () => {
  const alone = createStrategy('portfolio', { seed: 1 });
  expect(exploreModel({ threads: [[store(0)]] }, alone).executions).toBe(1);
  expect(alone.complete).toBe(true);

  const disjoint = createStrategy('portfolio', { seed: 1 });
  const found = exploreModel({ threads: [times(30, store(0)), times(30, store(2))] }, disjoint, 1000);
  expect(found.ended).toBe(true);
  expect(disjoint.complete).toBe(true);
});

test('makes the same schedules again for the same seed, others for another', () => {
  const run = (seed: number): string[] => [
    ...exploreModel(large, createStrategy('portfolio', { seed }), 700).schedules.keys(),
  ];
  expect(run(4)).toEqual(run(4));
  expect(run(4)).not.toEqual(run(5));
});

test('leaves the exhaustive part to the one that has execution 0', () => {
  const model = new Model(large);
  const strategy = createStrategy('portfolio', { seed: 4, firstExecution: 1000 });
  model.next(strategy);
  expect(model.preemptions).toBeGreaterThan(1);
});

/** A model in which words are found to be shared while it is explored. */
class GrowingModel extends Model implements ExecutionView {
  grown = false;

  override takeGrowth(): boolean {
    const { grown } = this;
    this.grown = false;
    return grown;
  }
}

test.each(['dfs', 'dpor', 'portfolio'])('%s starts over when there are more scheduling points', (name) => {
  const threads = [
    [store(0), store(1)],
    [store(1), store(0)],
  ];
  const model = new GrowingModel({ threads });
  const strategy = createStrategy(name, { seed: 1 });
  const count = (): number => {
    let executions = 0;
    for (let end = model.next(strategy); end !== undefined; end = model.next(strategy)) {
      if (end) executions++;
    }
    return executions;
  };
  const all = count();
  expect(strategy.complete).toBe(true);
  const again = createStrategy(name, { seed: 1 });
  model.next(again);
  model.next(again);
  model.grown = true;
  let executions = 2;
  for (let end = model.next(again); end !== undefined; end = model.next(again)) if (end) executions++;
  expect(executions).toBe(all + 2);
  expect(again.complete).toBe(true);
});

test('names: parsed, and refused with what would be right', () => {
  for (const name of [
    'dfs',
    'dfs:0',
    'dfs:2',
    'dpor',
    'random',
    'pct',
    'pct:2',
    'pos',
    'surw',
    'portfolio',
  ]) {
    expect(createStrategy(name, { seed: 1 }).complete).toBe(false);
  }
  const refuse = (name: string): unknown => {
    try {
      return createStrategy(name, { seed: 1 });
    } catch (error) {
      return error instanceof StrategyNameError ? error.message : error;
    }
  };
  expect(['pcr:2', 'pct:0', 'pct:x', 'dfs:-1', 'dpor:3', 'dfs:'].map(refuse)).toMatchInlineSnapshot(`
    [
      "there is no strategy 'pcr:2': use one of portfolio, dfs, dfs:N, dpor, random, pct:D, pos, surw (N: preemptions at most, D: depth of the bug)",
      "'pct:0': after the colon comes an integer from 1 to 16",
      "'pct:x': after the colon comes an integer from 1 to 16",
      "'dfs:-1': after the colon comes an integer from 0 to 1000",
      "'dpor:3': dpor takes no number",
      "'dfs:': after the colon comes an integer from 0 to 1000",
    ]
  `);
});
