import { ZONE_HIGHMEM } from '../../arch/address-space.js';
import type { Hardware } from '../../arch/hardware.js';
import { frameOf, SECTION_PAGES } from '../../arch/page.js';
import { alignUp } from '../../image/struct.js';

/**
 * ZONE_MOVABLE (movablecore=): the end of each node's part of the highest zone is set aside for movable pages. What
 * the kernel keeps is spread evenly over the nodes; lower zones count towards it first.
 */

/**
 * The frame at which ZONE_MOVABLE begins on each node; 0 where there is none.
 *
 * @param limits frames of each zone type, without ZONE_MOVABLE
 */
export function movableStarts(
  hardware: Hardware,
  limits: readonly { readonly start: number; readonly end: number }[],
): number[] {
  const starts = new Array<number>(hardware.nodes).fill(0);
  if (hardware.movablecore === 0) return starts;
  const usable = highestZoneStart(hardware, limits);
  const pages = nodePages(hardware);
  let total = 0;
  for (const count of pages) total += count;
  let required = total - alignUp(frameOf(hardware.movablecore), SECTION_PAGES);
  // Kernel memory of each node so far; a node too small for its share leaves the rest to the others.
  const kept = new Array<number>(hardware.nodes).fill(0);
  while (required > 0) {
    const open: number[] = [];
    for (let nid = 0; nid < hardware.nodes; nid++) if ((kept[nid] ?? 0) < (pages[nid] ?? 0)) open.push(nid);
    if (open.length === 0) break;
    const share = Math.max(1, Math.floor(required / open.length));
    for (const nid of open) {
      const more = Math.min(share, required, (pages[nid] ?? 0) - (kept[nid] ?? 0));
      kept[nid] = (kept[nid] ?? 0) + more;
      required -= more;
    }
  }
  for (let nid = 0; nid < hardware.nodes; nid++)
    starts[nid] = frameAfter(hardware, nid, kept[nid] ?? 0, usable);
  return starts;
}

/** Where the highest zone with memory begins. */
function highestZoneStart(
  hardware: Hardware,
  limits: readonly { readonly start: number; readonly end: number }[],
): number {
  const end = frameOf(hardware.memory.at(-1)?.end ?? 0);
  for (let type = ZONE_HIGHMEM; type > 0; type--) {
    const limit = limits[type];
    if (limit.end > limit.start && limit.start < end) return limit.start;
  }
  return 0;
}

function nodePages(hardware: Hardware): number[] {
  const pages = new Array<number>(hardware.nodes).fill(0);
  for (const range of hardware.memory)
    pages[range.node] = (pages[range.node] ?? 0) + frameOf(range.end - range.start);
  return pages;
}

/** The first section boundary behind a node's first `keep` pages and behind the lower zones; 0 if nothing is left. */
function frameAfter(hardware: Hardware, nid: number, keep: number, usable: number): number {
  let left = keep;
  let end = 0;
  let start = 0;
  for (const range of hardware.memory) {
    if (range.node !== nid) continue;
    const pages = frameOf(range.end - range.start);
    if (left > 0 || start === 0) start = frameOf(range.start) + Math.min(left, pages);
    left -= Math.min(left, pages);
    end = frameOf(range.end);
  }
  const aligned = alignUp(Math.max(start, usable), SECTION_PAGES);
  return aligned < end ? aligned : 0;
}
