/**
 * What the race detector knows about a word or a byte of memory: a cell of 16 numbers, one cache line.
 *
 * A cell holds three records of accesses: the last plain write, the last read, and the last atomic write. A record that
 * the next one does not make superfluous moves into the cell's list (see `access-list.ts`).
 */

/** Numbers of a cell, as a shift. */
export const CELL_SHIFT = 4;
export const CELL_NUMBERS = 1 << CELL_SHIFT;

/** The record of the last plain write. */
export const CELL_WRITE = 0;
/** The record of the last read, plain or atomic. */
export const CELL_READ = 4;
/** The record of the last atomic write. */
export const CELL_ATOMIC = 8;
/** Of a word: where its four byte cells start; 0 while it is whole. The records of a split word are empty. */
export const CELL_SPLIT = 12;
/** The first node of the list of further records; valid in the execution of CELL_LIST_EXECUTION. */
export const CELL_LIST = 13;
export const CELL_LIST_EXECUTION = 14;
/** Of a word with an even number: the first published clock in the 8 bytes that start here; 0 for none. */
export const CELL_SYNC = 15;

/** A record: when and by whom (see below); 0 for none. */
export const RECORD_STAMP = 0;
export const RECORD_SITE = 1;
export const RECORD_STEP = 2;
/** Which bytes the access covered, as {@link packRange} says it; negative: ~index in a table of long ranges. */
export const RECORD_RANGE = 3;
export const RECORD_NUMBERS = 4;

/**
 * A stamp is clock << 6 | atomic << 5 | thread. Stamps of earlier executions have clocks that every thread has seen, so
 * that they are ordered before everything without being cleared; the same holds for 0.
 */
export const STAMP_CLOCK_SHIFT = 6;
export const STAMP_ATOMIC = 32;
export const STAMP_THREAD_MASK = 31;
export const STAMP_TICK = 1 << STAMP_CLOCK_SHIFT;

/** Longest access whose range is packed into a number. */
export const MAX_PACKED_SIZE = 8;
const SIZE_BITS = 4;
const SIZE_MASK = (1 << SIZE_BITS) - 1;

/** The range of an access of at most 8 bytes, which starts `delta` bytes before the cell. */
export function packRange(delta: number, size: number): number {
  return (delta << SIZE_BITS) | size;
}

export function rangeDelta(range: number): number {
  return range >> SIZE_BITS;
}

/** Atomic accesses are aligned: two that overlap have exactly the same range if they have the same size. */
export function rangeSize(range: number): number {
  return range & SIZE_MASK;
}

/** The range as seen from `bytes` further on. */
export function shiftRange(range: number, bytes: number): number {
  return range < 0 ? range : range + (bytes << SIZE_BITS);
}
