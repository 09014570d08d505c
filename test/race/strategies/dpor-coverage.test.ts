import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { DporStrategy } from '../../../src/race/strategies/dpor.js';
import { Exhaustive } from './support/exhaustive.js';
import { exploreModel } from './support/explore.js';
import type { ModelProgram } from './support/model.js';
import { programOf, type ProgramShape } from './support/programs.js';

/** Programs with more schedules are left out: all of them are tried. */
const MAX_SCHEDULES = 2000;
const RUNS = 60;

/** All that any schedule can lead to is reached, and nothing twice. */
function checkCoverage(program: ModelProgram): void {
  const all = exploreModel(program, new Exhaustive(), MAX_SCHEDULES);
  fc.pre(all.ended);
  const strategy = new DporStrategy();
  const some = exploreModel(program, strategy);
  expect([...some.classes.keys()].sort()).toEqual([...all.classes.keys()].sort());
  expect([...some.states].sort()).toEqual([...all.states].sort());
  expect(strategy.executions).toBe(all.classes.size);
  expect(strategy.complete).toBe(true);
}

const shapes: [string, ProgramShape][] = [
  ['accesses of words and bytes', { blocks: ['accesses'], threads: 3, blocksPerThread: 3 }],
  ['accesses of four threads', { blocks: ['accesses'], threads: 4, blocksPerThread: 2 }],
  ['locks of readers and writers', { blocks: ['locks', 'accesses'], threads: 3, blocksPerThread: 2 }],
  ['locks of four threads', { blocks: ['locks'], threads: 4, blocksPerThread: 1 }],
  ['waits', { blocks: ['accesses', 'waits'], threads: 3, blocksPerThread: 3 }],
  ['timed waits', { blocks: ['accesses', 'waits'], threads: 3, blocksPerThread: 2, timeouts: 1 }],
  ['numbers and branches', { blocks: ['accesses', 'numbers', 'branches'], threads: 3, blocksPerThread: 3 }],
  ['interrupts', { blocks: ['accesses', 'masked'], threads: 2, blocksPerThread: 3, interrupts: true }],
  [
    'everything',
    {
      blocks: ['accesses', 'locks', 'waits', 'numbers', 'branches', 'masked'],
      threads: 3,
      blocksPerThread: 2,
      timeouts: 1,
      interrupts: true,
    },
  ],
];

describe('dpor reaches everything, once', () => {
  for (const [name, shape] of shapes) {
    test.prop([programOf(shape)], {
      numRuns: RUNS,
      seed: 3,
    })(name, checkCoverage);
  }
});
