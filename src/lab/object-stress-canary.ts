import { hex } from './stress-hex.js';

/**
 * The canary of an object: words that its holder writes after the allocation and checks before the free. All words of a small
 * object, of a large one the first, the last, and some between.
 */

const ALL = 64;
const STRIDE = 61;

/** What an object holds that its cache has constructed. */
const CONSTRUCTED = 0xc0ffee;

function valueAt(tag: number, index: number): number {
  return Math.imul(tag ^ index, 0x9e3779b1) ^ (tag >>> 5);
}

function next(index: number, words: number): number {
  if (index < ALL) return index + 1;
  return index < words - 1 ? Math.min(index + STRIDE, words - 1) : words;
}

/** @param base word index of the object */
export function writeObjectCanary(i32: Int32Array, base: number, words: number, tag: number): void {
  for (let i = 0; i < words; i = next(i, words)) i32[base + i] = valueAt(tag, i);
}

/** What is wrong with the canary, in words; undefined if nothing. */
export function checkObjectCanary(
  i32: Int32Array,
  base: number,
  words: number,
  tag: number,
): string | undefined {
  for (let i = 0; i < words; i = next(i, words)) {
    const found = i32[base + i];
    const expected = valueAt(tag, i);
    if (found !== expected)
      return `word ${i} of ${words} is ${hex(found)} and not ${hex(expected)}, object ${tag & 0xffffff} of task ${tag >>> 24}`;
  }
  return undefined;
}

/** Whether all words that have a canary are zero. */
export function isCleared(i32: Int32Array, base: number, words: number): boolean {
  for (let i = 0; i < words; i = next(i, words)) if (i32[base + i] !== 0) return false;
  return true;
}

/** Brings an object into the state of a constructed one. */
export function construct(i32: Int32Array, base: number, words: number): void {
  for (let i = 0; i < words; i = next(i, words)) i32[base + i] = CONSTRUCTED + i;
}

export function isConstructed(i32: Int32Array, base: number, words: number): boolean {
  for (let i = 0; i < words; i = next(i, words)) if (i32[base + i] !== CONSTRUCTED + i) return false;
  return true;
}
