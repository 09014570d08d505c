import { CACHE_LINE_WORDS } from '../../../image/struct.js';

/**
 * Memory for the locks and counters of scenarios: the first page of RAM, which belongs to the BIOS. The kernel never hands
 * it out, it is zero, and it lies at the beginning of the image.
 */
const FIRST_LINE = 4;

/** Word index of a cache line for a scenario's own use; its words are zero before each execution. */
export function scratchLine(line: number): number {
  return (FIRST_LINE + line) * CACHE_LINE_WORDS;
}
