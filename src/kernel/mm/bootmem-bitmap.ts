/**
 * Ranges of bits in a bit map of the image, a word at a time: a 4 GiB machine has a million of them. `map` is the
 * word index of bit 0; ranges are half open.
 */

const BITS = 32;
const BIT_MASK = BITS - 1;
const BITS_SHIFT = 5;

/** The first set bit in [from, end), or `end`. */
export function findNextSet(i32: Int32Array, map: number, from: number, end: number): number {
  return findNext(i32, map, from, end, 0);
}

/** The first clear bit in [from, end), or `end`. */
export function findNextClear(i32: Int32Array, map: number, from: number, end: number): number {
  return findNext(i32, map, from, end, -1);
}

/** @param skip what a word looks like that has no such bit: 0 to find a set one, -1 to find a clear one */
function findNext(i32: Int32Array, map: number, from: number, end: number, skip: number): number {
  if (from >= end) return end;
  let word = from >>> BITS_SHIFT;
  const last = (end - 1) >>> BITS_SHIFT;
  // From here on, what is looked for is a 1.
  let bits = (i32[map + word] ^ skip) & (-1 << (from & BIT_MASK));
  while (bits === 0) {
    if (word === last) return end;
    word++;
    bits = i32[map + word] ^ skip;
  }
  const lowest = BIT_MASK - Math.clz32(bits & -bits);
  return Math.min(word * BITS + lowest, end);
}

/** Sets all bits in [from, end). */
export function setBits(i32: Int32Array, map: number, from: number, end: number): void {
  for (let bit = from; bit < end; bit = wordEnd(bit)) i32[map + (bit >>> BITS_SHIFT)] |= maskOf(bit, end);
}

/** Clears all bits in [from, end). */
export function clearBits(i32: Int32Array, map: number, from: number, end: number): void {
  for (let bit = from; bit < end; bit = wordEnd(bit)) i32[map + (bit >>> BITS_SHIFT)] &= ~maskOf(bit, end);
}

/** The first bit of the next word. */
function wordEnd(bit: number): number {
  return (bit | BIT_MASK) + 1;
}

/** The bits of the word of `from` that lie in [from, end). */
function maskOf(from: number, end: number): number {
  const upper = end >= wordEnd(from) ? -1 : (1 << (end & BIT_MASK)) - 1;
  return upper & (-1 << (from & BIT_MASK));
}
