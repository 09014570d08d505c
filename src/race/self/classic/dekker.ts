import { scenario, type MemoryScenario, type SharedMemory } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { EXCLUSION_BROKEN, STUCK } from '../self-check.js';
import { threads } from '../threads.js';
import { withMutants, type WrongLines } from '../with-mutants.js';

const WRONG = {
  'raises no flag at first': EXCLUSION_BROKEN,
  'raises its flag no more': EXCLUSION_BROKEN,
  'does not give way': STUCK,
  'keeps the turn': STUCK,
} satisfies WrongLines;

type Line = 'right' | keyof typeof WRONG;

/** One for each thread: it wants in, or is in. */
const FLAG = 0;
/** Who need not give way. */
const TURN = 2;
const COUNT = 3;

const ROUNDS = 2;

function enter(m: SharedMemory, me: number, line: Line): void {
  const other = 1 - me;
  if (line !== 'raises no flag at first') Atomics.store(m.i32, FLAG + me, 1);
  while (Atomics.load(m.i32, FLAG + other) === 1) {
    if (Atomics.load(m.i32, TURN) === me) continue;
    if (line !== 'does not give way') Atomics.store(m.i32, FLAG + me, 0);
    while (Atomics.load(m.i32, TURN) !== me) {
      // The other one is in, or about to go in.
    }
    if (line !== 'raises its flag no more') Atomics.store(m.i32, FLAG + me, 1);
  }
}

function leave(m: SharedMemory, me: number, line: Line): void {
  if (line !== 'keeps the turn') Atomics.store(m.i32, TURN, 1 - me);
  Atomics.store(m.i32, FLAG + me, 0);
}

/** Dekker's lock, the oldest one: of two that want in, one gives way until the other was in. */
function dekker(line: Line): MemoryScenario {
  return scenario({
    name: `Dekker: ${line}`,
    memory: 64,
    threads: threads(2, (me) => (m) => {
      for (let round = 0; round < ROUNDS; round++) {
        enter(m, me, line);
        m.i32[COUNT]++;
        leave(m, me, line);
      }
    }),
    final: (m) => expectValue('the count', m.i32[COUNT], 2 * ROUNDS),
  });
}

export const DEKKER = withMutants(dekker, WRONG);
