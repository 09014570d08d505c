/**
 * `gfp/heap`: memory that the threads of a Node process allocate and free together, by the slab allocator of this package.
 *
 * @packageDocumentation
 */
export { HeapError, type HeapErrorCode } from './heap-error.js';
export type { HeapOptions } from './heap-machine.js';
export type { HeapClass, HeapStats } from './heap-stats.js';
export type { LiveObjects } from './heap-debug.js';
export { type HeapHandle, type HeapReport, SharedHeap, type ViewType } from './shared-heap.js';
