/**
 * A ring of blocks between the CPU that allocates and the CPU that frees: word offsets in shared memory. Each count
 * has a cache line of its own and one writer; it wraps.
 */
export const PRODUCED = 0;
export const CONSUMED = 16;
export const SLOTS = 32;

/** In a slot instead of a frame number: nothing more comes in this sample. */
export const END = 0;

/** Words of a ring with so many slots, a power of two. */
export function ringWords(slots: number): number {
  return SLOTS + Math.max(16, slots);
}

/** How many blocks go through the ring at once: the price of its atomics is shared by these. */
export function ringBatch(slots: number): number {
  return Math.max(1, Math.min(64, slots >> 2));
}
