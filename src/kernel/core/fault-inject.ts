import { currentComm } from './bug.js';
import { callTrace } from './call-trace.js';
import type { Cpu } from './cpu.js';
import { CPU_AREA } from './cpu-area.js';
import { FAULT_ATTR } from './fault-data.js';
import { printk } from './printk.js';

/**
 * Requests that are made to fail (debug.faults, CONFIG_FAULT_INJECTION), to see what their callers do then. Chance comes
 * from the image: with the same seed and the same requests, the same ones fail.
 */

const {
  probability: PROBABILITY,
  interval: INTERVAL,
  times: TIMES,
  space: SPACE,
  verbose: VERBOSE,
  nth: NTH,
  count: COUNT,
  random: RANDOM,
} = FAULT_ATTR.at;

/** The seed of a machine that nobody gave another. */
export const FAULT_SEED = 1;
/** A step of the random numbers: odd, so that all states are visited. */
const GOLDEN = 0x9e3779b9;

/** What holds before anything is set: nothing fails. Boot only. */
export function initFaults(k: Cpu, attr: number): void {
  const { i32 } = k;
  i32[attr + INTERVAL] = 1;
  i32[attr + TIMES] = 1;
  i32[attr + VERBOSE] = 2;
  i32[attr + FAULT_ATTR.at.ignore_gfp_wait] = 1;
  i32[attr + FAULT_ATTR.at.ignore_gfp_highmem] = 1;
  i32[attr + FAULT_ATTR.at.min_order] = 1;
  i32[attr + RANDOM] = FAULT_SEED;
}

/**
 * Whether a request is to fail; says so in the log. Any context.
 *
 * @param attr word index of the {@link FAULT_ATTR}
 * @param name for the log
 * @param size what the request takes from `space`
 */
export function should_fail(k: Cpu, attr: number, name: string, size: number): boolean {
  const { i32 } = k;
  const nth = takeDown(i32, attr + NTH);
  if (nth > 1) return false;
  if (nth === 0 && !chanceHits(i32, attr, size)) return false;
  logFailure(k, attr, name);
  // Who counts to the n-th has not asked for a number of times.
  if (nth === 0) takeDown(i32, attr + TIMES);
  return true;
}

/** All rules but that of the n-th. */
function chanceHits(i32: Int32Array, attr: number, size: number): boolean {
  if (i32[attr + PROBABILITY] === 0 || Atomics.load(i32, attr + TIMES) === 0) return false;
  if (takesSpace(i32, attr + SPACE, size)) return false;
  if (i32[attr + INTERVAL] > 1 && (Atomics.add(i32, attr + COUNT, 1) + 1) % i32[attr + INTERVAL] !== 0)
    return false;
  return percent(i32, attr + RANDOM) < i32[attr + PROBABILITY];
}

/** Counts down to 0, from there and from below no further; the value before. */
function takeDown(i32: Int32Array, at: number): number {
  for (;;) {
    const value = Atomics.load(i32, at);
    if (value <= 0 || Atomics.compareExchange(i32, at, value, value - 1) === value) return value;
  }
}

/** Takes `size` from what is left, if that is more. */
function takesSpace(i32: Int32Array, at: number, size: number): boolean {
  for (;;) {
    const left = Atomics.load(i32, at);
    if (left <= size) return false;
    if (Atomics.compareExchange(i32, at, left, left - size) === left) return true;
  }
}

/** A random number from 0 to 99. */
function percent(i32: Int32Array, at: number): number {
  let bits = (Atomics.add(i32, at, GOLDEN) + GOLDEN) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
  bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
  return ((bits ^ (bits >>> 15)) >>> 0) % 100;
}

function logFailure(k: Cpu, attr: number, name: string): void {
  const { i32 } = k;
  const verbose = i32[attr + VERBOSE];
  if (verbose === 0) return;
  const lines = [
    'FAULT_INJECTION: forcing a failure.',
    `name ${name}, interval ${i32[attr + INTERVAL]}, probability ${i32[attr + PROBABILITY]}, ` +
      `space ${Atomics.load(i32, attr + SPACE)}, times ${Atomics.load(i32, attr + TIMES)}`,
  ];
  if (verbose > 1) {
    lines.push(`CPU: ${k.cpu} PID: ${i32[k.area + CPU_AREA.at.pid]} comm: ${currentComm(k)}`);
    lines.push('Call Trace:', callTrace(2));
  }
  printk(k, lines.join('\n'));
}
