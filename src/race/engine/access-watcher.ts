import type { SimThread } from './thread.js';

/** Bits of what an access does. */
export const ACCESS_READS = 1;
export const ACCESS_WRITES = 2;

/** Watches what is read and written, such as shadow memory of an allocator. It reports failures to the executor. */
export interface AccessWatcher {
  /**
   * Memory is accessed now; a write has not had its effect yet. Not called for what invariants do.
   *
   * @param t the thread; null in setup and at the end
   * @param how ACCESS_READS, ACCESS_WRITES or both
   * @param after the value that a single element then has; 0 for ranges and 64-bit integers
   */
  access(t: SimThread | null, address: number, size: number, how: number, after: number): void;
}
