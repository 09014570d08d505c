import type { Kernel } from '../../../kernel/kernel.js';
import { KERNEL } from '../../../kernel/core/kernel-data.js';
import { PCP_HOT, PER_CPU_PAGES, PER_CPU_PAGESET, populatedZones, ZONE } from '../../../kernel/mm/zone.js';
import { expectValue } from '../expect-value.js';

/** How scenarios allocate and use pages. */

/** Sets the limits of all hot lists: a refill brings `batch` pages, and at `high` pages a batch goes back. In setup. */
export function setHotLists(k: Kernel, high: number, batch: number): void {
  for (const zone of populatedZones(k)) {
    for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
      const hot = k.i32[zone + ZONE.at.pageset + cpu] + PCP_HOT * PER_CPU_PAGES.words;
      k.i32[hot + PER_CPU_PAGES.at.high] = high;
      k.i32[hot + PER_CPU_PAGES.at.batch] = batch;
    }
  }
}

/** Lets requests go down to the last page, and has counts of free pages exact at every moment. In setup. */
export function allowAll(k: Kernel): void {
  const { i32 } = k;
  i32[KERNEL.totalreserve_pages] = 0;
  for (const zone of populatedZones(k)) {
    i32.fill(0, zone + ZONE.at.pages_min, zone + ZONE.at.pages_high + 1);
    for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) {
      i32[i32[zone + ZONE.at.pageset + cpu] + PER_CPU_PAGESET.at.stat_threshold] = 0;
    }
  }
}

/**
 * A block of pages, marked as the caller's.
 *
 * @param mark anything but 0 that tells owners apart
 * @returns the address of its first byte
 */
export function takePages(k: Kernel, gfp_mask: number, order: number, mark: number): number {
  const address = k.__get_free_pages(gfp_mask, order);
  if (address === 0) throw new Error('an allocation failed although there is memory');
  k.write32(address, mark);
  return address;
}

/** Frees a block that must still have the caller's mark, and nobody else's. */
export function givePages(k: Kernel, address: number, order: number, mark: number): void {
  expectValue('the mark in a page', k.read32(address), mark);
  k.write32(address, 0);
  k.free_pages(address, order);
}
