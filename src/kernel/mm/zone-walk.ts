import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { cpuset_zone_allowed_softwall } from './cpuset.js';
import { __GFP_HARDWALL, type gfp_t } from './gfp.js';
import { buffered_rmqueue as fromZone } from './rmqueue.js';
import {
  ALLOC_CPUSET,
  ALLOC_NO_WATERMARKS,
  ALLOC_WMARK_LOW,
  ALLOC_WMARK_MIN,
  zone_watermark_ok,
} from './watermark.js';
import { ZONE } from './zone.js';
import { zlcMarkFull, zlcSetup, zlcWorthTrying } from './zonelist-cache.js';
import { ZONELIST } from './zonelist.js';

/** Which zone of a zonelist serves a request (facts file, sections 1.10 and 1.11). */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const FIRST_ZONE = ZONELIST.at.zones;
const ZONE_TYPE = ZONE.at.type;
const ZONE_NODE = ZONE.at.node;
const PAGES_MIN = ZONE.at.pages_min;
const PAGES_LOW = ZONE.at.pages_low;
const PAGES_HIGH = ZONE.at.pages_high;
const HARDWALL_BIT = __GFP_HARDWALL;
const NO_WATERMARKS = ALLOC_NO_WATERMARKS;
const WMARK_MIN = ALLOC_WMARK_MIN;
const WMARK_LOW = ALLOC_WMARK_LOW;
const CPUSET_BIT = ALLOC_CPUSET;
const NR_CPUSETS = KERNEL.number_of_cpusets;
const buffered_rmqueue = fromZone;

/**
 * One walk over a zonelist.
 *
 * @param zonelist word index of a {@link ZONELIST} that is not empty
 * @param allocFlags `ALLOC_*` bits: how far down a zone may be used, and whether cpusets count
 * @returns the first frame of a block, or 0
 */
export function get_page_from_freelist(
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
