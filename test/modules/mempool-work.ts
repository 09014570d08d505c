import { PAGE_SIZE } from '../../src/arch/page.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import { __GFP_ZERO, GFP_KERNEL, GFP_NOWAIT } from '../../src/kernel/mm/gfp.js';
import { phys_to_word } from '../../src/kernel/mm/phys.js';

/** Functions that tests of memory pools run on CPUs and as tasks. */
export interface Shared {
  readonly pool: number;
  /** Words: elements that are out, most at a time, and how often somebody got one. */
  readonly out: number;
  readonly most: number;
  readonly got: number;
}

/** No memory but the reserve, once that is filled: `pool_data` is a word that counts the elements. */
export function allocElement(k: Kernel, gfp: number, made: number): number {
  return gfp === GFP_KERNEL ? Atomics.add(k.i32, made, 1) + 1 : 0;
}

export function freeElement(k: Kernel, _element: number, made: number): void {
  Atomics.sub(k.i32, made, 1);
}

/** Makes a pool. */
export function init(k: Kernel, elements: number): Shared {
  const words = phys_to_word(k, k.alloc_page(GFP_KERNEL | __GFP_ZERO) * PAGE_SIZE);
  const alloc = k.module_symbol(import.meta.url, 'allocElement');
  const free = k.module_symbol(import.meta.url, 'freeElement');
  const pool = k.mempool_create(elements, alloc, free, words + 3);
  return { pool, out: words, most: words + 1, got: words + 2 };
}

/** Raises a word to a value that it has not reached. */
function raise(k: Kernel, word: number, value: number): void {
  for (;;) {
    const old = Atomics.load(k.i32, word);
    if (old >= value || Atomics.compareExchange(k.i32, word, old, value) === old) return;
  }
}

/**
 * Gets an element and gives it back, many times; in between others run. The first element is held until another task
 * holds one too, so that tasks meet however long their threads take to start.
 */
export function useElements(k: Kernel, { shared, rounds }: { shared: Shared; rounds: number }): number {
  for (let i = 0; i < rounds; i++) {
    const element = k.mempool_alloc(shared.pool, GFP_KERNEL);
    raise(k, shared.most, Atomics.add(k.i32, shared.out, 1) + 1);
    Atomics.add(k.i32, shared.got, 1);
    while (Atomics.load(k.i32, shared.most) < 2) k.msleep(1);
    if (i % 4 === 0) k.yield();
    Atomics.sub(k.i32, shared.out, 1);
    k.mempool_free(element, shared.pool);
  }
  return rounds;
}

export function counts(k: Kernel, { got, most }: Shared): { got: number; most: number } {
  return { got: Atomics.load(k.i32, got), most: Atomics.load(k.i32, most) };
}

/** Takes an element without waiting, 0 if there is none. */
export function take(k: Kernel, { pool }: Shared): number {
  return k.mempool_alloc(pool, GFP_NOWAIT);
}

/** Waits for an element. */
export function waitForElement(k: Kernel, { pool }: Shared): number {
  return k.mempool_alloc(pool, GFP_KERNEL);
}

export function give(k: Kernel, { shared, element }: { shared: Shared; element: number }): void {
  k.mempool_free(element, shared.pool);
}

/** Ends the pool. */
export function destroy(k: Kernel, { pool }: Shared): void {
  k.mempool_destroy(pool);
}
