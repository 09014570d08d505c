import type { Cpu } from './cpu.js';

/**
 * Deliberate races (kernel rule K2): a plain access to a word that others may change at the same time, where an old
 * value is as good as a new one. The name tells the reader and the race detector that it is meant.
 *
 * Not for a loop that waits for a change: there only `Atomics.load` is sure to look again.
 */

/** Reads a word that others may be writing (ACCESS_ONCE). Any context. */
export function readOnce(k: Cpu, word: number): number {
  return k.i32[word];
}

/** Writes a word that others may be reading. Any context. */
export function writeOnce(k: Cpu, word: number, value: number): void {
  k.i32[word] = value;
}
