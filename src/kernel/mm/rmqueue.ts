import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, TRANSIT_ORDER_SHIFT } from '../core/cpu-area.js';
import { local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { spin_lock, spin_unlock } from '../sync/spinlock.js';
import { __rmqueue, checkMobility } from './buddy.js';
import { __GFP_COLD, allocflags_to_migratetype, type gfp_t } from './gfp.js';
import { takePage } from './page-sets.js';
import { prep_new_page as prepare } from './prep-page.js';
import { PER_CPU_PAGESET, ZONE } from './zone.js';

/**
 * Blocks out of a zone: a single page from a list of this CPU with interrupts off, without a lock and without Atomics;
 * a larger block from the buddy system under zone->lock.
 */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const ZONE_TYPE = ZONE.at.type;
const ZONE_NODE = ZONE.at.node;
const ZONE_LOCK = ZONE.at.lock;
const ZONE_PAGESET = ZONE.at.pageset;
const HIT_LOCAL = PER_CPU_PAGESET.at.hit_local;
const PGALLOC_CALLS = CPU_AREA.at.pgalloc_calls;
const PGALLOC_PAGES = CPU_AREA.at.pgalloc_pages;
const IN_TRANSIT = CPU_AREA.at.pageInTransit;
const TRANSIT_SHIFT = TRANSIT_ORDER_SHIFT;
const COLD_BIT = __GFP_COLD;
const prep_new_page = prepare;

/**
 * Takes a block from a zone that passed its checks. Any context.
 *
 * @param preferred first zone of the zonelist, for the NUMA counters
 * @returns its first frame, or 0 when the zone has none
 */
export function buffered_rmqueue(
  k: Cpu,
  preferred: number,
  zone: number,
  order: number,
  gfp_mask: gfp_t,
): number {
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
