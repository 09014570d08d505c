import { PAGE_WORDS } from '../arch/page.js';
import { hex } from './stress-hex.js';

/**
 * The canary: words in every page of a block that its holder writes after the allocation and checks before the free.
 * They say which block of which CPU the page belongs to, so that a page with two owners is noticed by at least one.
 */

/** Where in a page; the second word is the block's tag itself. */
const FIRST = 0;
const TAG = 1;
const MIDDLE = 511;
const LATE = 1022;
const LAST = 1023;

/** The words that are looked at when a page must be zero. */
const SAMPLES = [FIRST, TAG, 300, MIDDLE, 700, LATE, LAST] as const;

/** A word of a page that is not what it must be. */
export interface CanaryFault {
  readonly pfn: number;
  /** In the page. */
  readonly word: number;
  readonly expected: number;
  readonly found: number;
  /** What the page says of its owner: the tag that stands in it. */
  readonly tag: number;
}

function mix(pfn: number, tag: number): number {
  return Math.imul(pfn ^ tag, 0x9e3779b1) ^ (tag >>> 7) ^ pfn;
}

/**
 * Writes the canary into all pages of a block.
 *
 * @param base word index of the block's memory
 */
export function writeCanary(i32: Int32Array, base: number, pfn: number, order: number, tag: number): void {
  for (let i = 0; i < 1 << order; i++) {
    const page = base + i * PAGE_WORDS;
    const value = mix(pfn + i, tag);
    i32[page + FIRST] = value;
    i32[page + TAG] = tag;
    i32[page + MIDDLE] = ~value;
    i32[page + LATE] = value ^ 0x55555555;
    i32[page + LAST] = value;
  }
}

/** Checks the canary of a block; the first fault, or undefined. */
export function checkCanary(
  i32: Int32Array,
  base: number,
  pfn: number,
  order: number,
  tag: number,
): CanaryFault | undefined {
  for (let i = 0; i < 1 << order; i++) {
    const page = base + i * PAGE_WORDS;
    const value = mix(pfn + i, tag);
    if (
      i32[page + FIRST] !== value ||
      i32[page + TAG] !== tag ||
      i32[page + MIDDLE] !== ~value ||
      i32[page + LATE] !== (value ^ 0x55555555) ||
      i32[page + LAST] !== value
    ) {
      return findFault(i32, page, pfn + i, tag);
    }
  }
  return undefined;
}

function findFault(i32: Int32Array, page: number, pfn: number, tag: number): CanaryFault {
  const value = mix(pfn, tag);
  const expected = new Map([
    [FIRST, value],
    [TAG, tag],
    [MIDDLE, ~value],
    [LATE, value ^ 0x55555555],
    [LAST, value],
  ]);
  for (const [word, right] of expected) {
    const found = i32[page + word];
    if (found !== right) return { pfn, word, expected: right, found, tag: i32[page + TAG] };
  }
  // It was wrong a moment ago and is right now: somebody is writing.
  return { pfn, word: FIRST, expected: value, found: value, tag };
}

/** Looks whether the pages of a block are zero, by samples; the first fault, or undefined. */
export function checkZero(
  i32: Int32Array,
  base: number,
  pfn: number,
  order: number,
): CanaryFault | undefined {
  for (let i = 0; i < 1 << order; i++) {
    const page = base + i * PAGE_WORDS;
    for (const word of SAMPLES) {
      const found = i32[page + word];
      if (found !== 0) return { pfn: pfn + i, word, expected: 0, found, tag: i32[page + TAG] };
    }
  }
  return undefined;
}

/** The CPU in a tag. */
function cpuOfTag(tag: number): number {
  return tag >>> 24;
}

/** A fault in words. */
export function describeCanaryFault(fault: CanaryFault): string {
  const { pfn, word, expected, found, tag } = fault;
  return (
    `pfn ${hex(pfn)} word ${word} is ${hex(found)} and not ${hex(expected)}` +
    ` (the page says: CPU ${cpuOfTag(tag)}, its block ${tag & 0xffffff})`
  );
}
