import { test as propertyTest, fc } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { KernelBug } from '../../../src/kernel/core/errors.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { __free_one_page, __rmqueue, get_pageblock_migratetype } from '../../../src/kernel/mm/buddy.js';
import {
  __GFP_NOWARN,
  GFP_ATOMIC,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_TEMPORARY,
  MIGRATE_MOVABLE,
  MIGRATE_RECLAIMABLE,
  MIGRATE_RESERVE,
  MIGRATE_UNMOVABLE,
} from '../../../src/kernel/mm/gfp.js';
import { populatedZones, ZONE } from '../../../src/kernel/mm/zone.js';
import { bootInProcess } from '../../support/boot-in-process.js';
import { debug, mib, preset, x64Nodes, x86Zones } from '../../support/hardware.js';
import {
  drainAll,
  freeBlocks,
  freeList,
  freeMemory,
  freeMemoryFaults,
  freePages,
  nrFree,
  zoneByLabel,
} from '../../support/zones.js';

/** A zone with nothing free in it, so that a test can lay out free memory as it likes. */
interface EmptyZone {
  readonly k: Kernel;
  readonly zone: number;
  readonly start: number;
  readonly end: number;
}

function emptyZone(): EmptyZone {
  const { k, cpus } = bootInProcess(x64Nodes(2, 16, 4, 4, { debug: debug('vm') }));
  drainAll(cpus);
  const zone = zoneByLabel(k, '1:Normal');
  while (__rmqueue(k, zone, 0, MIGRATE_UNMOVABLE) !== 0);
  const end = k.i32[zone + ZONE.at.zone_start_pfn] + k.i32[zone + ZONE.at.spanned_pages];
  // Boot memory lies before it. Pageblocks are as a fresh zone has them.
  const start = end - 2048;
  const types = k.i32[zone + ZONE.at.pageblock_types];
  for (let pfn = start; pfn < end; pfn += 512) k.i32[types + (pfn >>> 9)] = MIGRATE_MOVABLE;
  return { k, zone, start, end };
}

const types = ({ k, zone, start, end }: EmptyZone): number[] =>
  Array.from({ length: (end - start) / 512 }, (_, i) => get_pageblock_migratetype(k, zone, start + i * 512));

describe('splitting', () => {
  test('gives the lowest part and puts the upper halves back, one of each order', () => {
    const empty = emptyZone();
    const { k, zone, start } = empty;
    __free_one_page(k, zone, start, 10);
    expect(__rmqueue(k, zone, 2, MIGRATE_MOVABLE)).toBe(start);
    expect(nrFree(k, zone)).toEqual([0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
    for (let order = 2; order < 10; order++) {
      expect(freeList(k, zone, order, MIGRATE_MOVABLE)).toEqual([start + 2 ** order]);
    }
    expect(freePages(k, zone)).toBe(1020);
    expect(freeMemoryFaults(k)).toEqual([]);
  });

  test('takes the smallest block that fits, though a larger one is free', () => {
    const { k, zone, start } = emptyZone();
    __free_one_page(k, zone, start, 9);
    __free_one_page(k, zone, start + 1024, 4);
    expect(__rmqueue(k, zone, 3, MIGRATE_MOVABLE)).toBe(start + 1024);
    expect(nrFree(k, zone)).toEqual([0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0]);
  });

  test('takes the block that was freed last', () => {
    const { k, zone, start } = emptyZone();
    const blocks = [3, 1, 5, 7].map((i) => start + i * 16);
    for (const pfn of blocks) __free_one_page(k, zone, pfn, 4);
    expect(freeList(k, zone, 4, MIGRATE_MOVABLE)).toEqual(blocks.toReversed());
    expect(blocks.map(() => __rmqueue(k, zone, 4, MIGRATE_MOVABLE))).toEqual(blocks.toReversed());
    expect(__rmqueue(k, zone, 0, MIGRATE_MOVABLE)).toBe(0);
  });

  test('single pages come off a split block in physical order', () => {
    const { k, zone, start } = emptyZone();
    __free_one_page(k, zone, start + 64, 5);
    const pages = Array.from({ length: 32 }, () => __rmqueue(k, zone, 0, MIGRATE_MOVABLE));
    expect(pages).toEqual(Array.from({ length: 32 }, (_, i) => start + 64 + i));
  });
});

describe('merging', () => {
  /** The changes of the numbers of free blocks by each free. */
  function changes(order: readonly number[]): string[] {
    const { k, zone, start } = emptyZone();
    return order.map((index) => {
      const before = nrFree(k, zone);
      __free_one_page(k, zone, start + 16 + index, 0);
      return nrFree(k, zone)
        .map((count, o) => count - before[o])
        .slice(0, 4)
        .join(' ');
    });
  }

  test('of the 8 pages of a block of order 3, freed upwards', () => {
    expect(changes([0, 1, 2, 3, 4, 5, 6, 7])).toEqual([
      '1 0 0 0',
      '-1 1 0 0',
      '1 0 0 0',
      '-1 -1 1 0',
      '1 0 0 0',
      '-1 1 0 0',
      '1 0 0 0',
      '-1 -1 -1 1',
    ]);
  });

  test('of the 8 pages freed downwards', () => {
    expect(changes([7, 6, 5, 4, 3, 2, 1, 0])).toEqual([
      '1 0 0 0',
      '-1 1 0 0',
      '1 0 0 0',
      '-1 -1 1 0',
      '1 0 0 0',
      '-1 1 0 0',
      '1 0 0 0',
      '-1 -1 -1 1',
    ]);
  });

  test('of the 8 pages freed even ones first', () => {
    expect(changes([0, 2, 4, 6, 1, 3, 5, 7])).toEqual([
      '1 0 0 0',
      '1 0 0 0',
      '1 0 0 0',
      '1 0 0 0',
      '-1 1 0 0',
      '-1 -1 1 0',
      '-1 1 0 0',
      '-1 -1 -1 1',
    ]);
  });

  test('a block merges only with its own buddy, not with its other neighbour', () => {
    const { k, zone, start } = emptyZone();
    __free_one_page(k, zone, start + 1, 0);
    __free_one_page(k, zone, start + 2, 0);
    expect(nrFree(k, zone).slice(0, 2)).toEqual([2, 0]);
  });

  test('a buddy that is free in smaller parts is no buddy', () => {
    const { k, zone, start } = emptyZone();
    __free_one_page(k, zone, start + 8, 2);
    __free_one_page(k, zone, start, 3);
    expect(nrFree(k, zone).slice(0, 5)).toEqual([0, 0, 1, 1, 0]);
    __free_one_page(k, zone, start + 12, 2);
    expect(nrFree(k, zone).slice(0, 5)).toEqual([0, 0, 0, 0, 1]);
  });

  test('ends at the largest order', () => {
    const { k, zone, start } = emptyZone();
    for (let pfn = start; pfn < start + 2048; pfn++) __free_one_page(k, zone, pfn, 0);
    expect(nrFree(k, zone)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
  });

  test('never crosses the end of a zone', () => {
    // The boundary of DMA and Normal lies in the middle of a largest block.
    const zoneLimits = { dma: 6 * 1024 ** 2, dma32: 6 * 1024 ** 2, lowmem: 16 * 1024 ** 2 };
    const { k, cpus } = bootInProcess(x86Zones(8, 8, 4, { zoneLimits, debug: debug('vm') }));
    drainAll(cpus);
    expect(freeMemoryFaults(k)).toEqual([]);
    for (const zone of populatedZones(k)) {
      const end = k.i32[zone + ZONE.at.zone_start_pfn] + k.i32[zone + ZONE.at.spanned_pages];
      for (const { pfn, order } of freeBlocks(k, zone)) expect(pfn + 2 ** order).toBeLessThanOrEqual(end);
    }
  });

  test('a merged block goes to the list of its own pageblock', () => {
    const empty = emptyZone();
    const { k, zone, start } = empty;
    k.i32[k.i32[zone + ZONE.at.pageblock_types] + (start >>> 9)] = MIGRATE_RECLAIMABLE;
    __free_one_page(k, zone, start, 0);
    __free_one_page(k, zone, start + 1, 0);
    expect(freeList(k, zone, 1, MIGRATE_RECLAIMABLE)).toEqual([start]);
  });

  test('a block that is not aligned to its order is a BUG with debug.vm', () => {
    const { k, zone, start } = emptyZone();
    expect(() => __free_one_page(k, zone, start + 1, 1)).toThrow(KernelBug);
    expect(() => __free_one_page(k, zone, start + 4, 3)).toThrow('not aligned to order 3');
  });

  propertyTest.prop([fc.array(fc.tuple(fc.nat(5), fc.nat(1000)), { maxLength: 40 }), fc.nat(2 ** 31)], {
    numRuns: 40,
  })('any split memory freed in any order is whole again', (requests, seed) => {
    const { k, zone, start } = emptyZone();
    __free_one_page(k, zone, start, 10);
    __free_one_page(k, zone, start + 1024, 10);
    const whole = freeMemory(k);
    const taken = requests.map(([order]) => ({ order, pfn: __rmqueue(k, zone, order, MIGRATE_MOVABLE) }));
    expect(freeMemoryFaults(k)).toEqual([]);
    let random = seed;
    while (taken.length > 0) {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0;
      const [block] = taken.splice(random % taken.length, 1);
      if (block.pfn !== 0) __free_one_page(k, zone, block.pfn, block.order);
    }
    expect(freeMemory(k)).toBe(whole);
  });
});

describe('allocation and free on a running machine, as a real kernel changes its free lists', () => {
  const { k, cpus } = bootInProcess(preset('x86_64-numa2'));
  const zone = zoneByLabel(k, '0:DMA32');

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])('order %i takes one block and gives it back', (order) => {
    drainAll(cpus);
    const before = nrFree(k, zone);
    const pfn = k.alloc_pages(GFP_KERNEL, order);
    const change = nrFree(k, zone).map((count, o) => count - before[o]);
    const source = change.findIndex((delta, o) => o >= order && delta === -1);
    // The halves of the orders between stay free.
    expect(change).toEqual(change.map((_, o) => (o === source ? -1 : o >= order && o < source ? 1 : 0)));
    k.__free_pages(pfn, order);
    expect(nrFree(k, zone)).toEqual(before);
  });

  test('a single page takes a batch; the list holds it until it is drained', () => {
    drainAll(cpus);
    const before = freePages(k, zone);
    const pfn = k.alloc_page(GFP_KERNEL);
    expect(freePages(k, zone)).toBe(before - 15);
    k.drain_local_pages();
    expect(freePages(k, zone)).toBe(before - 1);
    k.__free_page(pfn);
    expect(freePages(k, zone)).toBe(before - 1);
    k.drain_local_pages();
    expect(freePages(k, zone)).toBe(before);
  });
});

describe('migrate types', () => {
  const all = [MIGRATE_UNMOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE, MIGRATE_RESERVE];

  /** Frees a block with its pageblock set to a type. */
  function put({ k, zone }: EmptyZone, pfn: number, order: number, type: number): void {
    k.i32[k.i32[zone + ZONE.at.pageblock_types] + (pfn >>> 9)] = type;
    __free_one_page(k, zone, pfn, order);
  }

  test.each([
    ['unmovable', MIGRATE_UNMOVABLE, [MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE, MIGRATE_RESERVE]],
    ['reclaimable', MIGRATE_RECLAIMABLE, [MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RESERVE]],
    ['movable', MIGRATE_MOVABLE, [MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE, MIGRATE_RESERVE]],
  ])('%s requests fall back in the documented order', (_, wanted, order) => {
    const empty = emptyZone();
    const { k, zone, start } = empty;
    // A single page of every type, in a pageblock each: too small to bring anything along for the others.
    for (const type of all) put(empty, start + type * 512, 0, type);
    const got = all.map(() => (__rmqueue(k, zone, 0, wanted) - start) / 512);
    expect(got).toEqual([wanted, ...order]);
    expect(__rmqueue(k, zone, 0, wanted)).toBe(0);
  });

  test('a fallback takes the largest block there is, whatever its type', () => {
    const empty = emptyZone();
    const { k, zone, start } = empty;
    put(empty, start, 2, MIGRATE_RECLAIMABLE);
    put(empty, start + 512, 3, MIGRATE_MOVABLE);
    expect(__rmqueue(k, zone, 0, MIGRATE_UNMOVABLE)).toBe(start + 512);
  });

  test('the reserve is not stolen from, however large, and gives its smallest block last', () => {
    const empty = emptyZone();
    const { k, zone, start } = empty;
    put(empty, start, 8, MIGRATE_RESERVE);
    put(empty, start + 256, 1, MIGRATE_RESERVE);
    put(empty, start + 512, 1, MIGRATE_MOVABLE);
    expect(__rmqueue(k, zone, 1, MIGRATE_UNMOVABLE)).toBe(start + 512);
    expect(__rmqueue(k, zone, 1, MIGRATE_UNMOVABLE)).toBe(start + 256);
    expect(__rmqueue(k, zone, 0, MIGRATE_UNMOVABLE)).toBe(start);
    expect(types(empty)[0]).toBe(MIGRATE_RESERVE);
    for (const { type } of freeBlocks(k, zone)) expect(type).toBe(MIGRATE_RESERVE);
  });

  test('a small block is split in the lists of its old type', () => {
    const empty = emptyZone();
    const { k, zone, start } = empty;
    put(empty, start, 3, MIGRATE_MOVABLE);
    put(empty, start + 16, 2, MIGRATE_MOVABLE);
    __rmqueue(k, zone, 0, MIGRATE_UNMOVABLE);
    expect(freeBlocks(k, zone).map(({ order, type }) => [order, type])).toEqual([
      [0, MIGRATE_MOVABLE],
      [1, MIGRATE_MOVABLE],
      [2, MIGRATE_MOVABLE],
      [2, MIGRATE_MOVABLE],
    ]);
    expect(types(empty)[0]).toBe(MIGRATE_MOVABLE);
  });

  test('a block of half the pageblock order, rounded down, brings all free blocks of its pageblock over', () => {
    const empty = emptyZone();
    const { k, zone, start } = empty;
    expect(k.i32[KERNEL.pageblock_order]).toBe(9);
    put(empty, start, 4, MIGRATE_MOVABLE);
    put(empty, start + 32, 2, MIGRATE_MOVABLE);
    put(empty, start + 512, 2, MIGRATE_MOVABLE);
    expect(__rmqueue(k, zone, 0, MIGRATE_UNMOVABLE)).toBe(start);
    const moved = freeBlocks(k, zone).filter(({ type }) => type === MIGRATE_UNMOVABLE);
    expect(moved.map(({ pfn }) => pfn - start).sort((a, b) => a - b)).toEqual([1, 2, 4, 8, 32]);
    expect(freeList(k, zone, 2, MIGRATE_MOVABLE)).toEqual([start + 512]);
    // Only 20 of its 512 pages moved: the pageblock keeps its type.
    expect(types(empty)[0]).toBe(MIGRATE_MOVABLE);
    expect(freeMemoryFaults(k)).toEqual([]);
  });

  test('a block of order 3 brings nothing, except for reclaimable requests', () => {
    for (const [wanted, type] of [
      [MIGRATE_UNMOVABLE, MIGRATE_MOVABLE],
      [MIGRATE_RECLAIMABLE, MIGRATE_RECLAIMABLE],
    ]) {
      const empty = emptyZone();
      const { k, zone, start } = empty;
      put(empty, start, 3, MIGRATE_MOVABLE);
      put(empty, start + 32, 2, MIGRATE_MOVABLE);
      expect(__rmqueue(k, zone, 3, wanted)).toBe(start);
      expect(freeBlocks(k, zone)).toEqual([{ pfn: start + 32, order: 2, type }]);
    }
  });

  test.each([
    [255, MIGRATE_MOVABLE],
    [256, MIGRATE_UNMOVABLE],
  ])('with %i of its 512 pages free, a robbed pageblock has type %i', (pages, type) => {
    const empty = emptyZone();
    const { k, zone, start } = empty;
    const first = 512 - pages;
    for (let i = first; i < 512; i++) put(empty, start + i, 0, MIGRATE_MOVABLE);
    __rmqueue(k, zone, 0, MIGRATE_UNMOVABLE);
    expect(types(empty)[0]).toBe(type);
  });

  test('a block of pageblock size changes its owner whole, and a larger one all its pageblocks', () => {
    for (const order of [9, 10]) {
      const empty = emptyZone();
      const { k, zone, start } = empty;
      put(empty, start, order, MIGRATE_MOVABLE);
      expect(__rmqueue(k, zone, 0, MIGRATE_UNMOVABLE)).toBe(start);
      expect(types(empty).slice(0, 3)).toEqual([
        MIGRATE_UNMOVABLE,
        order === 10 ? MIGRATE_UNMOVABLE : MIGRATE_MOVABLE,
        MIGRATE_MOVABLE,
      ]);
      for (const block of freeBlocks(k, zone)) expect(block.type).toBe(MIGRATE_UNMOVABLE);
    }
  });

  test('of a fresh machine are grouped: the types of a mixed workload stay in different pageblocks', () => {
    const { k } = bootInProcess(preset('x86_64-numa2'));
    const block: Record<number, Set<number>> = { 0: new Set(), 1: new Set(), 2: new Set() };
    for (let i = 0; i < 600; i++) {
      [GFP_KERNEL, GFP_TEMPORARY, GFP_HIGHUSER_MOVABLE].forEach((mask, type) => {
        block[type].add(k.alloc_page(mask) >>> 9);
      });
    }
    for (const a of [0, 1, 2]) {
      expect(block[a].size).toBeLessThanOrEqual(3);
      for (const b of [0, 1, 2])
        if (a !== b) expect([...block[a]].filter((n) => block[b].has(n))).toEqual([]);
    }
  });

  test('of a tiny machine are all the same', () => {
    const { k } = bootInProcess(x86Zones(4, 4, 4));
    const order = [GFP_KERNEL, GFP_TEMPORARY, GFP_ATOMIC].map((mask) => k.alloc_pages(mask, 1));
    expect(order[1] - order[0]).toBe(2);
    expect(order[2] - order[1]).toBe(2);
    for (const zone of populatedZones(k)) {
      for (const { type } of freeBlocks(k, zone)) expect(type).toBe(MIGRATE_UNMOVABLE);
    }
  });

  test('stay consistent while everything is allocated by turns and freed', () => {
    const { k, cpus } = bootInProcess(
      x64Nodes(2, 16, 4, 8, { debug: debug('vm'), memory: [mib(0, 0, 16), mib(1, 16, 32)] }),
    );
    drainAll(cpus);
    const before = freeMemory(k);
    const taken: [number, number][] = [];
    const masks = [GFP_KERNEL, GFP_TEMPORARY, GFP_HIGHUSER_MOVABLE];
    for (let i = 0, failed = 0; failed < 3; i++) {
      const order = (i * 7) % 4;
      const pfn = k.alloc_pages(masks[i % 3] | __GFP_NOWARN, order);
      if (pfn === 0) failed++;
      else {
        taken.push([pfn, order]);
        failed = 0;
      }
      if (i % 97 === 0) expect(freeMemoryFaults(k)).toEqual([]);
    }
    for (const [pfn, order] of taken) k.__free_pages(pfn, order);
    drainAll(cpus);
    expect(freeMemory(k)).toBe(before);
    expect(freeMemoryFaults(k)).toEqual([]);
  });
});
