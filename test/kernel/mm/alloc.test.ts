import { describe, expect, test } from 'vitest';
import { ZONE_NORMAL } from '../../../src/arch/address-space.js';
import { KernelBug } from '../../../src/kernel/core/errors.js';
import { readLog } from '../../../src/kernel/core/printk.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import {
  __GFP_COLD,
  __GFP_HIGHMEM,
  __GFP_MOVABLE,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RECLAIMABLE,
  __GFP_THISNODE,
  __GFP_ZERO,
  GFP_ATOMIC,
  GFP_DMA,
  GFP_DMA32,
  GFP_HIGHUSER,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_NOFS,
  GFP_NOIO,
  GFP_NOWAIT,
  GFP_TEMPORARY,
  GFP_THISNODE,
  GFP_USER,
} from '../../../src/kernel/mm/gfp.js';
import { node_zonelist } from '../../../src/kernel/mm/mempolicy.js';
import { __alloc_pages, PF_MEMALLOC } from '../../../src/kernel/mm/page-alloc.js';
import { frameWord } from '../../../src/kernel/mm/address.js';
import { PCP_COLD, PCP_HOT } from '../../../src/kernel/mm/zone.js';
import { bootInProcess, twoNodes } from '../../support/boot-in-process.js';
import { exhaust } from '../../support/exhaust.js';
import { debug, preset, x64Nodes, x86Zones } from '../../support/hardware.js';
import {
  drainAll,
  freeMemory,
  freeMemoryFaults,
  labelOf,
  pcpList,
  zoneByLabel,
} from '../../support/zones.js';

const PAGE = 4096;
const ORDERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/** The ways to ask for 2^order pages, as frames. */
const WAYS: [string, (k: Kernel, mask: number, order: number) => number][] = [
  ['alloc_pages', (k, mask, order) => k.alloc_pages(mask, order)],
  ['alloc_pages_node', (k, mask, order) => k.alloc_pages_node(0, mask, order)],
  ['alloc_pages_current', (k, mask, order) => k.alloc_pages_current(mask, order)],
  ['__alloc_pages', (k, mask, order) => __alloc_pages(k, mask, order, node_zonelist(k, 0, mask))],
  ['__get_free_pages', (k, mask, order) => frameAt(k, k.__get_free_pages(mask, order))],
  ['__get_dma_pages', (k, mask, order) => frameAt(k, k.__get_dma_pages(mask, order))],
];

function frameAt(k: Kernel, address: number): number {
  return address === 0 ? 0 : k.virt_to_page(address);
}

describe.each(WAYS)('%s', (_, allocate) => {
  test.each(ORDERS)('gives an aligned block of order %i on a fresh machine, and takes it back', (order) => {
    const { k, cpus } = bootInProcess(preset('x86_64-numa2'));
    drainAll(cpus);
    const before = freeMemory(k);
    const pfn = allocate(k, GFP_KERNEL, order);
    expect(pfn).toBeGreaterThan(0);
    expect(pfn % 2 ** order).toBe(0);
    expect(k.page_count(pfn)).toBe(1);
    expect(freeMemory(k)).not.toBe(before);
    k.__free_pages(pfn, order);
    drainAll(cpus);
    expect(freeMemory(k)).toBe(before);
    expect(freeMemoryFaults(k)).toEqual([]);
  });

  test.each([11, 12, 20, 52])('gives nothing for order %i, without a word', (order) => {
    const { k, platform } = bootInProcess(preset('x86_64-numa2'));
    const log = readLog(k);
    for (const mask of [GFP_KERNEL, GFP_ATOMIC]) expect(allocate(k, mask, order)).toBe(0);
    expect(readLog(k)).toBe(log);
    expect(platform.reports).toEqual([]);
  });
});

describe('single pages', () => {
  const { k, cpus } = bootInProcess(preset('x86_64-numa2'));

  test('alloc_page, __get_free_page and get_zeroed_page are order 0', () => {
    drainAll(cpus);
    const before = freeMemory(k);
    const pfn = k.alloc_page(GFP_KERNEL);
    const address = k.__get_free_page(GFP_KERNEL);
    const zeroed = k.get_zeroed_page(GFP_KERNEL);
    expect(new Set([pfn, k.virt_to_page(address), k.virt_to_page(zeroed)]).size).toBe(3);
    k.__free_page(pfn);
    k.free_page(address);
    k.free_page(zeroed);
    drainAll(cpus);
    expect(freeMemory(k)).toBe(before);
  });

  test('get_zeroed_page clears the page, __get_free_page does not', () => {
    const address = k.__get_free_page(GFP_KERNEL);
    k.memset(address, 0xaa, PAGE);
    k.free_page(address);
    expect(k.__get_free_page(GFP_KERNEL)).toBe(address);
    expect(k.bytes(address, PAGE).every((byte) => byte === 0xaa)).toBe(true);
    k.free_page(address);
    expect(k.get_zeroed_page(GFP_KERNEL)).toBe(address);
    expect(k.bytes(address, PAGE).every((byte) => byte === 0)).toBe(true);
    k.free_page(address);
  });

  test('the last page freed is the first one given', () => {
    const pages = Array.from({ length: 8 }, () => k.alloc_page(GFP_KERNEL));
    for (const pfn of pages) k.__free_page(pfn);
    expect(pages.map(() => k.alloc_page(GFP_KERNEL))).toEqual(pages.toReversed());
    for (const pfn of pages) k.__free_page(pfn);
  });
});

describe('__GFP_ZERO', () => {
  test.each(ORDERS)('clears all of a block of order %i and nothing behind it', (order) => {
    const { k } = bootInProcess(twoNodes(16));
    const { i32 } = k;
    const block = k.alloc_pages(GFP_KERNEL, order);
    const start = frameWord(k, block);
    const end = start + (1024 << order);
    i32.fill(-1, start, end);
    const behind = i32[end];
    i32[end] = 0x55555555;
    k.__free_pages(block, order);
    expect(k.alloc_pages(GFP_KERNEL | __GFP_ZERO, order)).toBe(block);
    expect(i32.subarray(start, end).every((word) => word === 0)).toBe(true);
    expect(i32[end]).toBe(0x55555555);
    i32[end] = behind;
  });

  test('clears high memory too', () => {
    const { k } = bootInProcess(x86Zones(4, 4, 8));
    const pfn = k.alloc_page(GFP_HIGHUSER);
    k.i32.fill(-1, frameWord(k, pfn), frameWord(k, pfn) + 1024);
    k.__free_page(pfn);
    expect(k.alloc_page(GFP_HIGHUSER | __GFP_ZERO)).toBe(pfn);
    expect(k.i32.subarray(frameWord(k, pfn), frameWord(k, pfn) + 1024).every((word) => word === 0)).toBe(
      true,
    );
  });
});

describe('which zone a mask means', () => {
  /** Zone by mask on a machine where every zone has free memory. */
  function zonesOf(k: Kernel, masks: readonly number[]): string[] {
    return masks.map((mask) => labelOf(k, k.alloc_pages_node(0, mask, 0)));
  }

  test('on x86 with HighMem and Movable', () => {
    const { k } = bootInProcess(x86Zones(4, 8, 16, { movablecore: 8 * 1024 ** 2 }));
    const masks = [
      GFP_KERNEL,
      GFP_KERNEL | GFP_DMA,
      GFP_ATOMIC | GFP_DMA,
      GFP_KERNEL | GFP_DMA32,
      GFP_USER,
      GFP_HIGHUSER,
      GFP_HIGHUSER_MOVABLE,
      GFP_KERNEL | __GFP_MOVABLE,
      GFP_TEMPORARY,
      GFP_NOIO,
      GFP_NOFS,
      GFP_NOWAIT,
    ];
    expect(zonesOf(k, masks)).toEqual([
      '0:Normal',
      '0:DMA',
      '0:DMA',
      '0:DMA',
      '0:Normal',
      '0:HighMem',
      '0:Movable',
      '0:Normal',
      '0:Normal',
      '0:Normal',
      '0:Normal',
      '0:Normal',
    ]);
  });

  test('on x86_64 with DMA32 and Normal', () => {
    const { k } = bootInProcess(x64Nodes(2, 32, 4, 8));
    expect(zonesOf(k, [GFP_KERNEL, GFP_KERNEL | GFP_DMA, GFP_KERNEL | GFP_DMA32, GFP_HIGHUSER])).toEqual([
      '0:Normal',
      '0:DMA',
      '0:DMA32',
      '0:Normal',
    ]);
    // Only node 0 has them; node 1 asks there.
    expect(labelOf(k, k.alloc_pages_node(1, GFP_KERNEL | GFP_DMA, 0))).toBe('0:DMA');
    expect(labelOf(k, k.alloc_pages_node(1, GFP_KERNEL | GFP_DMA32, 0))).toBe('0:DMA32');
    expect(k.alloc_pages_node(1, GFP_KERNEL | GFP_DMA | __GFP_THISNODE | __GFP_NOWARN, 0)).toBe(0);
  });

  test('__get_dma_pages is below the limit of DMA', () => {
    const { k } = bootInProcess(preset('x86-1g'));
    for (let order = 0; order <= 9; order++) {
      const address = k.__get_dma_pages(GFP_KERNEL, order);
      expect(k.__pa(address) + PAGE * 2 ** order).toBeLessThanOrEqual(16 * 1024 ** 2);
    }
  });

  test('__get_free_pages and get_zeroed_page refuse __GFP_HIGHMEM, which has no address', () => {
    const { k } = bootInProcess(x86Zones(4, 4, 8));
    expect(() => k.__get_free_pages(GFP_HIGHUSER, 0)).toThrow(KernelBug);
    expect(() => k.get_zeroed_page(GFP_KERNEL | __GFP_HIGHMEM)).toThrow(KernelBug);
  });
});

describe('when zones run dry', () => {
  const names = (k: Kernel, allocate: () => number): string[] => [
    ...new Set(exhaust(k, allocate).runs.map((run) => run.zone)),
  ];
  const quiet = __GFP_NOWARN;

  test('high memory requests go down HighMem, Normal, DMA; Movable first if they are movable', () => {
    const hardware = x86Zones(4, 8, 16, { movablecore: 8 * 1024 ** 2, debug: debug() });
    const take = (mask: number): string[] => {
      const { k } = bootInProcess(hardware);
      return names(k, () => k.alloc_page(mask | quiet));
    };
    expect(take(GFP_HIGHUSER_MOVABLE)).toEqual(['0:Movable', '0:HighMem', '0:Normal', '0:DMA']);
    expect(take(GFP_HIGHUSER)).toEqual(['0:HighMem', '0:Normal', '0:DMA']);
    expect(take(GFP_KERNEL)).toEqual(['0:Normal', '0:DMA']);
    expect(take(GFP_KERNEL | GFP_DMA)).toEqual(['0:DMA']);
  });

  test('a second walk digs from the low marks to the minimum, the nearest zone first', () => {
    const { k } = bootInProcess(x64Nodes(2, 32, 4, 8, { debug: debug(), numaZonelistOrder: 'node' }));
    const { runs } = exhaust(k, () => k.alloc_pages_node(0, GFP_KERNEL | quiet, 0));
    expect(runs.slice(0, 5).map((run) => run.zone)).toEqual([
      '0:Normal',
      '0:DMA32',
      '0:DMA',
      '1:Normal',
      '0:Normal',
    ]);
    expect(runs[4].count).toBeLessThan(runs[0].count / 10);
  });

  test('zone order leaves the DMA zones to the last', () => {
    const { k } = bootInProcess(x64Nodes(2, 32, 4, 8, { debug: debug(), numaZonelistOrder: 'zone' }));
    expect(names(k, () => k.alloc_pages_node(1, GFP_KERNEL | quiet, 0))).toEqual([
      '1:Normal',
      '0:Normal',
      '0:DMA32',
      '0:DMA',
    ]);
  });

  test('__GFP_THISNODE stays on the node and fails when it is empty', () => {
    const { k } = bootInProcess(x64Nodes(2, 32, 4, 8, { debug: debug() }));
    const mask = GFP_KERNEL | __GFP_THISNODE | quiet;
    expect(names(k, () => k.alloc_pages_node(1, mask, 0))).toEqual(['1:Normal']);
    expect(k.alloc_pages_node(1, GFP_KERNEL, 0)).toBeGreaterThan(0);
    expect(names(k, () => k.alloc_pages_node(0, mask, 0))).toEqual(['0:Normal', '0:DMA32', '0:DMA']);
  });

  test('GFP_THISNODE fails already at the low marks, and quietly', () => {
    const machine = bootInProcess(x64Nodes(2, 32, 4, 8, { debug: debug() }));
    const { k } = machine;
    exhaust(k, () => k.alloc_pages_node(1, GFP_KERNEL | GFP_THISNODE, 0));
    expect(readLog(k)).not.toContain('allocation failure');
    // The plain flag still finds what lies between the low mark and the minimum.
    expect(k.alloc_pages_node(1, GFP_KERNEL | __GFP_THISNODE, 0)).toBeGreaterThan(0);
  });

  test('an order-3 request fails in a zone whose free memory is in single pages', () => {
    const { k } = bootInProcess(x64Nodes(1, 32, 4, 4, { debug: debug() }));
    const mask = GFP_KERNEL | quiet;
    const flags = k.setTaskFlags(PF_MEMALLOC);
    const { frames } = exhaust(k, () => k.alloc_page(mask));
    k.restoreTaskFlags(flags);
    for (const pfn of frames) if (pfn % 2 === 0) k.__free_page(pfn);
    k.drain_local_pages();
    expect(k.alloc_pages(mask, 1)).toBe(0);
    expect(k.alloc_pages(mask, 3)).toBe(0);
    expect(k.alloc_page(mask)).toBeGreaterThan(0);
  });
});

describe('nodes', () => {
  test('alloc_pages and a negative node mean the node of the CPU', () => {
    const { cpus } = bootInProcess(x64Nodes(3, 16, 4, 4));
    for (const k of cpus) {
      expect(k.page_to_nid(k.alloc_pages(GFP_KERNEL, 0))).toBe(k.numa_node_id());
      expect(k.page_to_nid(k.alloc_pages(GFP_KERNEL, 4))).toBe(k.numa_node_id());
      expect(k.page_to_nid(k.alloc_pages_node(-1, GFP_KERNEL, 0))).toBe(k.numa_node_id());
    }
  });

  test('alloc_pages_node prefers a node, whichever CPU asks', () => {
    const { cpus } = bootInProcess(x64Nodes(3, 16, 4, 4));
    for (const k of cpus) {
      for (const nid of [0, 1, 2]) expect(k.page_to_nid(k.alloc_pages_node(nid, GFP_KERNEL, 0))).toBe(nid);
    }
  });

  test('a node without memory gets it from the nearest one', () => {
    const { cpus } = bootInProcess(preset('memoryless'));
    expect(cpus[2].numa_node_id()).toBe(1);
    expect(cpus[2].page_to_nid(cpus[2].alloc_page(GFP_KERNEL))).toBe(2);
    expect(cpus[0].page_to_nid(cpus[0].alloc_pages_node(1, GFP_KERNEL, 3))).toBe(2);
    expect(cpus[2].alloc_page(GFP_KERNEL | __GFP_THISNODE)).toBe(0);
  });

  test('a node that does not exist is a bug of the caller', () => {
    const { k } = bootInProcess();
    expect(() => k.alloc_pages_node(2, GFP_KERNEL, 0)).toThrow('there is no node 2');
  });

  test('the node and zone type of a page can be asked for', () => {
    const { k } = bootInProcess(x64Nodes(2, 32, 4, 8));
    const pfn = k.alloc_pages_node(1, GFP_KERNEL, 0);
    expect([k.page_to_nid(pfn), k.page_zonenum(pfn)]).toEqual([1, ZONE_NORMAL]);
  });
});

describe('hot and cold lists', () => {
  const { k } = bootInProcess(preset('x86_64-numa2'));
  const zone = zoneByLabel(k, '0:DMA32');
  const lists = (): number[][] => [PCP_HOT, PCP_COLD].map((list) => pcpList(k, zone, 0, list));

  test('a plain request takes from the hot list, one with __GFP_COLD from the cold list', () => {
    k.drain_local_pages();
    const hot = k.alloc_page(GFP_KERNEL);
    expect(lists().map((frames) => frames.length)).toEqual([14, 0]);
    const cold = k.alloc_page(GFP_KERNEL | __GFP_COLD);
    expect(lists().map((frames) => frames.length)).toEqual([14, 6]);
    expect(lists()[0]).not.toContain(cold);
    k.__free_page(hot);
    k.free_cold_page(cold);
    expect([lists()[0][0], lists()[1][0]]).toEqual([hot, cold]);
  });

  test('free_hot_page and free_cold_page choose the list, all other frees are hot', () => {
    k.drain_local_pages();
    const [a, b, c, d] = Array.from({ length: 4 }, () => k.alloc_page(GFP_KERNEL));
    k.drain_local_pages();
    k.free_hot_page(a);
    k.free_cold_page(b);
    k.put_page(c);
    k.free_page(k.page_address(d));
    expect(lists()).toEqual([[d, c, a], [b]]);
  });

  test('free_hot_page and free_cold_page free only with the last reference', () => {
    k.drain_local_pages();
    for (const free of [(pfn: number) => k.free_hot_page(pfn), (pfn: number) => k.free_cold_page(pfn)]) {
      const pfn = k.alloc_page(GFP_KERNEL);
      k.get_page(pfn);
      free(pfn);
      expect(k.page_count(pfn)).toBe(1);
      expect(lists().flat()).not.toContain(pfn);
      free(pfn);
      expect(k.page_count(pfn)).toBe(0);
      expect(lists().flat()).toContain(pfn);
    }
  });
});

describe('mistakes', () => {
  test('NULL may be freed by address', () => {
    const { k, platform } = bootInProcess();
    k.free_pages(0, 3);
    k.free_page(0);
    expect(platform.reports).toEqual([]);
  });

  test.each([1, 0xc0000000, 2 ** 40 + 2 ** 33, -1099493314560, Number.NaN])(
    'freeing address %d outside the direct map is a BUG',
    (address) => {
      const { k } = bootInProcess();
      expect(() => k.free_pages(address, 0)).toThrow(KernelBug);
    },
  );

  test('a mask with both mobility flags is reported and asks for the reserve', () => {
    const { k, platform } = bootInProcess(x64Nodes(1, 32, 4, 4, { debug: debug('vm') }));
    const mask = GFP_KERNEL | __GFP_MOVABLE | __GFP_RECLAIMABLE;
    for (const order of [0, 3, 10]) {
      const before = platform.reports.length;
      k.alloc_pages(mask | __GFP_NOWARN | __GFP_NORETRY, order);
      expect(platform.reports.length).toBeGreaterThan(before);
      expect(platform.reports.at(-1)).toContain('both __GFP_MOVABLE and __GFP_RECLAIMABLE');
    }
    expect(freeMemoryFaults(k)).toEqual([]);
  });
});
