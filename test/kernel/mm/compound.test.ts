import { describe, expect, test } from 'vitest';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { __GFP_COMP, GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { PAGE, PageTail, pageOf, PG_ZONE_SHIFT } from '../../../src/kernel/mm/page.js';
import { PCP_HOT } from '../../../src/kernel/mm/zone.js';
import { bootInProcess, type LoneMachine } from '../../support/boot-in-process.js';
import { debug, preset } from '../../support/hardware.js';
import { drainAll, freeMemory, freeMemoryFaults, pcpList, zoneByLabel } from '../../support/zones.js';

const COMP = GFP_KERNEL | __GFP_COMP;

function machine(...on: Parameters<typeof debug>): LoneMachine {
  const booted = bootInProcess(preset('x86_64-numa2', { debug: debug(...on) }));
  drainAll(booted.cpus);
  return booted;
}

/** PG_ bits of a page. */
function bits(k: Kernel, pfn: number): number {
  return k.i32[pageOf(k.i32, pfn) + PAGE.at.flags] & ((1 << PG_ZONE_SHIFT) - 1);
}

const count = (k: Kernel, pfn: number): number => k.i32[pageOf(k.i32, pfn) + PAGE.at._count];

describe('a compound page', () => {
  test.each([1, 2, 5, 9, 10])('of order %i: every page knows the head, the head knows the order', (order) => {
    const { k } = machine('vm');
    const head = k.alloc_pages(COMP, order);
    expect(k.compound_order(head)).toBe(order);
    for (let i = 0; i < 1 << order; i++) {
      expect(k.compound_head(head + i)).toBe(head);
      expect(PageTail(k.i32, pageOf(k.i32, head + i))).toBe(i > 0);
      expect(k.page_count(head + i)).toBe(1);
    }
  });

  test('of order 0 is a plain page', () => {
    const { k } = machine('vm');
    const pfn = k.alloc_page(COMP);
    expect([k.compound_head(pfn), k.compound_order(pfn), bits(k, pfn)]).toEqual([pfn, 0, 0]);
  });

  test.each([
    ['the head', 0],
    ['a tail', 5],
    ['the last tail', 7],
  ])('is freed whole by put_page of %s', (_, index) => {
    const { k, cpus, platform } = machine('vm');
    const before = freeMemory(k);
    const head = k.alloc_pages(COMP, 3);
    k.put_page(head + index);
    drainAll(cpus);
    expect(freeMemory(k)).toBe(before);
    expect(platform.reports).toEqual([]);
    for (let i = 0; i < 8; i++) expect(k.compound_head(head + i)).toBe(head + i);
  });

  test('counts references to any of its pages at its head', () => {
    const { k, cpus } = machine('vm');
    const before = freeMemory(k);
    const head = k.alloc_pages(COMP, 2);
    k.get_page(head + 3);
    k.get_page(head);
    expect([k.page_count(head), k.page_count(head + 2), count(k, head + 3)]).toEqual([3, 3, 0]);
    k.put_page(head + 1);
    k.put_page(head + 2);
    expect(freeMemory(k)).not.toBe(before);
    expect(k.page_count(head)).toBe(1);
    k.put_page(head + 3);
    drainAll(cpus);
    expect(freeMemory(k)).toBe(before);
  });

  test('is freed by its head and order without a report', () => {
    const { k, platform } = machine('vm', 'pageOwner');
    const before = freeMemory(k);
    k.__free_pages(k.alloc_pages(COMP, 4), 4);
    expect(freeMemory(k)).toBe(before);
    expect(platform.reports).toEqual([]);
  });

  test.each([2, 4])(
    'of order 3 freed with order %i is a bad page when it reaches the buddy system',
    (order) => {
      const { k, platform } = machine();
      const head = k.alloc_pages(COMP, 3);
      k.__free_pages(head, order);
      const report = platform.reports.find((text) => text.includes(`pfn:${head.toString(16)}\n`));
      expect(report).toContain("Bad page state in process 'swapper/0'");
    },
  );

  test('freed as a single page is found when the page list is drained', () => {
    const { k, platform } = machine();
    const head = k.alloc_pages(COMP, 3);
    k.__free_page(head);
    expect(platform.reports).toEqual([]);
    k.drain_local_pages();
    expect(platform.reports).toHaveLength(1);
    expect(platform.reports[0]).toContain('Bad page state');
  });
});

describe('a block that is not compound', () => {
  test('has a reference on its first page only', () => {
    const { k } = machine('vm');
    const head = k.alloc_pages(GFP_KERNEL, 2);
    expect([0, 1, 2, 3].map((i) => count(k, head + i))).toEqual([1, 0, 0, 0]);
    expect([0, 1, 2, 3].map((i) => k.compound_head(head + i) - head)).toEqual([0, 1, 2, 3]);
    expect(k.compound_order(head)).toBe(0);
  });

  test('loses a tail that is got and put: that page alone is freed', () => {
    const { k } = machine();
    const head = k.alloc_pages(GFP_KERNEL, 2);
    k.get_page(head + 2);
    k.put_page(head + 2);
    const zone = zoneByLabel(k, '0:DMA32');
    expect(pcpList(k, zone, 0, PCP_HOT)).toEqual([head + 2]);
    // The next user gets it, although the block is still in use.
    expect(k.alloc_page(GFP_KERNEL)).toBe(head + 2);
  });

  test('with debug.vm a reference to its tail is a BUG at once', () => {
    const { k } = machine('vm');
    const head = k.alloc_pages(GFP_KERNEL, 2);
    expect(() => k.get_page(head + 1)).toThrow('get_page: page has no reference');
  });

  test('is split by giving every page a reference, and then freed page by page', () => {
    const { k, cpus } = machine();
    const before = freeMemory(k);
    const head = k.alloc_pages(GFP_KERNEL, 3);
    // What split_page() does.
    for (let i = 1; i < 8; i++) k.get_page(head + i);
    for (const i of [3, 0, 7, 5, 1, 6, 2, 4]) k.__free_page(head + i);
    drainAll(cpus);
    expect(freeMemory(k)).toBe(before);
    expect(freeMemoryFaults(k)).toEqual([]);
  });
});

describe('references to a page', () => {
  test('a page with two is freed by the second drop, of whatever kind', () => {
    const { k, cpus } = machine('vm');
    const before = freeMemory(k);
    const drops: ((pfn: number) => void)[] = [
      (pfn) => k.__free_page(pfn),
      (pfn) => k.put_page(pfn),
      (pfn) => k.free_page(k.page_address(pfn)),
      (pfn) => k.__free_pages(pfn, 0),
    ];
    for (const first of drops) {
      for (const second of drops) {
        const pfn = k.alloc_page(GFP_KERNEL);
        k.get_page(pfn);
        first(pfn);
        expect(k.page_count(pfn)).toBe(1);
        second(pfn);
        expect(k.page_count(pfn)).toBe(0);
      }
    }
    drainAll(cpus);
    expect(freeMemory(k)).toBe(before);
  });

  test('a block stays whole until its last reference', () => {
    const { k } = machine('vm');
    const before = freeMemory(k);
    const block = k.alloc_pages(GFP_KERNEL, 4);
    k.get_page(block);
    k.__free_pages(block, 4);
    expect(freeMemory(k)).not.toBe(before);
    k.__free_pages(block, 4);
    expect(freeMemory(k)).toBe(before);
  });
});
