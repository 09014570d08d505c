import { SharedHeap } from '../heap/shared-heap.js';
import type { OpenHeap } from './kmalloc-bench-heap.js';

/**
 * The heap of this package, which all threads of a row have together.
 *
 * @param shared its memory
 */
export function openHeap(_threads: number, _position: number, shared: Int32Array): OpenHeap {
  const heap = SharedHeap.attach({ type: 'gfp-heap', buffer: shared.buffer as SharedArrayBuffer });
  const words = new Int32Array(heap.buffer);
  return {
    heap: new SharedHeapAsKernel(heap),
    write: (object, times) => {
      const word = object >>> 2;
      for (let i = 0; i < times; i++) words[word]++;
    },
  };
}

class SharedHeapAsKernel {
  readonly #heap: SharedHeap;

  constructor(heap: SharedHeap) {
    this.#heap = heap;
  }

  kmalloc(size: number): number {
    return this.#heap.malloc(size);
  }

  kfree(object: number): void {
    this.#heap.free(object);
  }

  poll(): void {}
}
