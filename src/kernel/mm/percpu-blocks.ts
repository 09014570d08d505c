/**
 * How an area of per-CPU memory is divided, as the module loader of 2.6 does it: an array of block sizes in the order
 * of their addresses, negative for blocks in use. First fit; what is left over of a block is split off, and a block
 * that is freed merges with free neighbours. The same division holds for all CPUs.
 *
 * In memory: the number of blocks, then their sizes in words. Whoever protects the area protects the division.
 */

const COUNT = 0;
const SIZES = 1;

/** Makes one free block. */
export function initBlocks(i32: Int32Array, blocks: number, words: number): void {
  i32[blocks + COUNT] = 1;
  i32[blocks + SIZES] = words;
}

/**
 * Takes the first free block that is large enough.
 *
 * @param blocks word index of the division
 * @param room words that the division itself may take
 * @param words at least 1
 * @param align in words, a power of two; the area itself is aligned to any
 * @returns where it begins in the area, in words; -1: there is none
 */
export function takeBlock(
  i32: Int32Array,
  blocks: number,
  room: number,
  words: number,
  align: number,
): number {
  let offset = 0;
  const count = i32[blocks + COUNT];
  for (let i = 0; i < count; i++) {
    const size = i32[blocks + SIZES + i];
    const gap = -offset & (align - 1);
    if (size >= gap + words) {
      const pieces = (gap > 0 ? 1 : 0) + (size > gap + words ? 1 : 0);
      if (SIZES + count + pieces > room) return -1;
      if (gap > 0) split(i32, blocks, i, gap);
      const taken = gap > 0 ? i + 1 : i;
      if (size > gap + words) split(i32, blocks, taken, words);
      i32[blocks + SIZES + taken] = -words;
      return offset + gap;
    }
    offset += Math.abs(size);
  }
  return -1;
}

/**
 * Frees a block.
 *
 * @param offset where it begins
 * @returns its words; 0: no block in use begins there
 */
export function giveBlock(i32: Int32Array, blocks: number, offset: number): number {
  const i = blockAt(i32, blocks, offset);
  if (i < 0 || i32[blocks + SIZES + i] >= 0) return 0;
  const words = -i32[blocks + SIZES + i];
  i32[blocks + SIZES + i] = words;
  if (i + 1 < i32[blocks + COUNT] && i32[blocks + SIZES + i + 1] > 0) merge(i32, blocks, i);
  if (i > 0 && i32[blocks + SIZES + i - 1] > 0) merge(i32, blocks, i - 1);
  return words;
}

/** Words of the block in use that begins at `offset`; 0: there is none. */
export function blockWords(i32: Int32Array, blocks: number, offset: number): number {
  const i = blockAt(i32, blocks, offset);
  return i < 0 ? 0 : Math.max(0, -i32[blocks + SIZES + i]);
}

/** Whether nothing is in use. */
export function allFree(i32: Int32Array, blocks: number): boolean {
  return i32[blocks + COUNT] === 1 && i32[blocks + SIZES] > 0;
}

/** Whether this is a division of `words` words that fits into `room`, with free neighbours merged. */
export function blocksValid(i32: Int32Array, blocks: number, room: number, words: number): boolean {
  const count = i32[blocks + COUNT];
  if (count < 1 || SIZES + count > room) return false;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const size = i32[blocks + SIZES + i];
    if (size === 0 || (i > 0 && size > 0 && i32[blocks + SIZES + i - 1] > 0)) return false;
    sum += Math.abs(size);
  }
  return sum === words;
}

/** The number of the block that begins at `offset`, or -1. */
function blockAt(i32: Int32Array, blocks: number, offset: number): number {
  let start = 0;
  const count = i32[blocks + COUNT];
  for (let i = 0; i < count && start <= offset; i++) {
    if (start === offset) return i;
    start += Math.abs(i32[blocks + SIZES + i]);
  }
  return -1;
}

/** Makes two free blocks of the free one with number `i`, the first of `words` words. */
function split(i32: Int32Array, blocks: number, i: number, words: number): void {
  const count = i32[blocks + COUNT];
  for (let k = count; k > i; k--) i32[blocks + SIZES + k] = i32[blocks + SIZES + k - 1];
  i32[blocks + SIZES + i + 1] -= words;
  i32[blocks + SIZES + i] = words;
  i32[blocks + COUNT] = count + 1;
}

/** Makes one free block of the free ones with numbers `i` and `i + 1`. */
function merge(i32: Int32Array, blocks: number, i: number): void {
  const count = i32[blocks + COUNT] - 1;
  i32[blocks + SIZES + i] += i32[blocks + SIZES + i + 1];
  for (let k = i + 1; k < count; k++) i32[blocks + SIZES + k] = i32[blocks + SIZES + k + 1];
  i32[blocks + COUNT] = count;
}
