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
