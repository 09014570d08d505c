import type { ArchName } from '../arch/address-space.js';
import { MAX_PHYSICAL_BYTES, PAGE_SIZE, SECTION_BYTES } from '../arch/page.js';
import type { ConfigField } from './config-field.js';
import { formatRange, readRange, type ConfigRange } from './config-range.js';
import { formatMemorySize, formatPhysical } from './memory-size.js';

/** Memory of a node as configured: before the holes are punched. */
export interface NodeRange extends ConfigRange {
  readonly node: number;
}

/** Physical addresses end at 4 GiB on x86 (no PAE), else where the section table ends. */
const X86_REACH = 4 * 1024 ** 3;

/** The least RAM of a node that has any. */
export const MIN_NODE_BYTES = SECTION_BYTES;

const SECTION_REASON = `for a section of ${formatMemorySize(SECTION_BYTES)} belongs to one node`;
const PAGE_REASON = 'the page size';

/**
 * Places the memory of all nodes. A plain size lies behind the memory of the nodes before it, at the next section.
 *
 * @param memory the `memory` field of each node
 * @param arch null when that field is wrong
 * @returns per node its ranges, or null when something is wrong with them
 */
export function layOutMemory(memory: readonly ConfigField[], arch: ArchName | null): (NodeRange[] | null)[] {
  const reach = arch === 'x86' ? X86_REACH : MAX_PHYSICAL_BYTES;
  // Where the memory so far ends; NaN once that is unknown.
  let end = 0;
  const layout = memory.map((field, node) => {
    const ranges = Array.isArray(field.value) ? readRanges(field, node) : placeSize(field, node, end);
    end = ranges === null ? NaN : Math.max(end, ...ranges.map((range) => range.end));
    return ranges;
  });
  const isSound = layout.map(
    (ranges) => ranges?.map((range) => isWithinReach(range, reach)).every(Boolean) ?? false,
  );
  const overlapping = refuseOverlaps(layout.flatMap((ranges) => ranges ?? []));
  return layout.map((ranges, node) => (isSound[node] && !overlapping.has(node) ? ranges : null));
}

function placeSize(field: ConfigField, node: number, behind: number): NodeRange[] | null {
  const size = field.size(`a size such as '256M', a list of ranges, or 0`);
  if (size === null || !field.isMultiple(size, PAGE_SIZE, PAGE_REASON)) return null;
  if (size === 0) return [];
  // At 0 more is needed; whoever knows the holes says how much.
  if (behind !== 0 && size < MIN_NODE_BYTES) return refuseLittle(field, size);
  if (Number.isNaN(behind)) return null;
  const start = Math.ceil(behind / SECTION_BYTES) * SECTION_BYTES;
  return [{ start, end: start + size, field, node }];
}

/** Says that a node has too little RAM. */
export function refuseLittle(field: ConfigField, bytes: number, when = ''): null {
  const least = formatMemorySize(MIN_NODE_BYTES);
  return field.refuse(`has ${formatMemorySize(bytes)} of RAM${when}; a node has at least ${least}, or none`);
}

function readRanges(field: ConfigField, node: number): NodeRange[] | null {
  const elements = field.list('a list of ranges') ?? [];
  const ranges = elements.map((element) => readNodeRange(element, node));
  return ranges.includes(null) ? null : (ranges as NodeRange[]);
}

function readNodeRange(element: ConfigField, node: number): NodeRange | null {
  const range = readRange(element);
  if (range === null) return null;
  const { start, end } = range;
  const isStartRight = element.field('start').isAligned(start, SECTION_BYTES, SECTION_REASON);
  const isEndRight = element.field('end').isGiven
    ? element.field('end').isAligned(end, PAGE_SIZE, PAGE_REASON)
    : element.field('size').isMultiple(end - start, PAGE_SIZE, PAGE_REASON);
  return isStartRight && isEndRight ? { ...range, node } : null;
}

function isWithinReach({ start, end, field }: NodeRange, reach: number): boolean {
  if (end <= reach) return true;
  const limit = `${formatPhysical(reach)} (${formatMemorySize(reach)})`;
  field.refuse(`${formatRange({ start, end })} ends above ${limit}, where physical memory ends`);
  return false;
}

/** @returns the nodes of the ranges it refused */
function refuseOverlaps(ranges: readonly NodeRange[]): Set<number> {
  const refused = new Set<number>();
  let highest: NodeRange | undefined;
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    if (highest !== undefined && range.start < highest.end) {
      range.field.refuse(`${formatRange(range)} overlaps ${highest.field.path}, ${formatRange(highest)}`);
      refused.add(range.node);
    }
    if (highest === undefined || range.end > highest.end) highest = range;
  }
  return refused;
}
