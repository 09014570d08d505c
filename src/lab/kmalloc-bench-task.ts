import { BARRIER_WORDS } from './bench-barrier.js';
import { ringWords } from './bench-ring.js';
import type { KmallocWorkload } from './kmalloc-bench-workload.js';

/** Objects that a CPU holds in `mixed` and `larson`. */
export const WINDOW = 1024;

/** Objects that the ring of a pair of CPUs takes, and how many go through it at once. */
export const RING_SLOTS = 1024;
export const RING_BATCH = 64;

/** Words of a ring's counts: each has a cache line. */
const RING_WORDS = ringWords(0);

/** Objects that lie in shared memory, for each thread: a window, half a ring or an object to begin with. */
const SHARED_OBJECTS = WINDOW;

/** What the threads of one row are told, the same for all of them. */
export interface KmallocTask {
  readonly workload: KmallocWorkload;
  readonly threads: number;
  /** How long a sample lasts (milliseconds). */
  readonly sampleMs: number;
  /** Shared memory: the barrier, then the counts of the rings. */
  readonly words: Int32Array;
  /** Shared memory: objects that go from thread to thread. */
  readonly objects: Float64Array;
}

/** One thread in one sample. Times are nanoseconds of a clock that all threads of the row share. */
export interface ThreadSample {
  readonly start: number;
  readonly end: number;
  /** Objects that were allocated and freed again. In `xmalloc` the thread that frees counts. */
  readonly operations: number;
  /** Processor time of the whole process meanwhile (nanoseconds). */
  readonly cpuNs: number;
}

/** A task for the threads of a row. */
export function newKmallocTask(workload: KmallocWorkload, threads: number, sampleMs: number): KmallocTask {
  const words = BARRIER_WORDS + Math.ceil(threads / 2) * RING_WORDS;
  return {
    workload,
    threads,
    sampleMs,
    words: new Int32Array(new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT)),
    objects: new Float64Array(
      new SharedArrayBuffer(threads * SHARED_OBJECTS * Float64Array.BYTES_PER_ELEMENT),
    ),
  };
}

/** The window of `larson` that a thread begins with. */
export function windowOf({ objects, threads }: KmallocTask, index: number): Float64Array {
  const at = (index % threads) * WINDOW;
  return objects.subarray(at, at + WINDOW);
}

/** The ring of a thread's pair. */
export function ringOf(
  { words, objects }: KmallocTask,
  position: number,
): { words: Int32Array; at: number; slots: Float64Array } {
  const pair = position >> 1;
  const slots = pair * 2 * SHARED_OBJECTS;
  return {
    words,
    at: BARRIER_WORDS + pair * RING_WORDS,
    slots: objects.subarray(slots, slots + RING_SLOTS),
  };
}
