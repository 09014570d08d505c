import type { Cpu } from '../core/cpu.js';
import { FAULT_ATTR } from '../core/fault-data.js';
import { should_fail } from '../core/fault-inject.js';
import { KERNEL } from '../core/kernel-data.js';
import { __GFP_HIGHMEM, __GFP_NOFAIL, __GFP_WAIT, type gfp_t } from './gfp.js';

const ATTR = KERNEL.fail_page_alloc;

/** Whether a request for pages is made to fail (debug.faults). Never one that must not fail. Any context. */
export function should_fail_alloc_page(k: Cpu, gfp_mask: gfp_t, order: number): boolean {
  const { i32 } = k;
  if (order < i32[ATTR + FAULT_ATTR.at.min_order] || (gfp_mask & __GFP_NOFAIL) !== 0) return false;
  if (i32[ATTR + FAULT_ATTR.at.ignore_gfp_highmem] !== 0 && (gfp_mask & __GFP_HIGHMEM) !== 0) return false;
  if (i32[ATTR + FAULT_ATTR.at.ignore_gfp_wait] !== 0 && (gfp_mask & __GFP_WAIT) !== 0) return false;
  return should_fail(k, ATTR, 'fail_page_alloc', 1 << order);
}
