import type { ArchName } from './address-space.js';
import { frameOf, SECTION_BYTES, SECTION_PAGES } from './page.js';

/**
 * What the firmware tells the kernel about the machine: the memory map (e820), which node has which memory and CPUs
 * (SRAT), the distances (SLIT), and what was written on the kernel command line. The host makes it from the user's
 * configuration and leaves it as JSON in the BIOS area of the image, where `start_kernel` and every thread find it.
 */
export interface Hardware {
  readonly arch: ArchName;
  /** Usable RAM, ascending, without holes. Bytes; `end` is exclusive; both multiples of the page size. */
  readonly memory: readonly MemoryRange[];
  /** The node of each CPU; the index is the CPU's number. */
  readonly cpuNodes: readonly number[];
  /** Number of nodes. */
  readonly nodes: number;
  /** `distances[from][to]`; local is 10. */
  readonly distances: readonly (readonly number[])[];
  /** Bytes of physical memory at which each zone ends. */
  readonly zoneLimits: { readonly dma: number; readonly dma32: number; readonly lowmem: number };
  /** Bytes to set aside as ZONE_MOVABLE, spread over the nodes. 0: none. */
  readonly movablecore: number;
  readonly numaZonelistOrder: 'default' | 'node' | 'zone';
  /** Clock ticks a second: the kernel's HZ. */
  readonly hz: number;
  /** Which kmalloc: up to 128 KiB, or up to 4 MiB and ZERO_SIZE_PTR. */
  readonly slabProfile: SlabProfile;
  readonly debug: DebugSwitches;
  /** Functions that run while only boot memory exists, as drivers linked into the kernel do. */
  readonly bootHooks: readonly { readonly module: string; readonly name: string }[];
}

/** The release whose kmalloc a machine has. */
export type SlabProfile = '2.6.10' | '2.6.24';

export interface MemoryRange {
  readonly start: number;
  readonly end: number;
  readonly node: number;
}

/** Checks that cost time and are off in a production kernel. */
export interface DebugSwitches {
  /** Lock owners with call sites, lock classes, lock-order checking. */
  readonly locks: boolean;
  /** Report functions that may sleep when called in atomic context (CONFIG_DEBUG_SPINLOCK_SLEEP). */
  readonly sleep: boolean;
  /** Remember for every page who allocated it; report a free with the wrong order (CONFIG_PAGE_OWNER). */
  readonly pageOwner: boolean;
  /** VM_BUG_ON checks (CONFIG_DEBUG_VM). */
  readonly vm: boolean;
  /** Red zones, poison and owners in all caches of the slab allocator (CONFIG_DEBUG_SLAB). Default: off. */
  readonly slab?: boolean;
  /** Allocations can be made to fail (CONFIG_FAULT_INJECTION). Default: off. */
  readonly faults?: boolean;
  /** A lock held longer than this is reported. Milliseconds. */
  readonly lockHoldLimitMs: number;
  /** A CPU that runs and does not poll for longer than this is reported. Milliseconds; default 10,000. */
  readonly softLockupLimitMs?: number;
  /** A task that cannot be interrupted and sleeps longer than this is reported, each time. Milliseconds; default 120,000. */
  readonly hungTaskLimitMs?: number;
}

/** Where the firmware tables lie: the BIOS area of a PC, which is never RAM. */
export const FIRMWARE_START = 0xe0000;
export const FIRMWARE_BYTES = 0x20000;

/** A stretch of physical memory and where it lies in the image; a multiple of the section size. */
export interface SectionRange {
  readonly startFrame: number;
  readonly endFrame: number;
  /** Byte offset in the image of its first frame. */
  readonly imageOffset: number;
}

/**
 * Packs the machine's physical memory into the image: every section that contains RAM, one after another. Physical
 * memory above 4 GiB thus needs no larger image, and a range of RAM stays contiguous.
 */
export function sectionRanges(hardware: Hardware): SectionRange[] {
  const ranges: SectionRange[] = [];
  let imageOffset = 0;
  let coveredFrames = 0;
  for (const range of hardware.memory) {
    const start = Math.max(coveredFrames, Math.floor(range.start / SECTION_BYTES) * SECTION_PAGES);
    const end = Math.ceil(range.end / SECTION_BYTES) * SECTION_PAGES;
    if (end <= start) continue;
    ranges.push({ startFrame: start, endFrame: end, imageOffset });
    imageOffset += (end - start) * frameBytes;
    coveredFrames = end;
  }
  return ranges;
}

/** The image size that the machine's memory needs, in bytes. */
export function imageBytes(hardware: Hardware): number {
  const last = sectionRanges(hardware).at(-1);
  return last === undefined ? 0 : last.imageOffset + (last.endFrame - last.startFrame) * frameBytes;
}

/** The frames of the highest RAM, exclusive. */
export function endFrame(hardware: Hardware): number {
  return frameOf(hardware.memory.at(-1)?.end ?? 0);
}

const frameBytes = SECTION_BYTES / SECTION_PAGES;
