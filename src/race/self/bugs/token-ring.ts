import { scenario, type SharedMemory } from '../../scenario.js';
import type { KnownBug } from '../self-check.js';

const LOCK = 0;
/** The tokens of stations 0 to 2. */
const TOKEN = 1;
/** Stations that have passed their token on. */
const PASSED = 4;

const STATIONS = 3;

/** Station `me` takes what the station before it has; the first one counts it up. Nobody sees to the order. */
function pass(m: SharedMemory, me: number): void {
  m.lock(LOCK);
  const before = m.i32[TOKEN + ((me + STATIONS - 1) % STATIONS)];
  m.i32[TOKEN + me] = me === 0 ? (before + 1) % 4 : before;
  m.i32[PASSED]++;
  m.unlock(LOCK);
}

function check(m: SharedMemory): void {
  m.lock(LOCK);
  const first = m.i32[TOKEN];
  const agree = first === m.i32[TOKEN + 1] && first === m.i32[TOKEN + 2];
  if (m.i32[PASSED] === STATIONS && !agree) throw new Error('the token was lost on its way');
  m.unlock(LOCK);
}

/** After the token ring of the benchmarks for symbolic checkers. */
export const TOKEN_RING: KnownBug = {
  name: 'token ring',
  scenario: scenario({
    name: 'bug: token ring',
    memory: 64,
    setup(m) {
      m.i32[TOKEN] = 1;
      m.i32[TOKEN + 1] = 2;
      m.i32[TOKEN + 2] = 1;
    },
    threads: [(m) => pass(m, 0), (m) => pass(m, 1), (m) => pass(m, 2), check],
  }),
  kinds: ['assertion'],
};
