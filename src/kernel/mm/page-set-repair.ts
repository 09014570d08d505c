import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, TRANSIT_ORDER_SHIFT } from '../core/cpu-area.js';
import { local_irq_save } from '../core/irqflags.js';
import { DEBUG_PAGE_OWNER } from '../core/kernel-data.js';
import { spin_lock, spin_unlock } from '../sync/spinlock.js';
import { __free_one_page } from './buddy.js';
import { ownerForget } from './page-owner.js';
import { PAGE, PG_buddy, PG_reserved, PG_ZONE_SHIFT, pageOf, zoneOfFlags } from './page.js';
import { PCP_COLD, PCP_HOT, PER_CPU_PAGES, populatedZones, ZONE } from './zone.js';

/**
 * Makes the page lists of a CPU whole again after its thread died in the middle of a list operation.
 *
 * `list_add` and `list_del` change the forward chain in one store, the last and the first of theirs, so the forward
 * chain is right at every moment; the backward links and the count are made anew from it. A block that was on its
 * way and has no owner (its count is 0) goes back to the buddy system. Interrupts that are pending there stay pending:
 * they are not for the caller to serve.
 *
 * @param k the dead CPU's
 * @returns the first frame of such a block, or 0
 */
export function repairPageSets(k: Cpu): number {
  const { i32 } = k;
  const flags = local_irq_save(k);
  const transit = i32[k.area + CPU_AREA.at.pageInTransit];
  let listed = false;
  for (const zone of populatedZones(k)) {
    for (const list of [PCP_HOT, PCP_COLD]) {
      const pcp = i32[zone + ZONE.at.pageset + k.cpu] + list * PER_CPU_PAGES.words;
      if (repairList(k, zone, pcp, transitFrame(transit))) listed = true;
    }
  }
  const lost = transit === 0 || listed ? 0 : freeLost(k, transitFrame(transit), transitOrder(transit));
  i32[k.area + CPU_AREA.at.pageInTransit] = 0;
  i32[k.area + CPU_AREA.at.irqs_disabled] = flags;
  return lost;
}

function transitFrame(transit: number): number {
  return transit & ((1 << TRANSIT_ORDER_SHIFT) - 1);
}

function transitOrder(transit: number): number {
  return transit >>> TRANSIT_ORDER_SHIFT;
}

/** Rebuilds a list from its forward chain; whether it holds the frame. */
function repairList(k: Cpu, zone: number, pcp: number, wanted: number): boolean {
  const { i32 } = k;
  const head = pcp + PER_CPU_PAGES.at.list;
  const wantedLink = wanted === 0 ? 0 : i32[zone + ZONE.at.mem_map] + wanted * PAGE.words + PAGE.at.lru;
  let count = 0;
  let found = false;
  let previous = head;
  for (let link = i32[head]; link !== head; link = i32[link]) {
    i32[link + 1] = previous;
    previous = link;
    count++;
    if (link === wantedLink) found = true;
  }
  i32[head + 1] = previous;
  i32[pcp + PER_CPU_PAGES.at.count] = count;
  return found;
}

/** Frees a block that nobody owns; the frame, or 0 when it has an owner or is free already. Interrupts are off. */
function freeLost(k: Cpu, pfn: number, order: number): number {
  const { i32 } = k;
  const flags = i32[pageOf(i32, pfn) + PAGE.at.flags];
  const isFree = (flags & ((1 << PG_buddy) | (1 << PG_reserved))) !== 0;
  if (i32[pageOf(i32, pfn) + PAGE.at._count] !== 0 || isFree) return 0;
  for (let i = 0; i < 1 << order; i++) cleanPage(k, pfn + i);
  const zone = zoneOfFlags(i32, flags);
  spin_lock(k, zone + ZONE.at.lock);
  __free_one_page(k, zone, pfn, order);
  spin_unlock(k, zone + ZONE.at.lock);
  return pfn;
}

/** Makes a page a free one, whether its thread died before, in the middle of or after tying a compound page together. */
function cleanPage(k: Cpu, pfn: number): void {
  const page = pageOf(k.i32, pfn);
  k.i32[page + PAGE.at.flags] &= -1 << PG_ZONE_SHIFT;
  k.i32[page + PAGE.at.private] = 0;
  if ((k.debug & DEBUG_PAGE_OWNER) !== 0) ownerForget(k, pfn);
}
