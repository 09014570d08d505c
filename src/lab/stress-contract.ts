import { ZONE_DMA, ZONE_DMA32, ZONE_HIGHMEM, ZONE_MOVABLE, ZONE_NAMES } from '../arch/address-space.js';
import type { Kernel } from '../kernel/kernel.js';
import {
  __GFP_COMP,
  __GFP_DMA,
  __GFP_DMA32,
  __GFP_HIGHMEM,
  __GFP_MOVABLE,
  __GFP_THISNODE,
  __GFP_ZERO,
} from '../kernel/mm/gfp.js';
import { frameWord } from '../kernel/mm/address.js';
import { checkZero, describeCanaryFault } from './stress-canary.js';

/**
 * Checks that a block is what was asked for: aligned, referenced once, from a zone and a node that the mask allows,
 * tied together if compound, zero if zeroed.
 *
 * @param node the node that was asked for, or below 0 for none
 * @returns what is wrong, or undefined
 */
export function brokenContract(
  k: Kernel,
  pfn: number,
  order: number,
  mask: number,
  node: number,
): string | undefined {
  if ((pfn & ((1 << order) - 1)) !== 0) return 'it is not aligned to its size';
  const count = k.page_count(pfn);
  if (count !== 1) return `its reference count is ${count}`;
  const zone = k.page_zonenum(pfn);
  if (!zoneAllowed(zone, mask)) return `it is in zone ${ZONE_NAMES[zone] ?? zone}`;
  const from = k.page_to_nid(pfn);
  if ((mask & __GFP_THISNODE) !== 0 && node >= 0 && from !== node) return `it is on node ${from}`;
  if ((mask & __GFP_COMP) !== 0 && order > 0) {
    if (k.compound_order(pfn) !== order) return `its compound order is ${k.compound_order(pfn)}`;
    const head = k.compound_head(pfn + (1 << order) - 1);
    if (head !== pfn) return `its last page has head 0x${head.toString(16)}`;
  }
  if ((mask & __GFP_ZERO) !== 0) {
    const fault = checkZero(k.i32, frameWord(k, pfn), pfn, order);
    if (fault !== undefined) return `it is not zero: ${describeCanaryFault(fault)}`;
  }
  return undefined;
}

/** Whether the mask allows the zone: none above the one it names. */
function zoneAllowed(zone: number, mask: number): boolean {
  if ((mask & __GFP_DMA) !== 0) return zone === ZONE_DMA;
  if ((mask & __GFP_DMA32) !== 0) return zone <= ZONE_DMA32;
  if (zone === ZONE_MOVABLE) return (mask & __GFP_HIGHMEM) !== 0 && (mask & __GFP_MOVABLE) !== 0;
  return zone !== ZONE_HIGHMEM || (mask & __GFP_HIGHMEM) !== 0;
}
