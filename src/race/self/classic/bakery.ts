import { scenario, type MemoryScenario, type SharedMemory } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { EXCLUSION_BROKEN, STUCK } from '../self-check.js';
import { threads } from '../threads.js';
import { withMutants, type WrongLines } from '../with-mutants.js';

const WRONG = {
  'waits for nobody who draws': EXCLUSION_BROKEN,
  'lets equals in together': EXCLUSION_BROKEN,
  'lets no equal in': STUCK,
  'draws the highest number again': EXCLUSION_BROKEN,
} satisfies WrongLines;

type Line = 'right' | keyof typeof WRONG;

const THREADS = 3;

/** One for each thread: it is drawing its number. */
const DRAWING = 0;
/** One for each thread: its number, 0 for none. */
const NUMBER = 3;
const COUNT = 6;

function highest(m: SharedMemory): number {
  let most = 0;
  for (let i = 0; i < THREADS; i++) {
    const number = Atomics.load(m.i32, NUMBER + i);
    if (number > most) most = number;
  }
  return most;
}

function draw(m: SharedMemory, me: number, line: Line): number {
  Atomics.store(m.i32, DRAWING + me, 1);
  const number = highest(m) + (line === 'draws the highest number again' ? 0 : 1);
  Atomics.store(m.i32, NUMBER + me, number);
  Atomics.store(m.i32, DRAWING + me, 0);
  return number;
}

/** Whether thread `other`, which has drawn a number, goes in before this one. */
function isBefore(other: number, number: number, me: number, mine: number, line: Line): boolean {
  if (number !== mine) return number < mine;
  if (line === 'lets equals in together') return false;
  return line === 'lets no equal in' || other < me;
}

function waitFor(m: SharedMemory, other: number, me: number, mine: number, line: Line): void {
  while (line !== 'waits for nobody who draws' && Atomics.load(m.i32, DRAWING + other) === 1) {
    // Its number may be the smaller one.
  }
  let number = Atomics.load(m.i32, NUMBER + other);
  while (number !== 0 && isBefore(other, number, me, mine, line)) {
    number = Atomics.load(m.i32, NUMBER + other);
  }
}

/** Lamport's bakery: everybody draws a number, the smallest goes in; of equals, the thread with the smaller number. */
function bakery(line: Line): MemoryScenario {
  return scenario({
    name: `bakery: ${line}`,
    memory: 64,
    threads: threads(THREADS, (me) => (m) => {
      const mine = draw(m, me, line);
      for (let other = 0; other < THREADS; other++) {
        if (other !== me) waitFor(m, other, me, mine, line);
      }
      m.i32[COUNT]++;
      Atomics.store(m.i32, NUMBER + me, 0);
    }),
    final: (m) => expectValue('the count', m.i32[COUNT], THREADS),
  });
}

export const BAKERY = withMutants(bakery, WRONG);
