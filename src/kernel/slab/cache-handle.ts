import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { describeValue } from '../core/describe-value.js';
import { KERNEL } from '../core/kernel-data.js';
import { ARRAYS } from './kmem-cache.js';

/**
 * Whether what a user names is a cache. Linux believes it. Here a cache is told by the last entry of its table of arrays, which
 * leads to `no_array` as long as there is the cache, and the long ways look there. The short ways do not: of a cache that was
 * destroyed they find no array, so that what is asked of it goes on to the long ones.
 */

/**
 * @throws KernelBug when a number is none of a cache; of one that was destroyed, as long as its memory is not that of a new one
 */
export function checkCache(k: Cpu, cache: number, what: string): void {
  if (k.i32[cache + ARRAYS + k.i32[KERNEL.nr_cpus]] !== KERNEL.no_array)
    BUG(k, `${what}: ${describeValue(cache)} is no cache, or one that was destroyed`);
}

/** From here on a cache is none. Nobody else knows it. */
export function endHandle(k: Cpu, cache: number): void {
  const cpus = k.i32[KERNEL.nr_cpus];
  for (let cpu = 0; cpu < cpus; cpu++) k.i32[cache + ARRAYS + cpu] = KERNEL.no_array;
  k.i32[cache + ARRAYS + cpus] = 0;
}
