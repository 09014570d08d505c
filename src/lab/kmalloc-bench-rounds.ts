import { GFP_KERNEL } from '../kernel/mm/gfp.js';
import { waitWhile } from './bench-barrier.js';
import { CONSUMED, END, PRODUCED } from './bench-ring.js';
import type { BenchHeap, WriteObject } from './kmalloc-bench-heap.js';

/**
 * The measured loops. `kmalloc-bench.c` has the same ones: the same sizes in the same order, from the same random
 * numbers; a test compares them. They make no objects.
 */

// Module-local constants: V8 folds them into the code, imported ones cost a load each. What the loops pass on they keep in
// variables of their own, for not in all code is the module's context a constant.
const FLAGS = GFP_KERNEL;
const AT_PRODUCED = PRODUCED;
const AT_CONSUMED = CONSUMED;
const END_MARK = END;

/** Bytes of an object in `pair` and `batch`, and in `cache-scratch`. */
const BYTES = 64;
const SCRATCH_BYTES = 8;

/** Sizes of the others: at least, and how many different ones; these are 16 to 1024 bytes. */
const MIN_BYTES = 16;
const SIZES = 1009;

/** Writes to an object of `cache-scratch`. */
const SCRATCH_WRITES = 128;

/** `pair`: what was just freed is what comes next. */
export function pairRound(heap: BenchHeap, pairs: number): void {
  const bytes = BYTES;
  const flags = FLAGS;
  for (let i = 0; i < pairs; i++) {
    const object = heap.kmalloc(bytes, flags);
    if (object === 0) noMemory();
    heap.kfree(object);
  }
}

/** `batch`: fills the set and empties it, in the order of allocation. */
export function batchRound(heap: BenchHeap, set: Float64Array, batches: number): void {
  const { length } = set;
  for (let batch = 0; batch < batches; batch++) {
    fillSet(heap, set);
    for (let i = 0; i < length; i++) heap.kfree(set[i]);
  }
}

/** `batch-reverse`: what was allocated last is freed first. */
export function batchReverseRound(heap: BenchHeap, set: Float64Array, batches: number): void {
  const { length } = set;
  for (let batch = 0; batch < batches; batch++) {
    fillSet(heap, set);
    for (let i = length - 1; i >= 0; i--) heap.kfree(set[i]);
  }
}

function fillSet(heap: BenchHeap, set: Float64Array): void {
  const { length } = set;
  const bytes = BYTES;
  const flags = FLAGS;
  for (let i = 0; i < length; i++) {
    const object = heap.kmalloc(bytes, flags);
    if (object === 0) noMemory();
    set[i] = object;
  }
}

/**
 * Xorshift, 32 bits.
 *
 * @param random the number before, not 0
 */
export function nextRandom(random: number): number {
  random ^= random << 13;
  random ^= random >>> 17;
  return random ^ (random << 5);
}

/** The size that a random number stands for: its upper half counts, the lower one chooses the object. */
export function sizeOf(random: number): number {
  return MIN_BYTES + (((random >>> 16) * SIZES) >>> 16);
}

/** Fills a window; the random number for what comes next. */
export function fillWindow(heap: BenchHeap, window: Float64Array, seed: number): number {
  let random = seed;
  for (let i = 0; i < window.length; i++) {
    random = nextRandom(random);
    const object = heap.kmalloc(sizeOf(random), FLAGS);
    if (object === 0) noMemory();
    window[i] = object;
  }
  return random;
}

/**
 * `mixed` and `larson`: frees random objects of the window and allocates others in their place.
 *
 * @param window its length is a power of two
 * @param seed not 0
 * @returns the seed for the next round
 */
export function replaceRound(heap: BenchHeap, window: Float64Array, count: number, seed: number): number {
  const last = window.length - 1;
  const flags = FLAGS;
  let random = seed;
  for (let i = 0; i < count; i++) {
    random = nextRandom(random);
    const at = random & last;
    heap.kfree(window[at]);
    const object = heap.kmalloc(sizeOf(random), flags);
    if (object === 0) noMemory();
    window[at] = object;
  }
  return random;
}

/** Frees all objects of a window. */
export function emptyWindow(heap: BenchHeap, window: Float64Array): void {
  for (const object of window) heap.kfree(object);
}

/** An object for a thread of `cache-scratch`. */
export function scratchObject(heap: BenchHeap): number {
  const object = heap.kmalloc(SCRATCH_BYTES, FLAGS);
  if (object === 0) noMemory();
  return object;
}

/**
 * `cache-scratch`: writes an object many times, frees it and allocates the next one.
 *
 * @returns the object that is written next
 */
export function scratchRound(heap: BenchHeap, write: WriteObject, first: number, count: number): number {
  let object = first;
  for (let i = 0; i < count; i++) {
    write(object, SCRATCH_WRITES);
    heap.kfree(object);
    object = scratchObject(heap);
  }
  return object;
}

/** The ring of a pair of CPUs: its counts are words, its slots are a power of two. */
export interface ObjectRing {
  readonly words: Int32Array;
  /** Where in the words its counts begin. */
  readonly at: number;
  readonly slots: Float64Array;
}

/**
 * `xmalloc`, the CPU that allocates: one batch into the ring, waiting for room.
 *
 * @returns the seed for the next batch
 */
export function produceBatch(heap: BenchHeap, ring: ObjectRing, batch: number, seed: number): number {
  const { slots } = ring;
  const produced = awaitRoom(heap, ring, batch);
  const last = slots.length - 1;
  const flags = FLAGS;
  let random = seed;
  for (let i = 0; i < batch; i++) {
    random = nextRandom(random);
    const object = heap.kmalloc(sizeOf(random), flags);
    if (object === 0) noMemory();
    slots[(produced + i) & last] = object;
  }
  publish(ring.words, ring.at + AT_PRODUCED, produced + batch);
  return random;
}

/** Tells the other CPU of the pair that nothing more comes in this sample. */
export function endRing(heap: BenchHeap, ring: ObjectRing): void {
  const produced = awaitRoom(heap, ring, 1);
  ring.slots[produced & (ring.slots.length - 1)] = END_MARK;
  publish(ring.words, ring.at + AT_PRODUCED, produced + 1);
}

/**
 * `xmalloc`, the CPU that frees: a batch out of the ring, waiting until there is something.
 *
 * @returns how many were freed; negative, less one: and that was the end
 */
export function consumeBatch(heap: BenchHeap, ring: ObjectRing, batch: number): number {
  const { words, at, slots } = ring;
  const consumed = words[at + AT_CONSUMED];
  if (Atomics.load(words, at + AT_PRODUCED) === consumed) {
    waitWhile(heap, words, at + AT_PRODUCED, consumed);
  }
  const ready = (Atomics.load(words, at + AT_PRODUCED) - consumed) | 0;
  const count = ready < batch ? ready : batch;
  const last = slots.length - 1;
  let freed = 0;
  for (let i = 0; i < count; i++) {
    const object = slots[(consumed + i) & last];
    // The end is the last thing in the ring.
    if (object === END_MARK) break;
    heap.kfree(object);
    freed++;
  }
  publish(words, at + AT_CONSUMED, consumed + count);
  return freed === count ? freed : -1 - freed;
}

/** Waits until the ring has room for a batch; the count of what was produced. */
function awaitRoom(heap: BenchHeap, { words, at, slots }: ObjectRing, batch: number): number {
  const produced = words[at + AT_PRODUCED];
  let consumed = Atomics.load(words, at + AT_CONSUMED);
  while (((produced - consumed) | 0) + batch > slots.length) {
    waitWhile(heap, words, at + AT_CONSUMED, consumed);
    consumed = Atomics.load(words, at + AT_CONSUMED);
  }
  return produced;
}

/** Changes a count that the other CPU may wait for. */
function publish(words: Int32Array, word: number, count: number): void {
  Atomics.store(words, word, count | 0);
  Atomics.notify(words, word);
}

function noMemory(): never {
  throw new Error('the allocator has no memory for what the bench holds at once');
}
