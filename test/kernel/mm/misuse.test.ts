import { describe, expect, test } from 'vitest';
import { CPU_AREA, IRQ_TICK } from '../../../src/kernel/core/cpu-area.js';
import { KernelBug } from '../../../src/kernel/core/errors.js';
import { readLog } from '../../../src/kernel/core/printk.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { __GFP_COMP, GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { bad_page } from '../../../src/kernel/mm/bad-page.js';
import { describeOwner } from '../../../src/kernel/mm/page-owner.js';
import {
  PAGE,
  pageOf,
  PG_active,
  PG_buddy,
  PG_dirty,
  PG_error,
  PG_locked,
  PG_lru,
  PG_private,
  PG_referenced,
  PG_reserved,
  PG_slab,
  PG_swapcache,
  PG_uptodate,
  PG_writeback,
} from '../../../src/kernel/mm/page.js';
import { freeBlocks } from '../../support/zones.js';
import { bootInProcess, type LoneMachine } from '../../support/boot-in-process.js';
import { debug, preset } from '../../support/hardware.js';
import { drainAll, freeMemory, freeMemoryFaults, zoneByLabel } from '../../support/zones.js';

/** Mistakes of callers do what they do in Linux: trouble comes later, or at once with a debug switch. */

function machine(...on: Parameters<typeof debug>): LoneMachine {
  const booted = bootInProcess(preset('x86_64-numa2', { debug: debug(...on) }));
  drainAll(booted.cpus);
  return booted;
}

const word = (k: Kernel, pfn: number, field: keyof typeof PAGE.at): number =>
  pageOf(k.i32, pfn) + PAGE.at[field];

describe('a free with too large an order', () => {
  test('reports the pages of others, and later hands them out a second time', () => {
    const { k, platform } = machine();
    const victimBlock = k.alloc_pages(GFP_KERNEL, 1);
    // Two neighbours of one page each, both in use.
    k.get_page(victimBlock + 1);
    const [mine, theirs] = [victimBlock, victimBlock + 1];
    k.write32(k.page_address(theirs), 0xc0ffee);
    k.__free_pages(mine, 1);
    expect(platform.reports).toHaveLength(1);
    expect(platform.reports[0]).toContain('Bad page state');
    expect(platform.reports[0]).toContain(`count:1 pfn:${theirs.toString(16)}`);
    // The neighbour is on the free list while it is in use.
    const again = k.alloc_pages(GFP_KERNEL, 1);
    expect([again, again + 1]).toEqual([mine, theirs]);
    expect(k.read32(k.page_address(theirs))).toBe(0xc0ffee);
  });

  test('is reported by the page owner at the free, with the trace of the allocation', () => {
    const { k, platform } = machine('pageOwner');
    const pfn = allocateForTest(k, 1);
    k.__free_pages(pfn, 2);
    const report = platform.reports.find((text) => text.includes('page_owner'))!;
    expect(report).toContain(
      `page_owner: pfn 0x${pfn.toString(16)} freed with order 2, allocated with order 1`,
    );
    expect(report).toMatch(
      /last allocated on CPU#0, mask 0xd0, at:\n( \[<.*\n)* \[<misuse\.test\.ts:\d+>\] allocateForTest\n/,
    );
    expect(readLog(k)).toContain('freed with order 2, allocated with order 1');
  });

  test('that is not aligned to it is a BUG with debug.vm', () => {
    const { k } = machine('vm');
    const pfn = k.alloc_pages(GFP_KERNEL, 1);
    k.get_page(pfn);
    const [odd] = [pfn + 1];
    k.i32[word(k, odd, '_count')] = 1;
    expect(() => k.__free_pages(odd, 1)).toThrow(KernelBug);
  });
});

function allocateForTest(k: Kernel, order: number): number {
  return k.alloc_pages(GFP_KERNEL, order);
}

describe('a free with too small an order', () => {
  test('leaks the rest, and the free lists stay consistent', () => {
    const { k, cpus, platform } = machine('vm');
    const before = freeMemory(k);
    const pfn = k.alloc_pages(GFP_KERNEL, 3);
    k.__free_pages(pfn, 1);
    drainAll(cpus);
    expect(freeMemoryFaults(k)).toEqual([]);
    expect(platform.reports).toEqual([]);
    expect(freeMemory(k)).not.toBe(before);
    const free = freeBlocks(k, zoneByLabel(k, '0:DMA32'));
    expect(free.filter((block) => block.pfn >= pfn + 2 && block.pfn < pfn + 8)).toEqual([]);
    // Whoever knows of the rest can still give it back.
    for (let i = 2; i < 8; i++) k.i32[word(k, pfn + i, '_count')] = 1;
    for (let i = 2; i < 8; i++) k.__free_page(pfn + i);
    drainAll(cpus);
    expect(freeMemory(k)).toBe(before);
  });

  test('is reported by the page owner', () => {
    const { k, platform } = machine('pageOwner');
    k.__free_pages(k.alloc_pages(GFP_KERNEL, 3), 1);
    expect(platform.reports).toHaveLength(1);
    expect(platform.reports[0]).toContain('freed with order 1, allocated with order 3');
  });

  test.each(['put_page', 'free_hot_page', 'free_cold_page', '__free_page'] as const)(
    'by %s of a block is reported by the page owner too',
    (name) => {
      const { k, platform } = machine('pageOwner');
      k[name](k.alloc_pages(GFP_KERNEL, 2));
      expect(platform.reports[0]).toContain('freed with order 0, allocated with order 2');
    },
  );
});

describe('the page owner', () => {
  test('says nothing when orders match, of blocks, single pages and compound pages', () => {
    const { k, platform } = machine('pageOwner', 'vm');
    for (let order = 0; order <= 10; order++) {
      k.__free_pages(k.alloc_pages(GFP_KERNEL, order), order);
      k.free_pages(k.__get_free_pages(GFP_KERNEL, order), order);
      k.put_page(k.alloc_pages(GFP_KERNEL | __GFP_COMP, order));
    }
    expect(platform.reports).toEqual([]);
  });

  test('reports a free that does not begin where a block begins', () => {
    const { k, platform } = machine('pageOwner');
    const pfn = k.alloc_pages(GFP_KERNEL, 2);
    k.get_page(pfn + 1);
    k.put_page(pfn + 1);
    expect(platform.reports[0]).toContain('freed with order 0, not the start of an allocated block');
  });

  test('remembers the CPU and the mask', () => {
    const { k, cpus } = machine('pageOwner');
    const pfn = cpus[3].alloc_page(GFP_KERNEL | __GFP_COMP);
    expect(describeOwner(k, pfn)).toMatch(/^last allocated on CPU#3, mask 0x40d0, at:\n \[</);
  });

  test('costs nothing and knows nothing when it is off', () => {
    const { k } = machine();
    expect(describeOwner(k, k.alloc_page(GFP_KERNEL))).toBe('');
  });
});

describe('a double free', () => {
  test.each(['__free_page', 'put_page', 'free_hot_page', 'free_cold_page'] as const)(
    'by %s is a BUG with debug.vm, and harms nothing',
    (name) => {
      const { k, cpus } = machine('vm');
      const before = freeMemory(k);
      const pfn = k.alloc_page(GFP_KERNEL);
      k.__free_page(pfn);
      expect(() => k[name](pfn)).toThrow('put_page_testzero: page has no reference');
      drainAll(cpus);
      expect(freeMemory(k)).toBe(before);
      expect(freeMemoryFaults(k)).toEqual([]);
    },
  );

  test('of a block is one, too', () => {
    const { k } = machine('vm');
    const address = k.__get_free_pages(GFP_KERNEL, 4);
    k.free_pages(address, 4);
    expect(() => k.free_pages(address, 4)).toThrow(KernelBug);
  });

  test('without debug.vm is found when the page is given to the next one', () => {
    const { k, platform } = machine();
    const pfn = k.alloc_page(GFP_KERNEL);
    k.__free_page(pfn);
    k.__free_page(pfn);
    expect(platform.reports).toEqual([]);
    expect(k.alloc_page(GFP_KERNEL)).toBe(pfn);
    expect(platform.reports[0]).toContain(`count:-1 pfn:${pfn.toString(16)}`);
    expect(k.page_count(pfn)).toBe(1);
  });

  test('after the page has a new owner frees it under him', () => {
    const { k, platform } = machine('vm');
    const mine = k.alloc_page(GFP_KERNEL);
    k.__free_page(mine);
    const theirs = k.alloc_page(GFP_KERNEL);
    expect(theirs).toBe(mine);
    k.__free_page(mine);
    expect(k.alloc_page(GFP_KERNEL)).toBe(theirs);
    expect(platform.reports).toEqual([]);
  });
});

describe('a bad page', () => {
  test('report has the process, the struct page, flags, mapping and counts', () => {
    const { k, platform } = machine();
    const pfn = k.alloc_page(GFP_KERNEL);
    k.i32[word(k, pfn, 'flags')] |= (1 << PG_locked) | (1 << PG_slab);
    k.i32[word(k, pfn, 'mapping')] = 0x1234;
    k.i32[word(k, pfn, '_mapcount')] = 1;
    k.i32[word(k, pfn, '_count')] = 3;
    bad_page(k, pfn);
    expect(platform.reports[0]).toMatch(
      new RegExp(
        "Bad page state in process 'swapper/0'\\n" +
          `page:[0-9a-f]{16} flags:0x00000000[0-9a-f]{5}081 mapping:0000000000001234 mapcount:2 count:3 pfn:${pfn.toString(16)}\\n` +
          'Trying to fix it up, but a reboot is needed\\n',
      ),
    );
  });

  test.each([0, 3])(
    'is freed, order %i, before an interrupt can come: a handler may free pages, too',
    (order) => {
      const { k, platform } = machine();
      const pending = k.area + CPU_AREA.at.pending;
      const pfn = k.alloc_pages(GFP_KERNEL, order);
      k.i32[word(k, pfn, 'flags')] |= 1 << PG_locked;
      k.i32[pending] = IRQ_TICK;
      const pendingAtReport: number[] = [];
      platform.report = () => void pendingAtReport.push(k.i32[pending]);
      k.__free_pages(pfn, order);
      expect(pendingAtReport).toEqual([IRQ_TICK]);
      expect(k.i32[pending]).toBe(0);
    },
  );

  test('is cleaned, so that it can be used again', () => {
    const { k } = machine();
    const pfn = k.alloc_page(GFP_KERNEL);
    const clean = k.i32[word(k, pfn, 'flags')];
    for (const bit of [
      PG_lru,
      PG_private,
      PG_locked,
      PG_active,
      PG_dirty,
      PG_slab,
      PG_swapcache,
      PG_writeback,
    ]) {
      k.i32[word(k, pfn, 'flags')] |= 1 << bit;
    }
    k.i32[word(k, pfn, '_count')] = 7;
    k.i32[word(k, pfn, '_mapcount')] = 4;
    k.i32[word(k, pfn, 'mapping')] = 9;
    bad_page(k, pfn);
    expect(k.i32[word(k, pfn, 'flags')]).toBe(clean);
    expect((['_count', '_mapcount', 'mapping'] as const).map((field) => k.i32[word(k, pfn, field)])).toEqual([
      0, -1, 0,
    ]);
  });

  const BAD_ON_FREE: [string, number][] = [
    ['lru', PG_lru],
    ['private', PG_private],
    ['locked', PG_locked],
    ['active', PG_active],
    ['slab', PG_slab],
    ['swapcache', PG_swapcache],
    ['writeback', PG_writeback],
    ['buddy', PG_buddy],
  ];

  test.each(BAD_ON_FREE)('is one that is freed while PG_%s', (_, bit) => {
    for (const order of [0, 2]) {
      const { k, cpus, platform } = machine();
      const before = freeMemory(k);
      const pfn = k.alloc_pages(GFP_KERNEL, order);
      // In a block every page is looked at.
      k.i32[word(k, pfn + (1 << order) - 1, 'flags')] |= 1 << bit;
      k.__free_pages(pfn, order);
      expect(platform.reports).toHaveLength(1);
      // It is reported, repaired, and freed all the same.
      drainAll(cpus);
      expect(freeMemory(k)).toBe(before);
      expect(platform.reports).toHaveLength(1);
    }
  });

  test.each([
    ['mapped', '_mapcount', 0],
    ['in a mapping', 'mapping', 5],
  ] as const)('is one that is freed while %s', (_, field, value) => {
    const { k, cpus, platform } = machine();
    const before = freeMemory(k);
    const pfn = k.alloc_pages(GFP_KERNEL, 1);
    k.i32[word(k, pfn + 1, field)] = value;
    k.__free_pages(pfn, 1);
    expect(platform.reports).toHaveLength(1);
    drainAll(cpus);
    expect(freeMemory(k)).toBe(before);
  });

  test('that is reserved is not freed', () => {
    for (const order of [0, 1]) {
      const { k, cpus, platform } = machine();
      const pfn = k.alloc_pages(GFP_KERNEL, order);
      k.i32[word(k, pfn, 'flags')] |= 1 << PG_reserved;
      const before = freeMemory(k);
      k.__free_pages(pfn, order);
      drainAll(cpus);
      expect(platform.reports).toHaveLength(1);
      expect(freeMemory(k).replace(/\s/g, '')).not.toBe('');
      const blocks = freeBlocks(k, zoneByLabel(k, '0:DMA32'));
      expect(blocks.some((block) => block.pfn <= pfn && pfn < block.pfn + 2 ** block.order)).toBe(false);
      if (order === 1) expect(freeMemory(k)).toBe(before);
    }
  });

  test('is not one that is referenced, up to date, in error or dirty: those flags are dropped', () => {
    const { k, platform } = machine('vm');
    const pfn = k.alloc_page(GFP_KERNEL);
    const clean = k.i32[word(k, pfn, 'flags')];
    for (const bit of [PG_referenced, PG_uptodate, PG_error, PG_dirty])
      k.i32[word(k, pfn, 'flags')] |= 1 << bit;
    k.__free_page(pfn);
    expect(k.alloc_page(GFP_KERNEL)).toBe(pfn);
    expect(k.i32[word(k, pfn, 'flags')]).toBe(clean);
    expect(platform.reports).toEqual([]);
  });

  test.each([...BAD_ON_FREE.filter(([name]) => name !== 'buddy'), ['dirty', PG_dirty] as [string, number]])(
    'is one that became PG_%s while it was free, found when it is allocated',
    (_, bit) => {
      for (const order of [0, 2]) {
        const { k, platform } = machine();
        const pfn = k.alloc_pages(GFP_KERNEL, order);
        k.__free_pages(pfn, order);
        k.i32[word(k, pfn, 'flags')] |= 1 << bit;
        expect(k.alloc_pages(GFP_KERNEL, order)).toBe(pfn);
        expect(platform.reports).toHaveLength(1);
        expect(platform.reports[0]).toContain('Bad page state');
        expect(k.page_count(pfn)).toBe(1);
      }
    },
  );

  test('that became reserved while it was free is dropped, and the next one given', () => {
    for (const order of [0, 2]) {
      const { k, platform } = machine();
      const pfn = k.alloc_pages(GFP_KERNEL, order);
      k.__free_pages(pfn, order);
      k.i32[word(k, pfn, 'flags')] |= 1 << PG_reserved;
      const other = k.alloc_pages(GFP_KERNEL, order);
      expect(other).not.toBe(pfn);
      expect(other).toBeGreaterThan(0);
      expect(platform.reports).toHaveLength(1);
    }
  });
});
