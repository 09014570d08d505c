import { KernelPanic, MachineHalted } from '../kernel/core/errors.js';

/** How a stress run stands: the values of a word that its host and all that work in it share. */

/** Go on. */
export const RUN = 0;
/** The time is over: free everything, and end. */
export const STOP_AND_FREE = 1;
/** Something has failed: end at once, and leave everything as it is. */
export const STOP_AT_ONCE = 2;

export type HowToStop = typeof STOP_AND_FREE | typeof STOP_AT_ONCE;

/** Ends a run, unless it was already told to end more quickly. */
export function stopRun(i32: Int32Array, word: number, how: HowToStop): void {
  if (how === STOP_AT_ONCE) Atomics.store(i32, word, how);
  else Atomics.compareExchange(i32, word, RUN, how);
}

/** Does a part of a run's work. When that fails, all others stop; of a panic the kernel tells them itself. */
export function guarded(control: { stop(how: HowToStop): void }, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof KernelPanic || error instanceof MachineHalted)) control.stop(STOP_AT_ONCE);
    throw error;
  }
}
