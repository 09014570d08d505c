import { MAX_LOCKS_HELD } from './limits.js';

/**
 * The word of a lock, from the lowest bit: the number of the CPU that holds it exclusively plus 1 (0: nobody), two
 * flags for those who may sleep on it, and the number of readers that share it. A spinlock uses the first two.
 */
export const LOCK_OWNER_MASK = 0xffff;
/** Somebody who wants the lock for himself may sleep on the word: wake one. */
export const LOCK_CONTENDED = 1 << 16;
/** Readers may sleep on the word: wake all. */
export const LOCK_READERS_WAIT = 1 << 17;
/** One reader. */
export const LOCK_READER = 1 << 18;

/**
 * Tag of an entry in a CPU's list of locks: this CPU is one of the readers, or is about to try. The word of a lock
 * can name only an exclusive owner; for readers the list has to. Without the tag the owner in the word decides.
 *
 * The tag is set before the reader count goes up and cleared after it went down, so that a death between the two
 * counts as one with the lock: the machine then stops instead of waiting for ever.
 */
export const HELD_READ = 1 << 30;
/** The lock of an entry: word indices of an image of 4 GiB have 30 bits. */
export const HELD_LOCK_MASK = HELD_READ - 1;

/** Entries kept free for the locks that a report takes: a report about too many locks must get through. */
const REPORT_LOCKS = 2;
/** Locks that a CPU can hold. */
export const HELD_LIMIT = MAX_LOCKS_HELD - REPORT_LOCKS;

/**
 * Looks at a busy lock before a waiter goes to sleep: a quarter of a microsecond, a critical section or two.
 *
 * Measured with 2 to 16 threads on 2 cores, one lock taken all the time, nanoseconds for each lock and unlock (bare
 * Atomics.add: 16 to 23):
 *
 *     attempts   2    4    8   16 threads          10 and 30 keep the lock with a thread that runs; from 100 on
 *           10  44   57   62   77                  waiters keep the cache line moving and the processor from the
 *           30  56   57   64   74                  holder. With 1 us of work per round, 10 to 1000 do not differ.
 *          100  79   73   87   88
 *         1000  88   99   83   77
 */
export const SPIN_ATTEMPTS = 30;
