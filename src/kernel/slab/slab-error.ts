import { WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { kmem_cache_name } from './cache-name.js';

/** Reports what is wrong with a cache, and goes on (facts file, section 3.6). */
export function slab_error(k: Cpu, where: string, cache: number, problem: string): void {
  WARN(k, `slab error in ${where}(): cache \`${kmem_cache_name(k, cache)}': ${problem}`);
}
