import { expect, test } from 'vitest';
import { RandomStrategy } from '../../../src/race/strategies/random.js';
import { replayStrategy } from '../../../src/race/strategies/replay.js';
import { Model, type ModelProgram, type Step } from './support/model.js';

const add = (word: number): Step => ({ do: 'add', word, value: 1 });

const program: ModelProgram = {
  threads: [
    [add(0), { do: 'choose', limit: 3 }, add(0), add(1)],
    [{ do: 'lock', word: 5 }, add(0), { do: 'unlock', word: 5 }],
    [{ do: 'lock', word: 5 }, add(1), { do: 'unlock', word: 5 }],
  ],
};

test('every schedule repeats its execution', () => {
  const model = new Model(program);
  const random = new RandomStrategy({ seed: 1, firstExecution: 0 });
  for (let i = 0; i < 50; i++) {
    model.next(random);
    const { schedule } = model;
    const segments = schedule.map((thread) => ({ thread, steps: 1 }));
    const numbers = model.numbers().split(';')[0].split(',').map(Number);
    const state = model.finalState();
    const replay = replayStrategy({ segments, numbers }, 'strict');
    expect(model.next(replay)).toBe(true);
    expect(model.schedule).toEqual(schedule);
    expect(model.finalState()).toBe(state);
    expect(replay.divergence).toBeUndefined();
  }
});

test('a last segment without an end goes on until its thread has ended, then whoever is left', () => {
  const model = new Model(program);
  const replay = replayStrategy(
    {
      segments: [
        { thread: 1, steps: 1 },
        { thread: 0, steps: Infinity },
      ],
      numbers: [2],
    },
    'strict',
  );
  expect(model.next(replay)).toBe(true);
  expect(model.schedule.join('')).toBe('100011222');
  expect(model.numbers()).toBe('2;;');
  expect(replay.divergence).toBeUndefined();
});

test('strict gives up where the wanted thread cannot go on, and says where', () => {
  const model = new Model(program);
  const segments = [
    { thread: 1, steps: 2 },
    { thread: 2, steps: 1 },
  ];
  const replay = replayStrategy({ segments, numbers: [] }, 'strict');
  expect(model.next(replay)).toBe(false);
  expect(replay.divergence).toEqual({
    step: 2,
    message: 'the schedule wants thread 2, which cannot go on',
  });
});

test('lenient goes on with the last thread until the wanted one can, and leaves out those that have ended', () => {
  const model = new Model(program);
  const segments = [
    { thread: 1, steps: 2 },
    { thread: 2, steps: 2 },
    { thread: 1, steps: 1 },
    { thread: 0, steps: 9 },
  ];
  const replay = replayStrategy({ segments, numbers: [7] }, 'lenient');
  expect(model.next(replay)).toBe(true);
  expect(model.schedule.join('')).toBe('111220002');
  expect(replay.divergence?.step).toBe(2);
});
