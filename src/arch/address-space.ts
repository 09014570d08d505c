/**
 * Kernel address spaces. A kernel address is a JavaScript number: x86_64 addresses are kept as signed canonical
 * numbers (0xffffff0001177000 is -1099493314560, exact in a double), x86 ones as they are.
 */

export type ArchName = 'x86' | 'x86_64';

/** Zone types, in the order of physical memory. One numbering serves both architectures. */
export const ZONE_DMA = 0;
export const ZONE_DMA32 = 1;
export const ZONE_NORMAL = 2;
export const ZONE_HIGHMEM = 3;
export const ZONE_MOVABLE = 4;
export const MAX_NR_ZONES = 5;

/** Zone names as the kernel prints them, by zone type. */
export const ZONE_NAMES = ['DMA', 'DMA32', 'Normal', 'HighMem', 'Movable'] as const;

/** What the kernel must know of an architecture (facts file, sections 1.1, 1.3, 1.6 and 6.1). */
export interface AddressSpace {
  readonly name: ArchName;
  /** Bits of an address when printed. */
  readonly bits: 32 | 64;
  /** Start of the direct map: address = PAGE_OFFSET + physical address. */
  readonly PAGE_OFFSET: number;
  readonly VMALLOC_START: number;
  /** The last address of the vmalloc range. */
  readonly VMALLOC_END: number;
  /** Zone types this architecture is built with, lowest first. */
  readonly zoneTypes: readonly number[];
  /** Order of a pageblock: the huge-page order. */
  readonly pageblockOrder: number;
  /** Default zone limits in bytes: where DMA, DMA32 and low memory end. */
  readonly dmaLimit: number;
  readonly dma32Limit: number;
  readonly lowmemLimit: number;
}

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

const X86: AddressSpace = {
  name: 'x86',
  bits: 32,
  PAGE_OFFSET: 0xc0000000,
  // For 896 MiB of low memory: 8 MiB above the direct map, up to the kmap window.
  VMALLOC_START: 0xf8800000,
  VMALLOC_END: 0xff7fdfff,
  zoneTypes: [ZONE_DMA, ZONE_NORMAL, ZONE_HIGHMEM, ZONE_MOVABLE],
  pageblockOrder: 10,
  dmaLimit: 16 * MIB,
  dma32Limit: 16 * MIB,
  lowmemLimit: 896 * MIB,
};

const X86_64: AddressSpace = {
  name: 'x86_64',
  bits: 64,
  PAGE_OFFSET: 0x0000010000000000,
  VMALLOC_START: -0x10000000000, // 0xffffff0000000000
  VMALLOC_END: -0x8000000001, // 0xffffff7fffffffff
  zoneTypes: [ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_MOVABLE],
  pageblockOrder: 9,
  dmaLimit: 16 * MIB,
  dma32Limit: 4 * GIB,
  lowmemLimit: 64 * GIB,
};

/** The address space of an architecture. */
export function addressSpace(arch: ArchName): AddressSpace {
  return arch === 'x86' ? X86 : X86_64;
}

/**
 * A kernel address as `%p` prints it: all digits of the architecture, zero-padded, without `0x`.
 *
 * @param space the architecture's address space
 * @param address a kernel address, signed canonical on x86_64
 */
export function formatAddress(space: AddressSpace, address: number): string {
  return BigInt.asUintN(space.bits, BigInt(address))
    .toString(16)
    .padStart(space.bits / 4, '0');
}

/**
 * The inverse of {@link formatAddress}.
 *
 * @param text hexadecimal, with or without `0x`
 * @throws SyntaxError when the text is not hexadecimal
 */
export function parseAddress(space: AddressSpace, text: string): number {
  const value = BigInt(`0x${text.replace(/^0x/i, '')}`);
  return Number(space.bits === 64 ? BigInt.asIntN(64, value) : BigInt.asUintN(32, value));
}
