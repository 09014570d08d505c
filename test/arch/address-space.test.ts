import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressSpace,
  formatAddress,
  parseAddress,
  ZONE_DMA,
  ZONE_DMA32,
  ZONE_HIGHMEM,
  ZONE_MOVABLE,
  ZONE_NAMES,
  ZONE_NORMAL,
} from '../../src/arch/address-space.js';

const x86 = addressSpace('x86');
const x64 = addressSpace('x86_64');

describe('address spaces', () => {
  test('x86 has its direct map at 3 GiB, and zones up to HighMem', () => {
    expect(x86.PAGE_OFFSET).toBe(0xc0000000);
    expect(x86.zoneTypes.map((type) => ZONE_NAMES[type])).toEqual(['DMA', 'Normal', 'HighMem', 'Movable']);
    expect(x86.lowmemLimit).toBe(896 * 1024 ** 2);
    expect(x86.pageblockOrder).toBe(10);
  });

  test('x86_64 has its direct map at 2^40, vmalloc at the top, and DMA32 up to 4 GiB', () => {
    expect(x64.PAGE_OFFSET).toBe(2 ** 40);
    expect(x64.zoneTypes.map((type) => ZONE_NAMES[type])).toEqual(['DMA', 'DMA32', 'Normal', 'Movable']);
    expect(formatAddress(x64, x64.VMALLOC_START)).toBe('ffffff0000000000');
    expect(formatAddress(x64, x64.VMALLOC_END)).toBe('ffffff7fffffffff');
    expect(x64.dma32Limit).toBe(4 * 1024 ** 3);
    expect(x64.pageblockOrder).toBe(9);
  });

  test('both have DMA below 16 MiB', () => {
    expect([x86.dmaLimit, x64.dmaLimit]).toEqual([16 * 1024 ** 2, 16 * 1024 ** 2]);
  });

  test('zone types are numbered in the order of physical memory', () => {
    expect([ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_HIGHMEM, ZONE_MOVABLE]).toEqual([0, 1, 2, 3, 4]);
  });

  test('x86 vmalloc begins above low memory', () => {
    expect(x86.VMALLOC_START).toBeGreaterThanOrEqual(x86.PAGE_OFFSET + x86.lowmemLimit);
    expect(x86.VMALLOC_END).toBeGreaterThan(x86.VMALLOC_START);
  });
});

describe('addresses as text', () => {
  test.each([
    [0xffffff0001177000n, -1099493314560, 'ffffff0001177000'],
    [0x0000010000000000n, 1099511627776, '0000010000000000'],
    [0xffffffffffffffffn, -1, 'ffffffffffffffff'],
    [0n, 0, '0000000000000000'],
  ])('x86_64 %s is the number %d', (exact, number, text) => {
    expect(Number(BigInt.asIntN(64, exact))).toBe(number);
    expect(formatAddress(x64, number)).toBe(text);
    expect(parseAddress(x64, text)).toBe(number);
    expect(parseAddress(x64, `0x${text.replace(/^0+(?=.)/, '')}`)).toBe(number);
  });

  test.each([
    [0xc0001000, 'c0001000'],
    [0xffffffff, 'ffffffff'],
    [0, '00000000'],
    [0x1000, '00001000'],
  ])('x86 address %d is %s', (number, text) => {
    expect(formatAddress(x86, number)).toBe(text);
    expect(parseAddress(x86, text)).toBe(number);
  });

  test('every address that the direct map or vmalloc can have survives the way through text', () => {
    const addresses = fc.oneof(
      fc.integer({ min: 0, max: 2 ** 34 }).map((physical) => x64.PAGE_OFFSET + physical),
      fc.integer({ min: 0, max: 2 ** 39 - 1 }).map((offset) => x64.VMALLOC_START + offset),
    );
    fc.assert(
      fc.property(addresses, (address) => {
        const text = formatAddress(x64, address);
        expect(text).toHaveLength(16);
        expect(parseAddress(x64, text)).toBe(address);
        expect(parseAddress(x64, `0X${text.toUpperCase()}`)).toBe(address);
      }),
    );
  });

  test.each(['', 'xyz', '0x', '-1', '12 34'])('%j is no address', (text) => {
    expect(() => parseAddress(x64, text)).toThrow(SyntaxError);
  });
});
