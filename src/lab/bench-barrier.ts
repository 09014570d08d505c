import type { Kernel } from '../kernel/kernel.js';

/** Who waits: a CPU, which serves its interrupts meanwhile, or another thread. */
type Waiter = Pick<Kernel, 'poll'>;

/** Where the CPUs of a row meet: words of the row's shared memory, a cache line each. */
export const ARRIVED = 0;
export const GENERATION = 16;
/** Not 0: the sample has lasted long enough. */
export const STOP = 32;
/** Not 0: a CPU has failed, and nobody waits for it any longer. */
export const ABORTED = 48;
export const BARRIER_WORDS = 64;

/** Looks before a wait becomes a sleep: some tens of microseconds, more than others need to wake up. */
const SPINS = 5000;

/** The longest sleep before interrupts and the abort word are looked at again (milliseconds). */
const SLICE_MS = 1;

/** After this long a CPU that does not come is given up (milliseconds). */
const LIMIT_MS = 60_000;

/** Waits until all CPUs of the row have come. */
export function meet(k: Waiter, shared: Int32Array, parties: number): void {
  const generation = Atomics.load(shared, GENERATION);
  if (Atomics.add(shared, ARRIVED, 1) + 1 === parties) {
    Atomics.store(shared, ARRIVED, 0);
    Atomics.store(shared, GENERATION, generation + 1);
    Atomics.notify(shared, GENERATION);
    return;
  }
  waitWhile(k, shared, GENERATION, generation);
}

/**
 * Waits while a shared word has a value; who changes it notifies. Serves this CPU's interrupts meanwhile.
 *
 * @throws Error when another CPU has failed or does nothing any more
 */
export function waitWhile(k: Waiter, shared: Int32Array, word: number, value: number): void {
  for (let spin = 0; spin < SPINS; spin++) {
    if (Atomics.load(shared, word) !== value) return;
  }
  const start = performance.now();
  while (Atomics.load(shared, word) === value) {
    Atomics.wait(shared, word, value, SLICE_MS);
    checkOthers(shared, start);
    k.poll();
  }
}

/**
 * Part of every wait.
 *
 * @param start when the wait began, by `performance.now()`
 */
export function checkOthers(shared: Int32Array, start: number): void {
  if (Atomics.load(shared, ABORTED) !== 0)
    throw new Error('the bench was given up because another CPU failed');
  if (performance.now() - start > LIMIT_MS) {
    throw new Error(`the bench was given up: another CPU has not moved for ${LIMIT_MS / 1000} s`);
  }
}
