import { scenario, type MemoryScenario, type SharedMemory } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { EXCLUSION_BROKEN, STUCK } from '../self-check.js';
import { threads } from '../threads.js';
import { withMutants, type WrongLines } from '../with-mutants.js';

const WRONG = {
  'keeps the turn': EXCLUSION_BROKEN,
  'raises no flag': EXCLUSION_BROKEN,
  'looks at no turn': STUCK,
  'lowers its flag plainly': ['race'],
} satisfies WrongLines;

type Line = 'right' | keyof typeof WRONG;

/** One for each thread: it wants in, or is in. */
const FLAG = 0;
/** Whose turn it is when both want in. */
const TURN = 2;
const COUNT = 3;

const ROUNDS = 2;

function enter(m: SharedMemory, me: number, line: Line): void {
  const other = 1 - me;
  Atomics.store(m.i32, FLAG + me, line === 'raises no flag' ? 0 : 1);
  Atomics.store(m.i32, TURN, line === 'keeps the turn' ? me : other);
  while (
    Atomics.load(m.i32, FLAG + other) === 1 &&
    (line === 'looks at no turn' || Atomics.load(m.i32, TURN) === other)
  ) {
    // The other one is in, or goes first.
  }
}

function leave(m: SharedMemory, me: number, line: Line): void {
  if (line === 'lowers its flag plainly') m.i32[FLAG + me] = 0;
  else Atomics.store(m.i32, FLAG + me, 0);
}

/** Peterson's lock: who comes later lets the other go first. */
function peterson(line: Line): MemoryScenario {
  return scenario({
    name: `Peterson: ${line}`,
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

export const PETERSON = withMutants(peterson, WRONG);
