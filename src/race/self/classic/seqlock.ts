import { scenario, type MemoryScenario, type SharedMemory } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { threads } from '../threads.js';
import { withMutants, type WrongLines } from '../with-mutants.js';

const WRONG = {
  'never reads again': ['assertion'],
  'reads while somebody writes': ['assertion'],
  'announces its writing too late': ['assertion'],
  'ends its writing too early': ['assertion'],
  'writes without the lock': ['assertion'],
  'reads plainly': ['race'],
} satisfies WrongLines;

type Line = 'right' | keyof typeof WRONG;

/** Odd while somebody writes. */
const SEQUENCE = 0;
/** Keeps writers apart. */
const LOCK = 1;
/** The data: two words that are always equal to those who read them right. */
const LEFT = 2;
const RIGHT = 3;

const WRITERS = 2;

function write(m: SharedMemory, line: Line): void {
  if (line !== 'writes without the lock') m.lock(LOCK);
  if (line !== 'announces its writing too late') Atomics.add(m.i32, SEQUENCE, 1);
  const value = Atomics.load(m.i32, LEFT) + 1;
  Atomics.store(m.i32, LEFT, value);
  if (line === 'announces its writing too late') Atomics.add(m.i32, SEQUENCE, 1);
  if (line === 'ends its writing too early') Atomics.add(m.i32, SEQUENCE, 1);
  Atomics.store(m.i32, RIGHT, value);
  if (line !== 'ends its writing too early') Atomics.add(m.i32, SEQUENCE, 1);
  if (line !== 'writes without the lock') m.unlock(LOCK);
}

function read(m: SharedMemory, line: Line): void {
  while (true) {
    const sequence = Atomics.load(m.i32, SEQUENCE);
    if ((sequence & 1) !== 0 && line !== 'reads while somebody writes') continue;
    const left = line === 'reads plainly' ? m.i32[LEFT] : Atomics.load(m.i32, LEFT);
    const right = Atomics.load(m.i32, RIGHT);
    if (Atomics.load(m.i32, SEQUENCE) !== sequence && line !== 'never reads again') continue;
    expectValue('the right word', right, left);
    return;
  }
}

/**
 * A sequence lock: readers write nothing, and read again if somebody wrote meanwhile. What they read is a race by
 * design, so the data are read and written by Atomics.
 */
function seqlock(line: Line): MemoryScenario {
  return scenario({
    name: `seqlock: ${line}`,
    memory: 64,
    threads: [...threads(WRITERS, () => (m) => write(m, line)), (m) => read(m, line)],
    final: (m) => {
      expectValue('the left word', m.i32[LEFT], WRITERS);
      expectValue('the right word', m.i32[RIGHT], WRITERS);
    },
  });
}

export const SEQLOCK = withMutants(seqlock, WRONG);
