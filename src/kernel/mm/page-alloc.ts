import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { poll } from '../core/irqflags.js';
import { DEBUG_FAULTS, DEBUG_SLEEP } from '../core/kernel-data.js';
import { in_interrupt } from '../core/preempt.js';
import { checkRunning } from '../core/system-state.js';
import { might_sleep } from '../cpu/might-sleep.js';
import { should_fail_alloc_page } from './fail-page-alloc.js';
import {
  __GFP_HIGH,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_WAIT,
  GFP_THISNODE,
  type gfp_t,
} from './gfp.js';
import { warn_alloc_failed } from './show-mem.js';
import {
  ALLOC_CPUSET,
  ALLOC_HARDER,
  ALLOC_HIGH,
  ALLOC_NO_WATERMARKS,
  ALLOC_WMARK_LOW,
  ALLOC_WMARK_MIN,
} from './watermark.js';
import { get_page_from_freelist as fromFreelist } from './zone-walk.js';
import { MAX_ORDER } from './zone.js';
import { ZONELIST } from './zonelist.js';

/** An allocation from a zonelist: the core of the page allocator (facts file, sections 1.4 and 1.10). */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const FIRST_ZONE = ZONELIST.at.zones;
const TASK_FLAGS = CPU_AREA.at.task_flags;
const WAIT_BIT = __GFP_WAIT;
const FIRST_PASS = ALLOC_WMARK_LOW | ALLOC_CPUSET;
const SLEEP_BIT = DEBUG_SLEEP;
const FAULTS_BIT = DEBUG_FAULTS;
const ORDERS = MAX_ORDER;
const get_page_from_freelist = fromFreelist;

/** Task flag: may use all memory, because it frees memory (PF_MEMALLOC). */
export const PF_MEMALLOC = 0x800;

/** How long a request that must not fail waits before it tries again (congestion_wait(HZ/50)). Milliseconds. */
const NOFAIL_WAIT_MS = 20;

/**
 * The core: a block from the first zone of a zonelist that can give one.
 *
 * @param gfp_mask `__GFP_*` bits
 * @param order the block has 2^order pages; 0 to MAX_ORDER - 1
 * @param zonelist word index of a {@link ZONELIST}
 * @returns the first frame, or 0 (NULL): no memory that the mask permits, or too large an order
 *
 * Context: may sleep if the mask has `__GFP_WAIT`, else any.
 */
export function __alloc_pages(k: Cpu, gfp_mask: gfp_t, order: number, zonelist: number): number {
  if ((gfp_mask & WAIT_BIT) !== 0 && (k.debug & SLEEP_BIT) !== 0) might_sleep(k);
  if (order >= ORDERS || k.i32[zonelist + FIRST_ZONE] === 0) return 0;
  if (order >>> 0 !== order) BUG(k, `order ${order}: must be an integer, 0 or more`);
  if ((k.debug & FAULTS_BIT) !== 0 && should_fail_alloc_page(k, gfp_mask, order)) return 0;
  const pfn = get_page_from_freelist(k, gfp_mask, order, zonelist, FIRST_PASS);
  return pfn !== 0 ? pfn : allocSlowPath(k, gfp_mask, order, zonelist);
}

/**
 * The slow path: deeper into the reserves, then, when reclaim exists, reclaim. Until then it fails where reclaim
 * would have found nothing; only `__GFP_NOFAIL` goes on waiting for others to free memory.
 */
function allocSlowPath(k: Cpu, gfp_mask: gfp_t, order: number, zonelist: number): number {
  if ((gfp_mask & GFP_THISNODE) === GFP_THISNODE) return 0;
  // wake_all_kswapd() belongs here.
  let allocFlags = ALLOC_WMARK_MIN;
  if ((gfp_mask & __GFP_HIGH) !== 0) allocFlags |= ALLOC_HIGH;
  // Real-time tasks outside interrupts get ALLOC_HARDER as well, once there are tasks.
  if ((gfp_mask & WAIT_BIT) === 0) allocFlags |= ALLOC_HARDER;
  else allocFlags |= ALLOC_CPUSET;
  for (;;) {
    let pfn = get_page_from_freelist(k, gfp_mask, order, zonelist, allocFlags);
    if (pfn !== 0) return pfn;
    if ((k.i32[k.area + TASK_FLAGS] & PF_MEMALLOC) !== 0 && !in_interrupt(k)) {
      if ((gfp_mask & __GFP_NOMEMALLOC) === 0) {
        pfn = get_page_from_freelist(k, gfp_mask, order, zonelist, ALLOC_NO_WATERMARKS);
        if (pfn !== 0) return pfn;
      }
    }
    // Direct reclaim, the drain of all per-CPU lists after it, and the OOM killer belong here.
    // NORETRY wins over NOFAIL.
    if ((gfp_mask & WAIT_BIT) === 0 || (gfp_mask & (__GFP_NOFAIL | __GFP_NORETRY)) !== __GFP_NOFAIL) break;
    waitForMemory(k);
  }
  if ((gfp_mask & __GFP_NOWARN) === 0) warn_alloc_failed(k, gfp_mask, order);
  return 0;
}

/** Lets others free memory for a moment. */
function waitForMemory(k: Cpu): void {
  const until = k.platform.now() + NOFAIL_WAIT_MS;
  for (let left = NOFAIL_WAIT_MS; left > 0; left = until - k.platform.now()) {
    k.platform.wait(k.area + CPU_AREA.at.pending, 0, left);
    checkRunning(k);
    poll(k);
  }
}
