import { def } from './engine/twin.js';
import { MODE_MARKED } from './engine/op.js';
import { runningExecutor } from './runtime.js';

/**
 * What simulated code can do beside plain accesses and Atomics. The functions are ordinary ones wherever no explorer
 * runs; their twins tell it what is meant.
 */

/** Reads an element that others may be writing: a deliberate race, which no detector reports. */
export const readOnce = def(
  (view: Int32Array, index: number): number => view[index],
  function* (view: Int32Array, index: number) {
    if (runningExecutor().read(view, index, MODE_MARKED, 0)) yield;
    return view[index];
  },
);

/** Writes an element that others may be reading: a deliberate race, which no detector reports. */
export const writeOnce = def(
  (view: Int32Array, index: number, value: number): void => {
    view[index] = value;
  },
  function* (view: Int32Array, index: number, value: number) {
    if (runningExecutor().write(view, index, value, MODE_MARKED, 0)) yield;
    view[index] = value;
  },
);

/** A hint inside a spin loop: this thread can only go on when the word changes. */
export const cpuRelax = def(
  (_word: number): void => {},
  function* (word: number) {
    if (runningExecutor().relax(word, 0)) yield;
  },
);

function onlySimulated(): void {
  throw new Error('a simulated lock is used outside of an execution');
}

/** Takes a lock in one blocking step: when `(word & mask) === 0`, adds `mine`. Only for simulated threads. */
export const acquireWord = def(
  (_word: number, _mask: number, _mine: number): void => {
    onlySimulated();
  },
  function* (word: number, mask: number, mine: number) {
    if (runningExecutor().acquire(word, mask, mine, true, 0)) yield;
  },
);

/** {@link acquireWord} of a word that several can have at a time: it has no owner, and no place in the order of locks. */
export const awaitWord = def(
  (_word: number, _mask: number, _mine: number): void => {
    onlySimulated();
  },
  function* (word: number, mask: number, mine: number) {
    if (runningExecutor().acquire(word, mask, mine, false, 0)) yield;
  },
);

/**
 * The running thread has taken a lock by an atomic operation of its own.
 *
 * @param waits it would have waited for it: that counts for the order of locks
 */
export function noteTaken(word: number, waits: boolean): void {
  runningExecutor().noteTaken(word, waits);
}

/** Releases a lock that {@link acquireWord} took. */
export const releaseWord = def(
  (_word: number, _mine: number): void => {
    onlySimulated();
  },
  function* (word: number, mine: number) {
    if (runningExecutor().release(word, mine, 0)) yield;
  },
);
