import type { Cpu } from '../core/cpu.js';
import { FAULT_ATTR } from '../core/fault-data.js';
import { should_fail } from '../core/fault-inject.js';
import { KERNEL } from '../core/kernel-data.js';
import { __GFP_NOFAIL, __GFP_WAIT, type gfp_t } from '../mm/gfp.js';
import { KMEM_CACHE } from './kmem-cache.js';

const ATTR = KERNEL.failslab;

/**
 * Whether a request for an object is made to fail (debug.faults): also one of the allocator itself, for an array or a list,
 * but never one for a cache's descriptor, or one that must not fail. Any context.
 */
export function should_failslab(k: Cpu, cache: number, gfp: gfp_t): boolean {
  const { i32 } = k;
  if (cache === i32[KERNEL.cache_cache] || (gfp & __GFP_NOFAIL) !== 0) return false;
  if (i32[ATTR + FAULT_ATTR.at.ignore_gfp_wait] !== 0 && (gfp & __GFP_WAIT) !== 0) return false;
  return should_fail(k, ATTR, 'failslab', i32[cache + KMEM_CACHE.at.obj_size]);
}
