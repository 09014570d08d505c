import { scenario } from '../../scenario.js';
import type { KnownBug } from '../self-check.js';

const LOCK = 0;
const DATA = 1;

/** After lazy01 of the benchmarks for symbolic checkers: the last of three threads sees what no two of them made. */
export const LAZY01: KnownBug = {
  name: 'lazy01',
  scenario: scenario({
    name: 'bug: lazy01',
    memory: 64,
    threads: [
      (m) => {
        m.lock(LOCK);
        m.i32[DATA] += 1;
        m.unlock(LOCK);
      },
      (m) => {
        m.lock(LOCK);
        m.i32[DATA] += 2;
        m.unlock(LOCK);
      },
      (m) => {
        m.lock(LOCK);
        if (m.i32[DATA] >= 3) throw new Error('both others were first');
        m.unlock(LOCK);
      },
    ],
  }),
  kinds: ['assertion'],
};
