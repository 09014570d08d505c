import { describe, expect, test } from 'vitest';
import { ZONE_NAMES } from '../../../src/arch/address-space.js';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import * as gfp from '../../../src/kernel/mm/gfp.js';
import { get_order } from '../../../src/kernel/mm/get-order.js';
import { bootInProcess } from '../../support/boot-in-process.js';
import { preset } from '../../support/hardware.js';

describe('allocation masks', () => {
  test('flags have the bits of 2.6.24', () => {
    expect({
      DMA: gfp.__GFP_DMA,
      HIGHMEM: gfp.__GFP_HIGHMEM,
      DMA32: gfp.__GFP_DMA32,
      WAIT: gfp.__GFP_WAIT,
      HIGH: gfp.__GFP_HIGH,
      IO: gfp.__GFP_IO,
      FS: gfp.__GFP_FS,
      COLD: gfp.__GFP_COLD,
      NOWARN: gfp.__GFP_NOWARN,
      REPEAT: gfp.__GFP_REPEAT,
      NOFAIL: gfp.__GFP_NOFAIL,
      NORETRY: gfp.__GFP_NORETRY,
      NO_GROW: gfp.__GFP_NO_GROW,
      COMP: gfp.__GFP_COMP,
      ZERO: gfp.__GFP_ZERO,
      NOMEMALLOC: gfp.__GFP_NOMEMALLOC,
      HARDWALL: gfp.__GFP_HARDWALL,
      THISNODE: gfp.__GFP_THISNODE,
      RECLAIMABLE: gfp.__GFP_RECLAIMABLE,
      MOVABLE: gfp.__GFP_MOVABLE,
    }).toEqual({
      DMA: 0x01,
      HIGHMEM: 0x02,
      DMA32: 0x04,
      WAIT: 0x10,
      HIGH: 0x20,
      IO: 0x40,
      FS: 0x80,
      COLD: 0x100,
      NOWARN: 0x200,
      REPEAT: 0x400,
      NOFAIL: 0x800,
      NORETRY: 0x1000,
      NO_GROW: 0x2000,
      COMP: 0x4000,
      ZERO: 0x8000,
      NOMEMALLOC: 0x10000,
      HARDWALL: 0x20000,
      THISNODE: 0x40000,
      RECLAIMABLE: 0x80000,
      MOVABLE: 0x100000,
    });
  });

  test.each([
    ['GFP_NOWAIT', gfp.GFP_NOWAIT, 0],
    ['GFP_ATOMIC', gfp.GFP_ATOMIC, 0x20],
    ['GFP_NOIO', gfp.GFP_NOIO, 0x10],
    ['GFP_NOFS', gfp.GFP_NOFS, 0x50],
    ['GFP_KERNEL', gfp.GFP_KERNEL, 0xd0],
    ['GFP_TEMPORARY', gfp.GFP_TEMPORARY, 0x800d0],
    ['GFP_USER', gfp.GFP_USER, 0x200d0],
    ['GFP_HIGHUSER', gfp.GFP_HIGHUSER, 0x200d2],
    ['GFP_HIGHUSER_MOVABLE', gfp.GFP_HIGHUSER_MOVABLE, 0x1200d2],
    ['GFP_DMA', gfp.GFP_DMA, 0x01],
    ['GFP_DMA32', gfp.GFP_DMA32, 0x04],
    ['GFP_THISNODE', gfp.GFP_THISNODE, 0x41200],
  ])('%s', (_, mask, value) => {
    expect(mask).toBe(value);
  });

  test('the highest zone: DMA wins, then DMA32, then Movable needs both of its flags', () => {
    const { __GFP_DMA: D, __GFP_DMA32: D32, __GFP_HIGHMEM: H, __GFP_MOVABLE: M } = gfp;
    const zone = (mask: number): string => ZONE_NAMES[gfp.gfp_zone(gfp.GFP_KERNEL | mask)];
    expect([0, M, D, D | D32 | H | M, D32, D32 | H | M, H, H | M].map(zone)).toEqual([
      'Normal',
      'Normal',
      'DMA',
      'DMA',
      'DMA32',
      'DMA32',
      'HighMem',
      'Movable',
    ]);
  });

  test('the migrate type', () => {
    const type = (k: { i32: Int32Array }, mask: number): number => gfp.allocflags_to_migratetype(k.i32, mask);
    const { k } = bootInProcess();
    expect(type(k, gfp.GFP_KERNEL)).toBe(gfp.MIGRATE_UNMOVABLE);
    expect(type(k, gfp.GFP_TEMPORARY)).toBe(gfp.MIGRATE_RECLAIMABLE);
    expect(type(k, gfp.GFP_HIGHUSER_MOVABLE)).toBe(gfp.MIGRATE_MOVABLE);
    expect(type(k, -1)).toBe(3);
    const { k: tiny } = bootInProcess(preset('tiny'));
    expect(tiny.i32[KERNEL.page_group_by_mobility_disabled]).toBe(1);
    expect([gfp.GFP_TEMPORARY, gfp.GFP_HIGHUSER_MOVABLE].map((mask) => type(tiny, mask))).toEqual([0, 0]);
  });
});

describe('get_order', () => {
  test.each([
    [1, 0],
    [4096, 0],
    [65536, 4],
    [3 * 4096, 2],
    [9 * 4096, 4],
    [4 * 1024 ** 2, 10],
  ])('of %i bytes is %i', (size, order) => {
    expect(get_order(size)).toBe(order);
  });

  test('rounds up: at every power of two of pages as a real kernel', () => {
    for (let order = 0; order <= 20; order++) {
      const size = 4096 * 2 ** order;
      expect([get_order(size), get_order(size + 1)]).toEqual([order, order + 1]);
      if (order > 0) expect(get_order(size - 1)).toBe(order);
    }
  });

  test('of 0 is nothing that can be allocated', () => {
    const { k } = bootInProcess();
    expect(get_order(0)).toBeGreaterThanOrEqual(11);
    expect(k.__get_free_pages(gfp.GFP_KERNEL, get_order(0))).toBe(0);
  });
});
