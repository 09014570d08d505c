import { scenario, type SharedMemory } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import type { KnownBug } from '../self-check.js';

const FIRST_LOCK = 0;
const SECOND_LOCK = 1;
const FIRST = 2;
const SECOND = 3;

/** Two words that belong together are written one after the other, each under its own lock. */
function write(m: SharedMemory): void {
  m.lock(FIRST_LOCK);
  m.i32[FIRST] = 1;
  m.unlock(FIRST_LOCK);
  m.lock(SECOND_LOCK);
  m.i32[SECOND] = 2;
  m.unlock(SECOND_LOCK);
}

function read(m: SharedMemory): void {
  m.lock(FIRST_LOCK);
  const first = m.i32[FIRST];
  m.unlock(FIRST_LOCK);
  if (first === 0) return;
  m.lock(SECOND_LOCK);
  expectValue('the second word', m.i32[SECOND], first + 1);
  m.unlock(SECOND_LOCK);
}

/** After the two-stage program of the IBM benchmark of concurrent bugs: there is no race, and yet no atomicity. */
export const TWO_STAGE: KnownBug = {
  name: 'two-stage',
  scenario: scenario({ name: 'bug: two-stage', memory: 64, threads: [write, read] }),
  kinds: ['assertion'],
};
