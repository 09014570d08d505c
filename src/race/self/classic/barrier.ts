import { scenario, type MemoryScenario, type SharedMemory } from '../../scenario.js';
import { STUCK } from '../self-check.js';
import { threads } from '../threads.js';
import { withMutants, type WrongLines } from '../with-mutants.js';

const WRONG = {
  // A notify may come late: the one that opened the barrier before reaches those who wait for the next opening.
  'looks once': ['assertion'],
  'opens before it counts anew': ['assertion', ...STUCK],
  'wakes one': STUCK,
  'wakes nobody': STUCK,
  'counts in two steps': STUCK,
} satisfies WrongLines;

type Line = 'right' | keyof typeof WRONG;

const WORKERS = 3;
const ROUNDS = 2;

/** How often the barrier has opened. */
const GENERATION = 0;
/** How many wait for it to open. */
const WAITING = 1;
/** One for each worker: the round in which it is. */
const ROUND = 2;

function open(m: SharedMemory, line: Line): void {
  if (line !== 'opens before it counts anew') Atomics.store(m.i32, WAITING, 0);
  Atomics.add(m.i32, GENERATION, 1);
  if (line === 'opens before it counts anew') Atomics.store(m.i32, WAITING, 0);
  if (line === 'wakes nobody') return;
  Atomics.notify(m.i32, GENERATION, line === 'wakes one' ? 1 : WORKERS);
}

function count(m: SharedMemory, line: Line): number {
  if (line !== 'counts in two steps') return Atomics.add(m.i32, WAITING, 1) + 1;
  const waiting = Atomics.load(m.i32, WAITING) + 1;
  Atomics.store(m.i32, WAITING, waiting);
  return waiting;
}

function arrive(m: SharedMemory, line: Line): void {
  const generation = Atomics.load(m.i32, GENERATION);
  if (count(m, line) === WORKERS) {
    open(m, line);
  } else if (line === 'looks once') {
    if (Atomics.load(m.i32, GENERATION) === generation) Atomics.wait(m.i32, GENERATION, generation);
  } else {
    while (Atomics.load(m.i32, GENERATION) === generation) Atomics.wait(m.i32, GENERATION, generation);
  }
}

/** No worker may be past the barrier of a round before all have come to it. */
function expectAll(m: SharedMemory, me: number, round: number): void {
  for (let other = 0; other < WORKERS; other++) {
    const reached = Atomics.load(m.i32, ROUND + other);
    if (reached < round)
      throw new Error(`worker ${me} left round ${round}, worker ${other} is in ${reached}`);
  }
}

/** Three workers that go from round to round together: the last one to arrive opens the barrier and wakes the others. */
function barrier(line: Line): MemoryScenario {
  return scenario({
    name: `barrier: ${line}`,
    memory: 64,
    threads: threads(WORKERS, (me) => (m) => {
      for (let round = 1; round <= ROUNDS; round++) {
        Atomics.store(m.i32, ROUND + me, round);
        arrive(m, line);
        expectAll(m, me, round);
      }
    }),
  });
}

export const BARRIER = withMutants(barrier, WRONG);
