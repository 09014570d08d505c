import { scenario, type MemoryScenario, type SharedMemory } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { withMutants, type WrongLines } from '../with-mutants.js';

const WRONG = {
  'publishes before it writes': ['race', 'assertion'],
  'frees before it reads': ['race'],
  'overfills by one': ['race', 'assertion'],
  'takes from the empty ring': ['race', 'assertion'],
  'publishes plainly': ['race'],
} satisfies WrongLines;

type Line = 'right' | keyof typeof WRONG;

/** How many were taken: only the consumer writes it. */
const TAKEN = 0;
/** How many were put in: only the producer writes it. */
const PUT = 1;
const SLOTS = 2;

const SIZE = 2;
const ITEMS = 4;

function put(m: SharedMemory, value: number, line: Line): void {
  const index = m.i32[PUT];
  const room = line === 'overfills by one' ? SIZE + 1 : SIZE;
  while (index - Atomics.load(m.i32, TAKEN) >= room) {
    // Full.
  }
  if (line === 'publishes before it writes') Atomics.store(m.i32, PUT, index + 1);
  m.i32[SLOTS + (index % SIZE)] = value;
  if (line === 'publishes plainly') m.i32[PUT] = index + 1;
  else Atomics.store(m.i32, PUT, index + 1);
}

function take(m: SharedMemory, line: Line): number {
  const index = m.i32[TAKEN];
  while (line !== 'takes from the empty ring' && Atomics.load(m.i32, PUT) === index) {
    // Empty.
  }
  if (line === 'frees before it reads') Atomics.store(m.i32, TAKEN, index + 1);
  const value = m.i32[SLOTS + (index % SIZE)];
  Atomics.store(m.i32, TAKEN, index + 1);
  return value;
}

/** A ring with one producer and one consumer: each has a count that only it writes, so no lock is needed. */
function ring(line: Line): MemoryScenario {
  return scenario({
    name: `ring: ${line}`,
    memory: 64,
    threads: [
      (m) => {
        for (let item = 1; item <= ITEMS; item++) put(m, item, line);
      },
      (m) => {
        for (let item = 1; item <= ITEMS; item++) expectValue('the next item', take(m, line), item);
      },
    ],
  });
}

export const RING = withMutants(ring, WRONG);
