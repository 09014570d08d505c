import { MemPool } from '@thi.ng/malloc';
import type { OpenHeap } from './kmalloc-bench-heap.js';

/** `@thi.ng/malloc`, a pool in an array buffer, for one thread. Loaded only where the package is installed. */

/** Bytes of its memory, of which the bench holds less than a twentieth at once. */
const POOL_BYTES = 16 * 1024 ** 2;

/** A pool with the options that it has by itself. */
export function openHeap(): OpenHeap {
  const pool = new MemPool({ size: POOL_BYTES });
  const words = new Int32Array(pool.buf);
  return {
    heap: new ThingHeap(pool),
    write: (object, times) => {
      const word = object >> 2;
      for (let i = 0; i < times; i++) words[word]++;
    },
  };
}

class ThingHeap {
  readonly #pool: MemPool;

  constructor(pool: MemPool) {
    this.#pool = pool;
  }

  kmalloc(size: number): number {
    return this.#pool.malloc(size);
  }

  kfree(object: number): void {
    this.#pool.free(object);
  }

  poll(): void {}
}
