import { KERNEL } from '../core/kernel-data.js';
import { ZONE_DMA, ZONE_DMA32, ZONE_HIGHMEM, ZONE_MOVABLE, ZONE_NORMAL } from '../../arch/address-space.js';

/**
 * Allocation masks, with the bits of 2.6.24 (facts file, section 1.5). `__GFP_NO_GROW` is older: the slab interface
 * of 2.6.10 has it.
 */

/** An allocation mask: `__GFP_*` bits. */
export type gfp_t = number;

/** Only ZONE_DMA. */
export const __GFP_DMA = 0x01;
/** HighMem, Normal, DMA, in that order. */
export const __GFP_HIGHMEM = 0x02;
/** DMA32, then DMA. */
export const __GFP_DMA32 = 0x04;
/** May sleep, may reclaim. */
export const __GFP_WAIT = 0x10;
/** May use half of the reserve. */
export const __GFP_HIGH = 0x20;
/** Reclaim may start physical I/O. */
export const __GFP_IO = 0x40;
/** Reclaim may call file systems. */
export const __GFP_FS = 0x80;
/** Wants a cache-cold page. */
export const __GFP_COLD = 0x100;
/** No failure message. */
export const __GFP_NOWARN = 0x200;
/** Try harder; may still fail. */
export const __GFP_REPEAT = 0x400;
/** Retry for ever. */
export const __GFP_NOFAIL = 0x800;
/** Give up after one reclaim pass. */
export const __GFP_NORETRY = 0x1000;
/** Slab: do not add a slab. */
export const __GFP_NO_GROW = 0x2000;
/** Build compound page metadata. */
export const __GFP_COMP = 0x4000;
/** Zero the pages. */
export const __GFP_ZERO = 0x8000;
/** Never use the reserves that PF_MEMALLOC opens. */
export const __GFP_NOMEMALLOC = 0x10000;
/** Stay inside the task's cpuset. */
export const __GFP_HARDWALL = 0x20000;
/** This node only, no policy. */
export const __GFP_THISNODE = 0x40000;
/** Group with reclaimable (slab) pages. */
export const __GFP_RECLAIMABLE = 0x80000;
/** Movable page. With `__GFP_HIGHMEM` it selects ZONE_MOVABLE. */
export const __GFP_MOVABLE = 0x100000;

export const GFP_NOWAIT = 0;
export const GFP_ATOMIC = __GFP_HIGH;
export const GFP_NOIO = __GFP_WAIT;
export const GFP_NOFS = __GFP_WAIT | __GFP_IO;
export const GFP_KERNEL = __GFP_WAIT | __GFP_IO | __GFP_FS;
export const GFP_TEMPORARY = GFP_KERNEL | __GFP_RECLAIMABLE;
export const GFP_USER = GFP_KERNEL | __GFP_HARDWALL;
export const GFP_HIGHUSER = GFP_USER | __GFP_HIGHMEM;
export const GFP_HIGHUSER_MOVABLE = GFP_HIGHUSER | __GFP_MOVABLE;
export const GFP_DMA = __GFP_DMA;
export const GFP_DMA32 = __GFP_DMA32;
/** NUMA: fail quietly rather than leave the node. */
export const GFP_THISNODE = __GFP_THISNODE | __GFP_NOWARN | __GFP_NORETRY;

/** Mobility of a block of pages: what the pages are grouped by. */
export const MIGRATE_UNMOVABLE = 0;
export const MIGRATE_RECLAIMABLE = 1;
export const MIGRATE_MOVABLE = 2;
export const MIGRATE_RESERVE = 3;
export const MIGRATE_ISOLATE = 4;
export const MIGRATE_TYPES = 5;
/** Names as /proc/pagetypeinfo prints them. */
export const MIGRATE_NAMES = ['Unmovable', 'Reclaimable', 'Movable', 'Reserve', 'Isolate'] as const;

const MIGRATE_MASK = KERNEL.migrate_mask;

/**
 * The migrate type that a mask asks for: RECLAIMABLE is bit 19 and MOVABLE bit 20. Without grouping by mobility the
 * mask in the image makes everything unmovable.
 */
export function allocflags_to_migratetype(i32: Int32Array, flags: gfp_t): number {
  return (flags >>> 19) & i32[MIGRATE_MASK];
}

/** The zone modifiers of a mask as a number below ZONE_MODIFIER_SETS: all that {@link gfp_zone} depends on. */
export function zoneModifiers(flags: gfp_t): number {
  return (flags & 7) | ((flags >>> 17) & 8);
}

/** A mask with the zone modifiers that such a number stands for. */
export function zoneModifierMask(modifiers: number): gfp_t {
  return (modifiers & 7) | ((modifiers & 8) << 17);
}

/** The highest zone that a mask allows. */
export function gfp_zone(flags: gfp_t): number {
  if ((flags & __GFP_DMA) !== 0) return ZONE_DMA;
  if ((flags & __GFP_DMA32) !== 0) return ZONE_DMA32;
  if ((flags & (__GFP_HIGHMEM | __GFP_MOVABLE)) === (__GFP_HIGHMEM | __GFP_MOVABLE)) return ZONE_MOVABLE;
  if ((flags & __GFP_HIGHMEM) !== 0) return ZONE_HIGHMEM;
  return ZONE_NORMAL;
}
