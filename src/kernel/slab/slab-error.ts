import { formatAddress } from '../../arch/address-space.js';
import { BUG, WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { kmem_cache_name } from './cache-name.js';
import { KMEM_CACHE, SLAB } from './kmem-cache.js';
import { slotAddress, wordSlot } from './slot.js';

/**
 * Reports what is wrong with a cache, and goes on (facts file, section 3.6).
 *
 * @param details further lines
 */
export function slab_error(
  k: Cpu,
  where: string,
  cache: number,
  problem: string,
  details: readonly string[] = [],
): void {
  const error = `slab error in ${where}(): cache \`${kmem_cache_name(k, cache)}': ${problem}`;
  WARN(k, [error, ...details].join('\n'));
}

/** What describes a slab is wrong. */
export function slab_corrupted(k: Cpu, cache: number, slab: number): never {
  return BUG(
    k,
    `slab: Internal list corruption detected in cache '${kmem_cache_name(k, cache)}'(${k.i32[cache + KMEM_CACHE.at.num]}), ` +
      `slabp ${formatAddress(k.space, slotAddress(k, wordSlot(k, slab)))}(${k.i32[slab + SLAB.at.inuse]})`,
  );
}
