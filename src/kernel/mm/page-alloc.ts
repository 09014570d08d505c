import { PAGE_SIZE, PAGE_WORDS } from '../../arch/page.js';
import { readOnce } from '../core/access-once.js';
import { BUG, BUG_ON } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, TRANSIT_ORDER_SHIFT } from '../core/cpu-area.js';
import { local_irq_restore, local_irq_save, poll } from '../core/irqflags.js';
import { DEBUG_PAGE_OWNER, DEBUG_SLEEP, DEBUG_VM, KERNEL } from '../core/kernel-data.js';
import { in_interrupt } from '../core/preempt.js';
import { checkRunning } from '../core/system-state.js';
import { spin_lock, spin_unlock } from '../sync/spinlock.js';
import { frameWord, virt_addr_valid, virt_to_page } from './address.js';
import { ALLOC_BAD_FLAGS, bad_page } from './bad-page.js';
import { __free_one_page, __rmqueue, checkMobility } from './buddy.js';
import { prep_compound_page } from './compound.js';
import { cpuset_zone_allowed_softwall } from './cpuset.js';
import {
  __GFP_COLD,
  __GFP_COMP,
  __GFP_HARDWALL,
  __GFP_HIGH,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_WAIT,
  __GFP_ZERO,
  allocflags_to_migratetype,
  GFP_THISNODE,
  type gfp_t,
} from './gfp.js';
import { checkFreedBlock, free_pages_check } from './free-check.js';
import { freeHotPage as freeHot } from './hot-pages.js';
import { might_sleep } from './might-sleep.js';
import { ownerAllocated, ownerFreed } from './page-owner.js';
import {
  COUNT_WAS_SHARED,
  isInUse,
  PAGE,
  PG_reserved,
  references,
  PG_ZONE_SHIFT,
  compound_head,
  compound_order,
  pageOf,
  pfn_valid,
  zoneOfFlags,
} from './page.js';
import { putPage, takePage } from './page-sets.js';
import { warn_alloc_failed } from './show-mem.js';
import { zlcMarkFull, zlcSetup, zlcWorthTrying } from './zonelist-cache.js';
import { ZONELIST } from './zonelist.js';
import {
  ALLOC_CPUSET,
  ALLOC_HARDER,
  ALLOC_HIGH,
  ALLOC_NO_WATERMARKS,
  ALLOC_WMARK_LOW,
  ALLOC_WMARK_MIN,
  zone_watermark_ok,
} from './watermark.js';
import { MAX_ORDER, PCP_COLD, PCP_HOT, PER_CPU_PAGESET, ZONE } from './zone.js';

/**
 * The page allocator: the path of an allocation and of a free (facts file, sections 1.4, 1.10 and 1.12).
 *
 * An order-0 request is served from a list of this CPU with interrupts off, without a lock and without Atomics;
 * everything else goes to the buddy system under zone->lock.
 */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const FIRST_ZONE = ZONELIST.at.zones;
const ZONE_TYPE = ZONE.at.type;
const ZONE_NODE = ZONE.at.node;
const ZONE_LOCK = ZONE.at.lock;
const ZONE_PAGESET = ZONE.at.pageset;
const PAGES_MIN = ZONE.at.pages_min;
const PAGES_LOW = ZONE.at.pages_low;
const PAGES_HIGH = ZONE.at.pages_high;
const ALL_UNRECLAIMABLE = ZONE.at.all_unreclaimable;
const PAGES_SCANNED = ZONE.at.pages_scanned;
const FLAGS = PAGE.at.flags;
const COUNT = PAGE.at._count;
const PRIVATE = PAGE.at.private;
const WAS_SHARED = COUNT_WAS_SHARED;
const HIT_LOCAL = PER_CPU_PAGESET.at.hit_local;
const PGFREE = CPU_AREA.at.pgfree;
const PGALLOC_CALLS = CPU_AREA.at.pgalloc_calls;
const PGALLOC_PAGES = CPU_AREA.at.pgalloc_pages;
const IN_TRANSIT = CPU_AREA.at.pageInTransit;
const TRANSIT_SHIFT = TRANSIT_ORDER_SHIFT;
const TASK_FLAGS = CPU_AREA.at.task_flags;
const ALLOC_BAD = ALLOC_BAD_FLAGS;
const RESERVED_BIT = 1 << PG_reserved;
const ZONE_BITS = -1 << PG_ZONE_SHIFT;
const COLD_BIT = __GFP_COLD;
const WAIT_BIT = __GFP_WAIT;
const ZERO_OR_COMP = __GFP_ZERO | __GFP_COMP;
const HARDWALL_BIT = __GFP_HARDWALL;
const FIRST_PASS = ALLOC_WMARK_LOW | ALLOC_CPUSET;
const NO_WATERMARKS = ALLOC_NO_WATERMARKS;
const WMARK_MIN = ALLOC_WMARK_MIN;
const WMARK_LOW = ALLOC_WMARK_LOW;
const CPUSET_BIT = ALLOC_CPUSET;
const SLEEP_BIT = DEBUG_SLEEP;
const VM_BIT = DEBUG_VM;
const OWNER_BIT = DEBUG_PAGE_OWNER;
const NR_CPUSETS = KERNEL.number_of_cpusets;
const ORDERS = MAX_ORDER;
const HOT = PCP_HOT;
const freeHotPage = freeHot;

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
  const pfn = get_page_from_freelist(k, gfp_mask, order, zonelist, FIRST_PASS);
  return pfn !== 0 ? pfn : allocSlowPath(k, gfp_mask, order, zonelist);
}

/** One walk over the zonelist. */
function get_page_from_freelist(
  k: Cpu,
  gfp_mask: gfp_t,
  order: number,
  zonelist: number,
  allocFlags: number,
): number {
  const { i32 } = k;
  const first = i32[zonelist + FIRST_ZONE];
  const classzone = i32[first + ZONE_TYPE];
  if (
    cpusetAllows(k, first, gfp_mask, allocFlags) &&
    watermarkAllows(k, first, order, classzone, allocFlags)
  ) {
    const pfn = buffered_rmqueue(k, first, first, order, gfp_mask);
    if (pfn !== 0) return pfn;
  }
  if (i32[zonelist + FIRST_ZONE + 1] === 0) return 0;
  const cached = zlcSetup(k, zonelist);
  if (cached) {
    const pfn = searchRest(k, gfp_mask, order, zonelist, allocFlags, true);
    if (pfn !== 0) return pfn;
  }
  return searchRest(k, gfp_mask, order, zonelist, allocFlags, false);
}

/**
 * The zones behind the first one.
 *
 * @param cached skip zones that were found full within the last second
 */
function searchRest(
  k: Cpu,
  gfp_mask: gfp_t,
  order: number,
  zonelist: number,
  allocFlags: number,
  cached: boolean,
): number {
  const { i32 } = k;
  const first = i32[zonelist + FIRST_ZONE];
  const classzone = i32[first + ZONE_TYPE];
  for (let i = 1; ; i++) {
    const zone = i32[zonelist + FIRST_ZONE + i];
    if (zone === 0) return 0;
    if (cached && !zlcWorthTrying(k, zonelist, i)) continue;
    // What this task may not use is not full: others, of other cpusets, share the memory of full zones.
    if (!cpusetAllows(k, zone, gfp_mask, allocFlags)) continue;
    if (watermarkAllows(k, zone, order, classzone, allocFlags)) {
      const pfn = buffered_rmqueue(k, first, zone, order, gfp_mask);
      if (pfn !== 0) return pfn;
    }
    zlcMarkFull(k, zonelist, i);
  }
}

/** Whether the running task's cpuset lets a request into a zone. The first pass has a hard wall for everyone. */
function cpusetAllows(k: Cpu, zone: number, gfp_mask: gfp_t, allocFlags: number): boolean {
  if (readOnce(k, NR_CPUSETS) <= 1 || (allocFlags & CPUSET_BIT) === 0) return true;
  const mask = (allocFlags & WMARK_LOW) !== 0 ? gfp_mask | HARDWALL_BIT : gfp_mask;
  return cpuset_zone_allowed_softwall(k, k.i32[zone + ZONE_NODE], mask);
}

/** Whether the watermark lets a request into a zone. */
function watermarkAllows(
  k: Cpu,
  zone: number,
  order: number,
  classzone: number,
  allocFlags: number,
): boolean {
  const { i32 } = k;
  if ((allocFlags & NO_WATERMARKS) !== 0) return true;
  const mark =
    (allocFlags & WMARK_LOW) !== 0
      ? i32[zone + PAGES_LOW]
      : (allocFlags & WMARK_MIN) !== 0
        ? i32[zone + PAGES_MIN]
        : i32[zone + PAGES_HIGH];
  return zone_watermark_ok(k, zone, order, mark, classzone, allocFlags);
}

/**
 * Takes a block from a zone that passed its checks.
 *
 * @param preferred first zone of the zonelist, for the NUMA counters
 */
function buffered_rmqueue(k: Cpu, preferred: number, zone: number, order: number, gfp_mask: gfp_t): number {
  if (order !== 0) return rmqueueBlock(k, preferred, zone, order, gfp_mask);
  for (;;) {
    const flags = local_irq_save(k);
    const cold = (gfp_mask & COLD_BIT) >>> 8;
    const pfn = takePage(k, zone, cold, allocflags_to_migratetype(k.i32, gfp_mask));
    if (pfn === 0) {
      local_irq_restore(k, flags);
      return 0;
    }
    zone_statistics(k, preferred, zone);
    const good = prep_new_page(k, pfn, 0, gfp_mask);
    k.i32[k.area + IN_TRANSIT] = 0;
    local_irq_restore(k, flags);
    if (good) return pfn;
  }
}

/** A block of order > 0, straight from the buddy system. */
function rmqueueBlock(k: Cpu, preferred: number, zone: number, order: number, gfp_mask: gfp_t): number {
  const type = allocflags_to_migratetype(k.i32, gfp_mask);
  checkMobility(k, type);
  for (;;) {
    const flags = local_irq_save(k);
    spin_lock(k, zone + ZONE_LOCK);
    const pfn = __rmqueue(k, zone, order, type);
    // From here until it has an owner the block is in no list: a death now must not lose it.
    k.i32[k.area + IN_TRANSIT] = pfn === 0 ? 0 : pfn | (order << TRANSIT_SHIFT);
    spin_unlock(k, zone + ZONE_LOCK);
    let good = true;
    if (pfn !== 0) {
      const event = k.area + PGALLOC_CALLS + 2 * k.i32[zone + ZONE_TYPE];
      k.f64[event >>> 1]++;
      k.f64[(event - PGALLOC_CALLS + PGALLOC_PAGES) >>> 1] += 1 << order;
      zone_statistics(k, preferred, zone);
      good = prep_new_page(k, pfn, order, gfp_mask);
      k.i32[k.area + IN_TRANSIT] = 0;
    }
    local_irq_restore(k, flags);
    if (good) return pfn;
  }
}

/** Counts an allocation for numastat. Interrupts are off. */
function zone_statistics(k: Cpu, preferred: number, zone: number): void {
  const { i32, f64, node } = k;
  const supplied = i32[zone + ZONE_NODE];
  const wanted = i32[preferred + ZONE_NODE];
  const counters = (i32[zone + ZONE_PAGESET + k.cpu] + HIT_LOCAL) >>> 1;
  if (supplied === wanted) f64[counters + (supplied === node ? 0 : 1)]++;
  else countMiss(k, preferred, counters + (supplied === node ? 2 : 3));
}

function countMiss(k: Cpu, preferred: number, counter: number): void {
  k.f64[counter]++;
  k.f64[(k.i32[preferred + ZONE_PAGESET + k.cpu] + PER_CPU_PAGESET.at.numa_foreign) >>> 1]++;
}

/**
 * Makes a block ready for its new owner. The reference comes last: until then the block counts as in transit, and is
 * taken back if the thread dies.
 *
 * @returns false when the page must not be used (it is reserved): the caller drops it and tries again
 */
function prep_new_page(k: Cpu, pfn: number, order: number, gfp_mask: gfp_t): boolean {
  const { i32 } = k;
  const page = pageOf(i32, pfn);
  const flags = i32[page + FLAGS];
  if ((flags & ALLOC_BAD) !== 0 || isInUse(i32, page)) {
    bad_page(k, pfn);
    if ((flags & RESERVED_BIT) !== 0) return false;
  }
  i32[page + FLAGS] &= ZONE_BITS;
  i32[page + PRIVATE] = 0;
  if ((gfp_mask & ZERO_OR_COMP) !== 0) prepBlock(k, pfn, order, gfp_mask);
  if ((k.debug & OWNER_BIT) !== 0) ownerAllocated(k, pfn, order, gfp_mask);
  i32[page + COUNT] = 1;
  return true;
}

function prepBlock(k: Cpu, pfn: number, order: number, gfp_mask: gfp_t): void {
  if ((gfp_mask & __GFP_ZERO) !== 0) {
    const start = frameWord(k, pfn);
    k.i32.fill(0, start, start + (PAGE_WORDS << order));
  }
  if (order > 0 && (gfp_mask & __GFP_COMP) !== 0) prep_compound_page(k, pfn, order);
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
        pfn = get_page_from_freelist(k, gfp_mask, order, zonelist, NO_WATERMARKS);
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

/**
 * Frees a block by its order without looking at its reference count: what `free_hot_page` and `__free_pages` end in.
 * Any context.
 */
function __free_pages_ok(k: Cpu, pfn: number, order: number): void {
  const { i32 } = k;
  if (checkFreedBlock(k, pfn, order) > 0) {
    k.i32[k.area + IN_TRANSIT] = 0;
    return;
  }
  if ((k.debug & OWNER_BIT) !== 0) ownerFreed(k, pfn, order);
  const zone = zoneOfFlags(i32, i32[pageOf(i32, pfn) + FLAGS]);
  const flags = local_irq_save(k);
  k.f64[(k.area + PGFREE) >>> 1] += 1 << order;
  spin_lock(k, zone + ZONE_LOCK);
  i32[zone + ALL_UNRECLAIMABLE] = 0;
  i32[zone + PAGES_SCANNED] = 0;
  __free_one_page(k, zone, pfn, order);
  i32[k.area + IN_TRANSIT] = 0;
  spin_unlock(k, zone + ZONE_LOCK);
  local_irq_restore(k, flags);
}

/** Puts a single page, whose last reference is gone, on a list of this CPU. Any context. */
function free_hot_cold_page(k: Cpu, pfn: number, cold: number): void {
  const { i32 } = k;
  const page = pageOf(i32, pfn);
  if (free_pages_check(k, pfn)) {
    i32[k.area + IN_TRANSIT] = 0;
    return;
  }
  if ((k.debug & OWNER_BIT) !== 0) ownerFreed(k, pfn, 0);
  const zone = zoneOfFlags(i32, i32[page + FLAGS]);
  const flags = local_irq_save(k);
  k.f64[(k.area + PGFREE) >>> 1]++;
  putPage(k, zone, page, pfn, cold);
  local_irq_restore(k, flags);
}

/**
 * Drops a reference; whether it was the last one.
 *
 * A page with one reference belongs to the caller alone: nobody else can raise the count, so a plain store is right.
 * Where others had references before, the Atomics in {@link dropShared} put all that they did before this.
 */
function put_page_testzero(k: Cpu, page: number, pfn: number, order: number): boolean {
  const { i32 } = k;
  if (readOnce(k, page + COUNT) !== 1 && dropShared(k, page)) return false;
  // Without an owner and not in a list yet: a death from here on must not lose it.
  i32[k.area + IN_TRANSIT] = pfn | (order << TRANSIT_SHIFT);
  i32[page + COUNT] = 0;
  return true;
}

/**
 * Drops a reference unless it is the last one: then the page is the caller's alone. So a page is never in transit on
 * one CPU while another one frees it.
 */
function dropShared(k: Cpu, page: number): boolean {
  const { i32 } = k;
  for (;;) {
    const count = Atomics.load(i32, page + COUNT);
    const left = references(count) - 1;
    if (left === 0) return false;
    if ((k.debug & VM_BIT) !== 0) BUG_ON(k, left < 0, 'put_page_testzero: page has no reference');
    const after = left > 0 ? left | WAS_SHARED : left;
    if (Atomics.compareExchange(i32, page + COUNT, count, after) === count) return true;
  }
}

/**
 * Drops one reference of a block's first page, and frees the block when it was the last. Any context.
 *
 * @param pfn first frame of the block, as the allocation returned it; 0 is not allowed
 * @param order the order it was allocated with. Another one corrupts memory: too large frees pages of others, too
 *   small leaks the rest (facts file, section 1.16)
 */
export function __free_pages(k: Cpu, pfn: number, order: number): void {
  if (order !== 0 || !freeHotPage(k, pfn)) dropPages(k, pfn, order);
}

/** {@link __free_pages}, the long way. */
export function dropPages(k: Cpu, pfn: number, order: number): void {
  if (!pfn_valid(k, pfn) || order >>> 0 !== order || order >= ORDERS) {
    BUG(k, `free of frame ${pfn} with order ${order}: there is no such block`);
  }
  const page = pageOf(k.i32, pfn);
  if (!put_page_testzero(k, page, pfn, order)) return;
  if (order === 0) free_hot_cold_page(k, pfn, HOT);
  else __free_pages_ok(k, pfn, order);
}

/** {@link __free_pages} of a single page. Any context. */
export function __free_page(k: Cpu, pfn: number): void {
  __free_pages(k, pfn, 0);
}

/**
 * Drops the reference of a single page that is warm in this CPU's cache. Any context.
 *
 * The kernel's function of this name drops no reference and is not exported; this is the driver book's meaning
 * (facts file, section 1.4).
 */
export function free_hot_page(k: Cpu, pfn: number): void {
  if (put_page_testzero(k, pageOf(k.i32, pfn), pfn, 0)) free_hot_cold_page(k, pfn, PCP_HOT);
}

/** {@link free_hot_page} of a page that is not in this CPU's cache. */
export function free_cold_page(k: Cpu, pfn: number): void {
  if (put_page_testzero(k, pageOf(k.i32, pfn), pfn, 0)) free_hot_cold_page(k, pfn, PCP_COLD);
}

/**
 * Frees a block by its address; address 0 (NULL) is ignored. Any context.
 *
 * @param address as `__get_free_pages` returned it
 * @throws KernelBug when the address is not in the direct map
 */
export function free_pages(k: Cpu, address: number, order: number): void {
  if (address === 0) return;
  if (!virt_addr_valid(k, address)) BUG(k, `free_pages of an address outside the direct map: ${address}`);
  __free_pages(k, virt_to_page(k, address), order);
}

/** {@link free_pages} of a single page. */
export function free_page(k: Cpu, address: number): void {
  free_pages(k, address, 0);
}

/** Takes another reference to a page that the caller has one of. Any context. */
export function get_page(k: Cpu, pfn: number): void {
  const page = pageOf(k.i32, compound_head(k, pfn));
  if ((k.debug & DEBUG_VM) !== 0)
    BUG_ON(k, readOnce(k, page + COUNT) === 0, 'get_page: page has no reference');
  Atomics.add(k.i32, page + COUNT, 1);
}

/** Drops a reference to a page; the last one frees it, a compound page as a whole. Any context. */
export function put_page(k: Cpu, pfn: number): void {
  const head = compound_head(k, pfn);
  const page = pageOf(k.i32, head);
  const order = compound_order(k, head);
  if (!put_page_testzero(k, page, head, order)) return;
  if (order === 0) free_hot_cold_page(k, head, PCP_HOT);
  else __free_pages_ok(k, head, order);
}

/**
 * The smallest order whose block holds `size` bytes. A size of 0 makes no sense: it underflows to a huge order, as in
 * the kernel.
 */
export function get_order(size: number): number {
  if (size === 0) return 52;
  let order = 0;
  while (PAGE_SIZE * 2 ** order < size) order++;
  return order;
}
