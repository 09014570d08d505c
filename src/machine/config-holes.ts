import { PAGE_SIZE } from '../arch/page.js';
import type { ConfigField } from './config-field.js';
import { readRange, type ConfigRange } from './config-range.js';
import { formatMemorySize, formatPhysical } from './memory-size.js';

/** Physical memory that is not RAM. `end` is exclusive. */
export interface Hole {
  readonly start: number;
  readonly end: number;
}

/** The frame buffer, adapter ROMs and BIOS of a PC: never RAM. */
export const ISA_HOLE: Hole = { start: 0xa0000, end: 0x100000 };

/** The kernel image and the first boot memory lie below. */
const KERNEL_IMAGE_LIMIT = 4 * 1024 ** 2;

/**
 * Reads the holes.
 *
 * @param memory all memory, or null when some of it is wrong
 * @returns the holes without mistakes, with that of the ISA bus
 */
export function readHoles(field: ConfigField, memory: readonly Hole[] | null): Hole[] {
  if (!field.isGiven) return [ISA_HOLE];
  const elements = field.list(`a list of ranges such as [{ "start": "64M", "size": "1M" }]`) ?? [];
  const holes = elements.map((element) => readHole(element, memory));
  return [ISA_HOLE, ...holes.filter((hole) => hole !== null)];
}

function readHole(element: ConfigField, memory: readonly Hole[] | null): ConfigRange | null {
  const hole = readRange(element);
  if (hole === null) return null;
  const { start, end } = hole;
  const isStartRight = element.field('start').isAligned(start, PAGE_SIZE, 'the page size');
  const isEndRight = element.field('end').isGiven
    ? element.field('end').isAligned(end, PAGE_SIZE, 'the page size')
    : element.field('size').isMultiple(end - start, PAGE_SIZE, 'the page size');
  if (!isStartRight || !isEndRight) return null;
  if (start >= ISA_HOLE.start && end <= ISA_HOLE.end) return hole;
  if (start < KERNEL_IMAGE_LIMIT) {
    const limit = `${formatPhysical(KERNEL_IMAGE_LIMIT)} (${formatMemorySize(KERNEL_IMAGE_LIMIT)})`;
    return element.field('start').refuse(`must be ${limit} or above, for the kernel image lies below`);
  }
  const isOfUse = memory?.some((range) => range.start < end && start < range.end) ?? true;
  return isOfUse ? hole : element.refuse('is a hole where no memory is; leave it out');
}
