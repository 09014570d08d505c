import { describe, expect, test } from 'vitest';
import { KernelOops } from '../../../src/kernel/core/errors.js';
import { readLog } from '../../../src/kernel/core/printk.js';
import { __GFP_HIGHMEM, GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { formatAddress } from '../../../src/arch/address-space.js';
import { bootInProcess, twoNodes } from '../../support/boot-in-process.js';
import { mib, x86Zones } from '../../support/hardware.js';
import { labelOf } from '../../support/zones.js';

const MIB = 1024 ** 2;
const PAGE = 4096;

describe('the direct map', () => {
  test('an address is PAGE_OFFSET and the physical address, on x86_64', () => {
    const { k } = bootInProcess();
    const pfn = k.alloc_page(GFP_KERNEL);
    const address = k.page_address(pfn);
    expect(address).toBe(2 ** 40 + pfn * PAGE);
    expect(k.__pa(address + 5)).toBe(pfn * PAGE + 5);
    expect(k.__va(pfn * PAGE + 5)).toBe(address + 5);
    expect(k.virt_to_page(address)).toBe(pfn);
    expect(k.virt_to_page(address + PAGE - 1)).toBe(pfn);
    expect(k.virt_to_page(address + PAGE)).toBe(pfn + 1);
    expect(k.virt_to_page(address - 1)).toBe(pfn - 1);
    expect(k.page_to_pfn(k.pfn_to_page(pfn))).toBe(pfn);
  });

  test('x86 addresses stay positive numbers', () => {
    const { k } = bootInProcess(x86Zones(4, 4, 4));
    const address = k.__get_free_page(GFP_KERNEL);
    expect(address).toBeGreaterThanOrEqual(0xc0000000);
    expect(address).toBeLessThan(2 ** 32);
    expect(k.virt_to_page(address) * PAGE).toBe(address - 0xc0000000);
  });

  test('physical memory above 4 GiB has addresses as exact as any', () => {
    const { k } = bootInProcess(
      twoNodes(16, { memory: [mib(0, 0, 16), mib(1, 10240, 10256)], cpuNodes: [0, 1] }),
    );
    const pfn = k.alloc_pages_node(1, GFP_KERNEL, 0);
    expect(pfn).toBeGreaterThanOrEqual(10240 * 256);
    const address = k.page_address(pfn);
    expect(address).toBe(2 ** 40 + pfn * PAGE);
    k.write32(address + 4092, 0xdeadbeef);
    expect(k.read32(address + 4092)).toBe(0xdeadbeef);
    expect(k.virt_to_page(address + 4095)).toBe(pfn);
  });

  test('high memory has no address', () => {
    const { k } = bootInProcess(x86Zones(4, 4, 8));
    const pfn = k.alloc_page(GFP_KERNEL | __GFP_HIGHMEM);
    expect(labelOf(k, pfn)).toBe('0:HighMem');
    expect(k.page_address(pfn)).toBe(0);
    expect(k.page_address(2047)).toBe(0xc0000000 + 8 * MIB - PAGE);
    expect(k.page_address(2048)).toBe(0);
  });

  test('virt_addr_valid is true for low memory only', () => {
    const { k } = bootInProcess(x86Zones(4, 4, 8));
    const valid = (address: number): boolean => k.virt_addr_valid(address);
    expect(valid(0xc0001000)).toBe(true);
    expect(valid(0xc0000000 + 8 * MIB - 1)).toBe(true);
    expect(valid(0xc0000000 + 8 * MIB)).toBe(false);
    expect([0, 0xbfffffff, Number.NaN, -1, 2 ** 40].map(valid)).toEqual([false, false, false, false, false]);
  });
});

describe('reads and writes through an address', () => {
  const { k } = bootInProcess();
  const base = k.__get_free_pages(GFP_KERNEL, 2);

  test('all widths, little-endian and unsigned', () => {
    k.write64(base, 0x8877665544332211n);
    expect(Array.from({ length: 8 }, (_, i) => k.read8(base + i))).toEqual([
      0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
    ]);
    expect(k.read16(base + 6)).toBe(0x8877);
    expect(k.read32(base + 4)).toBe(0x88776655);
    expect(k.read64(base)).toBe(0x8877665544332211n);
  });

  test.each([0, 1, 2, 3])('misaligned by %i, also across a page boundary', (shift) => {
    for (const at of [base + 16 + shift, base + PAGE - 4 + shift, base + PAGE - 2 + shift]) {
      k.memset(at - 8, 0, 24);
      k.write32(at, 0xfedcba98);
      expect(k.read32(at)).toBe(0xfedcba98);
      expect([k.read8(at), k.read8(at + 3)]).toEqual([0x98, 0xfe]);
      expect([k.read8(at - 1), k.read8(at + 4)]).toEqual([0, 0]);
      k.write16(at, 0x1234);
      expect(k.read32(at)).toBe(0xfedc1234);
      k.write8(at + 1, 0xff);
      expect(k.read16(at)).toBe(0xff34);
      k.write64(at, 0xf1e2d3c4b5a69788n);
      expect(k.read64(at)).toBe(0xf1e2d3c4b5a69788n);
      expect([k.read8(at - 1), k.read8(at + 8)]).toEqual([0, 0]);
    }
  });

  test('values are cut to their width', () => {
    k.memset(base, 0, 16);
    k.write8(base, 0x1ff);
    k.write16(base + 2, -1);
    k.write32(base + 4, -2);
    k.write64(base + 8, -1n);
    expect(k.read8(base)).toBe(0xff);
    expect(k.read8(base + 1)).toBe(0);
    expect(k.read16(base + 2)).toBe(0xffff);
    expect(k.read32(base + 4)).toBe(0xfffffffe);
    expect(k.read64(base + 8)).toBe(0xffffffffffffffffn);
  });

  test('memset fills exactly the bytes it was told, over pages', () => {
    k.memset(base, 1, 4 * PAGE);
    expect(k.memset(base + 100, 0xab, 2 * PAGE)).toBe(base + 100);
    expect([k.read8(base + 99), k.read8(base + 100)]).toEqual([1, 0xab]);
    expect([k.read8(base + 99 + 2 * PAGE), k.read8(base + 100 + 2 * PAGE)]).toEqual([0xab, 1]);
    k.memset(base, 7, 0);
    expect(k.read8(base)).toBe(1);
  });

  test('memcpy copies from anywhere to anywhere', () => {
    for (let i = 0; i < 300; i++) k.write8(base + PAGE - 150 + i, i & 0xff);
    k.memset(base + 2 * PAGE, 0, 400);
    expect(k.memcpy(base + 2 * PAGE + 3, base + PAGE - 150, 300)).toBe(base + 2 * PAGE + 3);
    const copy = Array.from({ length: 302 }, (_, i) => k.read8(base + 2 * PAGE + 2 + i));
    expect(copy).toEqual([0, ...Array.from({ length: 300 }, (_, i) => i & 0xff), 0]);
  });

  test('bytes is the memory itself, not a copy', () => {
    const view = k.bytes(base + 10, 20);
    expect(view).toHaveLength(20);
    view[19] = 0x5a;
    expect(k.read8(base + 29)).toBe(0x5a);
    k.write8(base + 10, 0xa5);
    expect(view[0]).toBe(0xa5);
    expect(view.buffer).toBe(k.image.buffer);
    expect(k.bytes(0, 0)).toHaveLength(0);
  });

  test('different CPUs see the same memory', () => {
    const { cpus } = bootInProcess();
    const page = cpus[0].__get_free_page(GFP_KERNEL);
    cpus[0].write32(page, 42);
    expect(cpus[3].read32(page)).toBe(42);
  });
});

describe('an address that maps to nothing', () => {
  const machine = bootInProcess(
    x86Zones(4, 12, 8, { memory: [mib(0, 0, 8), mib(0, 12, 24)], debug: twoNodes().debug }),
  );
  const { k } = machine;
  const LOW = 0xc0000000;

  test.each([
    ['NULL', 0, 'kernel NULL pointer dereference'],
    ['a small offset from NULL', 60, 'kernel NULL pointer dereference'],
    ['user space', 0x08048000, 'kernel paging request'],
    ['below the direct map', LOW - 1, 'kernel paging request'],
    ['a hole', LOW + 8 * MIB, 'kernel paging request'],
    ['high memory', LOW + 16 * MIB, 'kernel paging request'],
    ['beyond all memory', LOW + 24 * MIB, 'kernel paging request'],
    ['the vmalloc range', 0xf8801000, 'kernel paging request'],
  ])('%s is an oops with a report', (_, address, what) => {
    const before = machine.platform.reports.length;
    const text = `Unable to handle ${what} at ${formatAddress(k.space, address)}`;
    for (const access of [
      () => k.read8(address),
      () => k.read16(address),
      () => k.read32(address),
      () => k.read64(address),
      () => k.write8(address, 1),
      () => k.write16(address, 1),
      () => k.write32(address, 1),
      () => k.write64(address, 1n),
      () => k.memset(address, 0, 1),
      () => k.memcpy(address, LOW + 4 * MIB, 1),
      () => k.memcpy(LOW + 4 * MIB, address, 1),
      () => k.bytes(address, 1),
    ]) {
      expect(access).toThrow(KernelOops);
      expect(access).toThrow(text);
    }
    expect(machine.platform.reports).toHaveLength(before + 24);
    expect(machine.platform.reports.at(-1)).toMatch(/Call Trace:\n \[<access\.[jt]s:\d+>\]/);
    expect(readLog(k)).toContain(text);
  });

  test('an access that begins in memory and ends outside is an oops, and writes nothing', () => {
    for (const end of [LOW + 8 * MIB, LOW + 16 * MIB]) {
      k.write32(end - 4, 0x12345678);
      for (const access of [
        () => k.read16(end - 1),
        () => k.read32(end - 3),
        () => k.read64(end - 4),
        () => k.write16(end - 1, 0),
        () => k.write32(end - 3, 0),
        () => k.write64(end - 4, 0n),
        () => k.memset(end - 4, 0, 5),
        () => k.bytes(end - 4, 5),
      ]) {
        expect(access).toThrow(KernelOops);
      }
      expect(k.read32(end - 4)).toBe(0x12345678);
    }
  });

  test('a stretch over a hole is an oops though both ends are memory', () => {
    expect(() => k.bytes(LOW + 6 * MIB, 8 * MIB)).toThrow(KernelOops);
    expect(() => k.memset(LOW + 7 * MIB, 0, 6 * MIB)).toThrow(KernelOops);
  });

  test.each([Number.NaN, Infinity, -1, LOW + 5 * MIB + 0.5, 2 ** 60])('%d is no address', (address) => {
    expect(() => k.read8(address)).toThrow(KernelOops);
    expect(() => k.write32(address, 0)).toThrow(KernelOops);
  });

  test('on x86_64 the report has all 16 digits', () => {
    const { k: k64 } = bootInProcess();
    expect(() => k64.read32(-1099493314560)).toThrow(
      'Unable to handle kernel paging request at ffffff0001177000',
    );
  });
});
