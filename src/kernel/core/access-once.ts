import type { Cpu } from './cpu.js';

/**
 * Deliberate races (kernel rule K2): a plain access to a word that others may change at the same time, where an old
 * value is as good as a new one. The name tells the reader and the race detector that it is meant: all accesses of
 * the functions in this file are marked, and one marked side is enough.
 *
 * A marked access orders nothing: what was written before a word is not sure to be seen by who reads the word so.
 *
 * Not for a loop that waits for a change: there only `Atomics.load` is sure to look again.
 */

/** Reads a word that others may be writing (ACCESS_ONCE). Any context. */
export function readOnce(k: Cpu, word: number): number {
  return k.i32[word];
}

/** {@link readOnce} for who has the image's view at hand. */
export function readWordOnce(i32: Int32Array, word: number): number {
  return i32[word];
}

/** Writes a word that others may be reading. Any context. */
export function writeOnce(k: Cpu, word: number, value: number): void {
  k.i32[word] = value;
}

/**
 * Reads a double that others may be writing. Halves of two values can come together in theory: for counters in
 * reports only. Any context.
 *
 * @param word word index of a `double`
 */
export function readDoubleOnce(k: Cpu, word: number): number {
  return k.f64[word >>> 1];
}

/** Reads a byte that others may be writing. Any context. */
export function readByteOnce(k: Cpu, byte: number): number {
  return k.u8[byte];
}
