/**
 * What a simulated thread is about to do at a scheduling point: one operation on shared memory, or one that has to do
 * with waiting. The kind says what it means to the scheduler; {@link isWrite} and its like say what it means to others.
 */

/** A load: `view[index]`, `Atomics.load`. */
export const OP_READ = 1;
/** A store: `view[index] = value`, `Atomics.store`. */
export const OP_WRITE = 2;
/** An atomic read-modify-write that always writes. */
export const OP_RMW = 3;
/** `Atomics.compareExchange`: a read when it fails, a read-modify-write when it succeeds. */
export const OP_CAS = 4;
/** `Atomics.wait`: compares and falls asleep, in one step. */
export const OP_WAIT = 5;
/** `Atomics.notify`. */
export const OP_NOTIFY = 6;
/** A lock is taken: blocks until it is free, and takes it in the same step. */
export const OP_ACQUIRE = 7;
/** A lock is released. */
export const OP_RELEASE = 8;
/** A spinning thread goes on: blocks until a word that it looked at has changed. */
export const OP_AWAIT = 9;
/** A timed wait ends because its time is over, or any wait for no reason. */
export const OP_TIMEOUT = 10;
/** Something that touches no shared memory: the first step of an interrupt handler, the return from a wait. */
export const OP_LOCAL = 11;

/** How an access orders others. */
export const MODE_PLAIN = 0;
/** By `Atomics`: sequentially consistent. */
export const MODE_ATOMIC = 1;
/** A deliberate race: never part of a data race, but orders nothing. */
export const MODE_MARKED = 2;

/** Names for reports. */
export const OP_NAMES = [
  'none',
  'read',
  'write',
  'read-modify-write',
  'compareExchange',
  'wait',
  'notify',
  'lock',
  'unlock',
  'await',
  'timeout',
  'local',
] as const;
