import { scenario, type SharedMemory } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import type { KnownBug } from '../self-check.js';

const RIGHT_LOCK = 0;
const WRONG_LOCK = 1;
const DATA = 2;

function increment(m: SharedMemory, lock: number): void {
  m.lock(lock);
  m.i32[DATA]++;
  m.unlock(lock);
}

/** After the wrong-lock program of the IBM benchmark of concurrent bugs: all lock, but not all the same lock. */
export const WRONG_LOCK_TAKEN: KnownBug = {
  name: 'wrong lock',
  scenario: scenario({
    name: 'bug: wrong lock',
    memory: 64,
    threads: [
      (m) => increment(m, RIGHT_LOCK),
      (m) => increment(m, RIGHT_LOCK),
      (m) => increment(m, WRONG_LOCK),
    ],
    final: (m) => expectValue('the sum', m.i32[DATA], 3),
  }),
  kinds: ['race', 'assertion'],
};
