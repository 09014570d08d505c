import type { Kernel } from '../kernel/kernel.js';
import { __GFP_NOWARN, GFP_KERNEL } from '../kernel/mm/gfp.js';
import { waitWhile } from './bench-barrier.js';
import { CONSUMED, END, PRODUCED, SLOTS } from './bench-ring.js';

/**
 * The measured loops. Each function is one round: long enough that looking at the clock between rounds costs nothing,
 * short enough that all CPUs end a sample together. They make no objects.
 */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const MASK = GFP_KERNEL | __GFP_NOWARN;
const AT_PRODUCED = PRODUCED;
const AT_CONSUMED = CONSUMED;
const AT_SLOTS = SLOTS;
const END_MARK = END;

/** What one CPU has done so far, in blocks. */
export interface BenchTally {
  allocated: number;
  freed: number;
  failures: number;
}

/** `repeat`: what was just freed is what comes next. */
export function repeatRound(k: Kernel, order: number, pairs: number, tally: BenchTally): void {
  let done = 0;
  for (let i = 0; i < pairs; i++) {
    const pfn = k.alloc_pages(MASK, order);
    if (pfn !== 0) {
      k.__free_pages(pfn, order);
      done++;
    }
  }
  tally.allocated += done;
  tally.freed += done;
  tally.failures += pairs - done;
}

/** `bulk`: fills the set and empties it, in the order of allocation. */
export function bulkRound(k: Kernel, order: number, set: Int32Array, sets: number, tally: BenchTally): void {
  for (let i = 0; i < sets; i++) {
    allocateSet(k, order, set, tally);
    freeSet(k, order, set, tally);
  }
}

/** Fills the set; a failed allocation leaves 0. */
export function allocateSet(k: Kernel, order: number, set: Int32Array, tally: BenchTally): void {
  const blocks = set.length;
  let got = 0;
  for (let i = 0; i < blocks; i++) {
    const pfn = k.alloc_pages(MASK, order);
    set[i] = pfn;
    if (pfn !== 0) got++;
  }
  tally.allocated += got;
  tally.failures += blocks - got;
}

/** Empties the set. */
export function freeSet(k: Kernel, order: number, set: Int32Array, tally: BenchTally): void {
  const blocks = set.length;
  let freed = 0;
  for (let i = 0; i < blocks; i++) {
    const pfn = set[i];
    if (pfn !== 0) {
      k.__free_pages(pfn, order);
      freed++;
    }
    set[i] = 0;
  }
  tally.freed += freed;
}

/**
 * `random`: frees random blocks of the set and allocates others in their place.
 *
 * @param seed not 0
 * @returns the seed for the next round
 */
export function randomRound(
  k: Kernel,
  order: number,
  set: Int32Array,
  pairs: number,
  seed: number,
  tally: BenchTally,
): number {
  const last = set.length - 1;
  let random = seed;
  let got = 0;
  let freed = 0;
  for (let i = 0; i < pairs; i++) {
    // Xorshift: never 0.
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    const at = random & last;
    const old = set[at];
    if (old !== 0) {
      k.__free_pages(old, order);
      freed++;
    }
    const pfn = k.alloc_pages(MASK, order);
    set[at] = pfn;
    if (pfn !== 0) got++;
  }
  tally.allocated += got;
  tally.freed += freed;
  tally.failures += pairs - got;
  return random;
}

/**
 * `remote`, the CPU that allocates: one batch into the ring, waiting for room.
 *
 * @param ring where the ring begins in `shared`
 * @param slots its size, a power of two
 */
export function produceBatch(
  k: Kernel,
  order: number,
  shared: Int32Array,
  ring: number,
  slots: number,
  batch: number,
  tally: BenchTally,
): void {
  const produced = awaitRoom(k, shared, ring, slots, batch);
  let got = 0;
  for (let i = 0; i < batch; i++) {
    const pfn = k.alloc_pages(MASK, order);
    if (pfn !== 0) {
      shared[ring + AT_SLOTS + ((produced + got) & (slots - 1))] = pfn;
      got++;
    }
  }
  publish(shared, ring + AT_PRODUCED, produced + got);
  tally.allocated += got;
  tally.failures += batch - got;
}

/** Tells the other CPU of the pair that nothing more comes in this sample. */
export function endRing(k: Kernel, shared: Int32Array, ring: number, slots: number): void {
  const produced = awaitRoom(k, shared, ring, slots, 1);
  shared[ring + AT_SLOTS + (produced & (slots - 1))] = END_MARK;
  publish(shared, ring + AT_PRODUCED, produced + 1);
}

/**
 * `remote`, the CPU that frees: a batch out of the ring, waiting until there is something.
 *
 * @returns false at the end of the sample
 */
export function consumeBatch(
  k: Kernel,
  order: number,
  shared: Int32Array,
  ring: number,
  slots: number,
  batch: number,
  tally: BenchTally,
): boolean {
  const consumed = shared[ring + AT_CONSUMED];
  if (Atomics.load(shared, ring + AT_PRODUCED) === consumed) {
    waitWhile(k, shared, ring + AT_PRODUCED, consumed);
  }
  const ready = (Atomics.load(shared, ring + AT_PRODUCED) - consumed) | 0;
  const count = ready < batch ? ready : batch;
  let freed = 0;
  for (let i = 0; i < count; i++) {
    const pfn = shared[ring + AT_SLOTS + ((consumed + i) & (slots - 1))];
    // The end is the last thing in the ring.
    if (pfn === END_MARK) break;
    k.__free_pages(pfn, order);
    freed++;
  }
  publish(shared, ring + AT_CONSUMED, consumed + count);
  tally.freed += freed;
  return freed === count;
}

/** Waits until the ring has room for a batch; the count of what was produced. */
function awaitRoom(k: Kernel, shared: Int32Array, ring: number, slots: number, batch: number): number {
  const produced = shared[ring + AT_PRODUCED];
  let consumed = Atomics.load(shared, ring + AT_CONSUMED);
  while (((produced - consumed) | 0) + batch > slots) {
    waitWhile(k, shared, ring + AT_CONSUMED, consumed);
    consumed = Atomics.load(shared, ring + AT_CONSUMED);
  }
  return produced;
}

/** Changes a count that the other CPU may wait for. */
function publish(shared: Int32Array, word: number, count: number): void {
  Atomics.store(shared, word, count | 0);
  Atomics.notify(shared, word);
}
