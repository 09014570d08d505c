import { scenario, type SharedMemory } from '../../scenario.js';
import type { KnownBug } from '../self-check.js';

const LOCK = 0;
/** Something was pushed: set by the first push, and never taken back. This is the bug. */
const FILLED = 1;
const DEPTH = 2;
const SLOTS = 3;

const ITEMS = 3;

function push(m: SharedMemory, value: number): void {
  m.lock(LOCK);
  m.i32[SLOTS + m.i32[DEPTH]] = value;
  m.i32[DEPTH]++;
  m.i32[FILLED] = 1;
  m.unlock(LOCK);
}

function popIfFilled(m: SharedMemory): void {
  m.lock(LOCK);
  if (m.i32[FILLED] === 1) {
    if (m.i32[DEPTH] === 0) throw new Error('the stack is empty');
    m.i32[DEPTH]--;
  }
  m.unlock(LOCK);
}

/** After the stack of the benchmarks for symbolic checkers: one thread pops faster than the other pushes. */
export const STACK: KnownBug = {
  name: 'stack',
  scenario: scenario({
    name: 'bug: stack',
    memory: 64,
    threads: [
      (m) => {
        for (let item = 1; item <= ITEMS; item++) push(m, item);
      },
      (m) => {
        for (let item = 1; item <= ITEMS; item++) popIfFilled(m);
      },
    ],
  }),
  kinds: ['assertion'],
};
