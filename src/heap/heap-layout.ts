import { array, bytes, double, lineStart, struct, word, WORD_BYTES } from '../image/struct.js';
import { MAX_GENERAL_CACHES, NR_CPUS } from '../kernel/core/limits.js';

/**
 * What a heap has beside the allocator's memory. It lies between the RAM below 640 KiB and the firmware tables, where a PC
 * has its video memory: the allocator never touches it.
 */

/** A thread that uses the heap: one CPU of the allocator is its own. */
export const THREAD = struct('heap_thread', {
  /**
   * Who has the place, as one 64-bit word: the thread's number in the upper half, in the lower its file descriptor plus 1;
   * 0: nobody. Changed by compareExchange.
   */
  claim: double,
  /** What tells the thread's file from others with the same descriptor. The thread's own, until it has the place no more. */
  device: double,
  file: double,
  stamp: double,
  /** Node's number of the thread. As before. */
  thread_id: word,
  /** Number of the thread that has written the four. Atomics. */
  known: word,
  /** Number of a thread of which Node has told another one that it has ended. Atomics. */
  ended: word,
  /** Not 0 while the thread is inside the allocator, and after it has died there. Under the heap's lock. */
  inside: word,
  end: lineStart,
});

/** Bytes for the places in the program that debugging remembers. */
export const SITE_BYTES = 128 << 10;

const HEAP_DATA = struct('heap', {
  /** {@link HEAP_MAGIC}, once the heap is made. */
  magic: word,
  /** Most threads, and whether this is a debugging heap. Constant. */
  threads: word,
  debug: word,
  /** A number of its own, by which a thread knows that it has the heap already. Constant. */
  id: double,
  /** The last number given to a thread. Atomics. */
  last_thread: word,
  /** How often somebody had to repair what a dead thread left behind. Under the lock. */
  repairs: word,
  /** Objects of each size that the allocator itself has, since the heap was made. Constant. */
  internal: array(word, MAX_GENERAL_CACHES),

  lockStart: lineStart,
  /** Number of the thread that is inside the allocator, 0 for none, and {@link LOCK_CONTENDED}. Atomics; waited on. */
  lock: word,
  /** Not 0 while somebody is inside: who finds it so when he gets the lock must repair first. Under the lock. */
  dirty: word,
  /** Debugging: bytes used of `sites`. Under the lock. */
  sites_end: word,

  threadStart: lineStart,
  thread: array(THREAD, NR_CPUS),
  sites: bytes(SITE_BYTES),
});

/** Physical address, and byte offset in the image. */
export const HEAP_START = 0xa0000;
const BASE = HEAP_START / WORD_BYTES;

/** Absolute word indices. */
export const HEAP = Object.fromEntries(
  Object.entries(HEAP_DATA.at).map(([name, offset]) => [name, BASE + offset]),
) as typeof HEAP_DATA.at;

export const HEAP_END = HEAP_START + HEAP_DATA.words * WORD_BYTES;

export const HEAP_MAGIC = 0x67667031;

/** Somebody may sleep on the lock. Numbers of threads are below. */
export const LOCK_CONTENDED = 1 << 30;
export const LOCK_OWNER = LOCK_CONTENDED - 1;
