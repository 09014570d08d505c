import { struct, word } from '../../image/struct.js';

/**
 * `struct fault_attr`: when requests of a kind are made to fail. What has no other comment is written by the console, with
 * every CPU stopped.
 */
export const FAULT_ATTR = struct('fault_attr', {
  /** Percent of the requests that fail. */
  probability: word,
  /** Of the requests that could fail, only each so many-th is a candidate. */
  interval: word,
  /** How many may still fail; -1: any number. Atomics. */
  times: word,
  /** Bytes, or pages, that are still given before the first fails. Atomics. */
  space: word,
  /** 0: nothing is logged, 1: a line, 2: with the call trace. */
  verbose: word,
  /** Whether requests are left alone that may sleep; that accept high memory (pages only). */
  ignore_gfp_wait: word,
  ignore_gfp_highmem: word,
  /** Smaller blocks are left alone (pages only). */
  min_order: word,
  /** Requests until the one that fails whatever the rest says; 0: none. Atomics. */
  nth: word,
  /** Candidates counted for `interval`. Atomics. */
  count: word,
  /** State of the random numbers. Atomics. */
  random: word,
});
