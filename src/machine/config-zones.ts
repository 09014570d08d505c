import { addressSpace, ZONE_HIGHMEM, type AddressSpace } from '../arch/address-space.js';
import type { Hardware, MemoryRange } from '../arch/hardware.js';
import { PAGE_SIZE, SECTION_BYTES } from '../arch/page.js';
import type { ConfigField } from './config-field.js';
import { sumBytes } from './config-memory.js';
import { formatMemorySize } from './memory-size.js';

type ZoneLimits = Hardware['zoneLimits'];

/** Low memory holds the kernel image and all that the kernel allocates for itself. */
const MIN_LOWMEM_BYTES = 8 * 1024 ** 2;
/** What must be left for the kernel when memory is set aside as movable. */
const MIN_KERNELCORE_BYTES = 8 * 1024 ** 2;

const BLOCK_REASON = 'the largest buddy block';

/**
 * Reads where the zones end. Linux insists on multiples of the largest buddy block ("BUG: wrong zone alignment, it
 * will crash"), so that no block lies in two zones.
 *
 * @param memory RAM, ascending; null when something is wrong with it
 */
export function readZoneLimits(
  field: ConfigField,
  arch: AddressSpace['name'],
  memory: readonly MemoryRange[] | null,
): ZoneLimits | null {
  const space = addressSpace(arch);
  if (!field.isGiven) return { dma: space.dmaLimit, dma32: space.dma32Limit, lowmem: space.lowmemLimit };
  const fields = field.object(['dma', 'dma32', 'lowmem'], `{ "dma": "4M" }`);
  if (fields === null) return null;
  const dma = readLimit(fields.dma, space.dmaLimit, SECTION_BYTES);
  const dma32 = readDma32(fields.dma32, space, dma);
  const lowmem = readLowmem(fields.lowmem, space, memory?.at(-1)?.end ?? 0);
  if (dma === null || dma32 === null || lowmem === null) return null;
  if (dma32 < dma) {
    return fields.dma32.refuse(
      `must be at least dma, ${formatMemorySize(dma)}, not ${formatMemorySize(dma32)}`,
    );
  }
  if (lowmem < dma32) {
    const least = arch === 'x86' ? 'dma' : 'dma32';
    return fields.lowmem.refuse(
      `must be at least ${least}, ${formatMemorySize(dma32)}, not ${formatMemorySize(lowmem)}`,
    );
  }
  return { dma, dma32, lowmem };
}

function readLimit(field: ConfigField, byDefault: number, least: number): number | null {
  if (!field.isGiven) return byDefault;
  const limit = field.size();
  if (limit === null || !field.isMultiple(limit, SECTION_BYTES, BLOCK_REASON)) return null;
  if (limit >= least) return limit;
  return field.refuse(`must be at least ${formatMemorySize(least)}, not ${formatMemorySize(limit)}`);
}

function readDma32(field: ConfigField, space: AddressSpace, dma: number | null): number | null {
  if (space.name === 'x86_64') return readLimit(field, space.dma32Limit, SECTION_BYTES);
  const limit = readLimit(field, dma ?? 0, 0);
  if (dma === null || limit === null || limit === dma) return limit;
  return field.refuse('x86 has no ZONE_DMA32; leave it out');
}

/** @param reach where RAM ends */
function readLowmem(field: ConfigField, space: AddressSpace, reach: number): number | null {
  const lowmem = readLimit(field, space.lowmemLimit, MIN_LOWMEM_BYTES);
  if (lowmem === null) return null;
  if (lowmem > space.lowmemLimit) {
    const limit = formatMemorySize(space.lowmemLimit);
    return field.refuse(
      `must be at most ${limit}, where the direct map of ${space.name} ends, not ${formatMemorySize(lowmem)}`,
    );
  }
  const hasHighMem = space.zoneTypes.includes(ZONE_HIGHMEM);
  if (!hasHighMem && lowmem < reach) {
    return field.refuse(
      `must be at least ${formatMemorySize(reach)}, the end of RAM, for ${space.name} has no ZONE_HIGHMEM; leave it out`,
    );
  }
  return lowmem;
}

/**
 * Reads how much memory becomes ZONE_MOVABLE.
 *
 * @param memory RAM; null when something is wrong with it
 */
export function readMovablecore(field: ConfigField, memory: readonly MemoryRange[] | null): number | null {
  if (!field.isGiven) return 0;
  const movable = field.size();
  if (movable === null || !field.isMultiple(movable, PAGE_SIZE, 'the page size')) return null;
  if (memory === null || movable === 0) return movable;
  const most = Math.max(0, sumBytes(memory) - MIN_KERNELCORE_BYTES);
  if (movable <= most) return movable;
  return field.refuse(
    `must be at most ${formatMemorySize(most)}, to leave ${formatMemorySize(MIN_KERNELCORE_BYTES)} for the kernel, ` +
      `not ${formatMemorySize(movable)}`,
  );
}
