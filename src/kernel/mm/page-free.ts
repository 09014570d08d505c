import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, TRANSIT_ORDER_SHIFT } from '../core/cpu-area.js';
import { local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { DEBUG_PAGE_OWNER } from '../core/kernel-data.js';
import { spin_lock, spin_unlock } from '../sync/spinlock.js';
import { virt_addr_valid, virt_to_page } from './address.js';
import { __free_one_page } from './buddy.js';
import { checkFreedBlock, free_pages_check } from './free-check.js';
import { freeHotPage as freeHot } from './hot-pages.js';
import { ownerFreed } from './page-owner.js';
import { putUnlessLast as unlessLast } from './page-refs.js';
import { putPage } from './page-sets.js';
import { compound_head, compound_order, PAGE, pageOf, pfn_valid, zoneOfFlags } from './page.js';
import { MAX_ORDER, PCP_COLD, PCP_HOT, ZONE } from './zone.js';

/**
 * The ways to free pages (facts file, sections 1.4 and 1.12). A single page goes to a list of this CPU, with interrupts
 * off; a larger block to the buddy system, under zone->lock.
 */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const ZONE_LOCK = ZONE.at.lock;
const ALL_UNRECLAIMABLE = ZONE.at.all_unreclaimable;
const PAGES_SCANNED = ZONE.at.pages_scanned;
const FLAGS = PAGE.at.flags;
const COUNT = PAGE.at._count;
const PGFREE = CPU_AREA.at.pgfree;
const IN_TRANSIT = CPU_AREA.at.pageInTransit;
const TRANSIT_SHIFT = TRANSIT_ORDER_SHIFT;
const OWNER_BIT = DEBUG_PAGE_OWNER;
const ORDERS = MAX_ORDER;
const HOT = PCP_HOT;
const freeHotPage = freeHot;
const putUnlessLast = unlessLast;

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
  dropReference(k, pfn, order, HOT);
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
  dropReference(k, pfn, 0, HOT);
}

/** {@link free_hot_page} of a page that is not in this CPU's cache. */
export function free_cold_page(k: Cpu, pfn: number): void {
  dropReference(k, pfn, 0, PCP_COLD);
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

/** Drops a reference to a page; the last one frees it, a compound page as a whole. Any context. */
export function put_page(k: Cpu, pfn: number): void {
  const head = compound_head(k, pfn);
  dropReference(k, head, compound_order(k, head), HOT);
}

/**
 * Drops a reference of a block; the last one frees it. Any context.
 *
 * Interrupts are off while the block is in transit: a handler may have one of its own in transit, and what is said here
 * of this CPU must not be taken back on another one.
 *
 * @param cold list for a single page: PCP_HOT or PCP_COLD
 */
function dropReference(k: Cpu, pfn: number, order: number, cold: number): void {
  const { i32 } = k;
  const page = pageOf(i32, pfn);
  if (putUnlessLast(k, page)) return;
  const flags = local_irq_save(k);
  // Without an owner and not in a list yet: a death from here on must not lose it.
  i32[k.area + IN_TRANSIT] = pfn | (order << TRANSIT_SHIFT);
  i32[page + COUNT] = 0;
  if (order === 0) free_hot_cold_page(k, page, pfn, cold);
  else __free_pages_ok(k, page, pfn, order);
  local_irq_restore(k, flags);
}

/** Gives a block back to the buddy system. Interrupts are off. */
function __free_pages_ok(k: Cpu, page: number, pfn: number, order: number): void {
  const { i32 } = k;
  if (checkFreedBlock(k, pfn, order) > 0) {
    i32[k.area + IN_TRANSIT] = 0;
    return;
  }
  if ((k.debug & OWNER_BIT) !== 0) ownerFreed(k, pfn, order);
  const zone = zoneOfFlags(i32, i32[page + FLAGS]);
  k.f64[(k.area + PGFREE) >>> 1] += 1 << order;
  spin_lock(k, zone + ZONE_LOCK);
  i32[zone + ALL_UNRECLAIMABLE] = 0;
  i32[zone + PAGES_SCANNED] = 0;
  __free_one_page(k, zone, pfn, order);
  i32[k.area + IN_TRANSIT] = 0;
  spin_unlock(k, zone + ZONE_LOCK);
}

/** Puts a single page on a list of this CPU. Interrupts are off. */
function free_hot_cold_page(k: Cpu, page: number, pfn: number, cold: number): void {
  const { i32 } = k;
  if (free_pages_check(k, pfn)) {
    i32[k.area + IN_TRANSIT] = 0;
    return;
  }
  if ((k.debug & OWNER_BIT) !== 0) ownerFreed(k, pfn, 0);
  const zone = zoneOfFlags(i32, i32[page + FLAGS]);
  k.f64[(k.area + PGFREE) >>> 1]++;
  putPage(k, zone, page, pfn, cold);
}
