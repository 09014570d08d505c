import { ANY_FREE, BLOCK_TAIL, COMPOUND, IN_USE, PAGE_SET, RESERVED, TWICE } from './audit-place.js';
import type { AuditRun, AuditZone } from './audit-run.js';
import type { ZoneRef } from './audit-violation-pages.js';

/** Frames by where they are. What is lost, in two places, or cannot be told is in `total` alone. */
export interface FrameCounts {
  readonly total: number;
  /** In the free lists. */
  readonly free: number;
  /** In the lists of CPUs. */
  readonly percpu: number;
  readonly allocated: number;
  readonly reserved: number;
  /** No RAM. */
  readonly hole: number;
}

/** Counts the frames of a zone; `total` is what it spans. */
export function countZone(run: AuditRun, zone: AuditZone): ZoneRef & FrameCounts {
  const { places } = run;
  let free = 0;
  let percpu = 0;
  let allocated = 0;
  let reserved = 0;
  for (const range of zone.ram) {
    for (let frame = range.start; frame < range.end; frame++) {
      const place = places[frame];
      if ((place & TWICE) !== 0) continue;
      if ((place & ANY_FREE) !== 0) {
        if ((place & PAGE_SET) !== 0) percpu++;
        else free++;
      } else if (place === IN_USE || place === BLOCK_TAIL || place === COMPOUND) allocated++;
      else if (place === RESERVED) reserved++;
    }
  }
  const total = zone.end - zone.start;
  const counts = { total, free, percpu, allocated, reserved, hole: total - zone.present };
  return { node: zone.node, zone: zone.zone, ...counts };
}

/** Counts the frames of the machine; `total` goes from frame 0 to the end of RAM. */
export function sumCounts(run: AuditRun, zones: readonly FrameCounts[]): FrameCounts {
  let ram = 0;
  for (const range of run.firmware?.ram ?? []) ram += range.end - range.start;
  const sum = { free: 0, percpu: 0, allocated: 0, reserved: 0 };
  for (const zone of zones) {
    sum.free += zone.free;
    sum.percpu += zone.percpu;
    sum.allocated += zone.allocated;
    sum.reserved += zone.reserved;
  }
  return { total: run.frames, ...sum, hole: run.frames - ram };
}
