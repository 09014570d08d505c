import type { gfp_t } from '../kernel/mm/gfp.js';

/**
 * What the measured loops call: the kernel is one by itself, other allocators are brought into this form. A thread has
 * one heap only, so that each call in the loops always meets the same class.
 */
export interface BenchHeap {
  /** @returns the object; 0: no memory */
  kmalloc(size: number, flags: gfp_t): number;
  kfree(object: number): void;
  /** Called between rounds. */
  poll(): void;
}

/** Increments the first word of an object so many times, in memory. */
export type WriteObject = (object: number, times: number) => void;

/** An allocator and how to write to its objects, as one thread sees them. */
export interface OpenHeap {
  readonly heap: BenchHeap;
  readonly write: WriteObject;
}

/**
 * What the module of an allocator in JavaScript exports as `openHeap`; each thread of a row calls it once.
 *
 * @param threads threads of the row
 * @param position which of them this is
 * @param shared memory of the row that all its threads have, for handing over what others need
 */
export type HeapOpener = (
  threads: number,
  position: number,
  shared: Int32Array,
) => OpenHeap | Promise<OpenHeap>;
