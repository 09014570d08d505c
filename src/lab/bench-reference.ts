import type { Kernel } from '../kernel/kernel.js';

/** How long each of the two is measured (milliseconds). */
const SAMPLE_MS = 4;

/** Between two looks at the clock. */
const ROUND = 2000;

const NS_PER_MS = 1e6;

/** Nanoseconds of one bare `Atomics.add` on a word that nobody else uses. */
export function measureAtomicAdd(i32: Int32Array, word: number): number {
  const start = performance.now();
  let rounds = 0;
  let elapsed: number;
  do {
    addRound(i32, word);
    rounds++;
    elapsed = performance.now() - start;
  } while (elapsed < SAMPLE_MS);
  return (elapsed * NS_PER_MS) / (rounds * ROUND);
}

/** Nanoseconds of one lock and unlock of a lock that nobody else wants. */
export function measureLock(k: Kernel, lock: number): number {
  const start = performance.now();
  let rounds = 0;
  let elapsed: number;
  do {
    lockRound(k, lock);
    rounds++;
    elapsed = performance.now() - start;
  } while (elapsed < SAMPLE_MS);
  return (elapsed * NS_PER_MS) / (rounds * ROUND);
}

function addRound(i32: Int32Array, word: number): void {
  for (let i = 0; i < ROUND; i++) Atomics.add(i32, word, 1);
}

function lockRound(k: Kernel, lock: number): void {
  for (let i = 0; i < ROUND; i++) {
    k.spin_lock(lock);
    k.spin_unlock(lock);
  }
}
