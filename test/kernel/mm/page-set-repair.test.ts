import { beforeEach, describe, expect, it } from 'vitest';
import { CPU_AREA, IRQ_TICK, TRANSIT_ORDER_SHIFT } from '../../../src/kernel/core/cpu-area.js';
import { audit } from '../../../src/kernel/debug/audit.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { __GFP_COMP, GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { PAGE, PG_compound, PG_reserved, PG_ZONE_SHIFT, pageOf } from '../../../src/kernel/mm/page.js';
import { repairPageSets } from '../../../src/kernel/mm/page-set-repair.js';
import { drain_local_pages } from '../../../src/kernel/mm/page-sets.js';
import { zonePageStateExact } from '../../../src/kernel/mm/vmstat.js';
import { NR_FREE_PAGES, populatedZones } from '../../../src/kernel/mm/zone.js';
import { bootInProcess, twoNodes } from '../../support/boot-in-process.js';

const PAGES = PAGE.at;

describe.each([false, true])('a block on its way, debug.pageOwner %s', (pageOwner) => {
  let k: Kernel;

  const free = (): number => {
    drain_local_pages(k);
    return populatedZones(k).reduce((sum, zone) => sum + zonePageStateExact(k, zone, NR_FREE_PAGES, 4), 0);
  };

  const isInTransit = (pfn: number, order: number): void => {
    k.i32[k.area + CPU_AREA.at.pageInTransit] = pfn | (order << TRANSIT_ORDER_SHIFT);
  };

  beforeEach(() => {
    const { debug } = twoNodes();
    k = bootInProcess(twoNodes(64, { debug: { ...debug, pageOwner } })).k;
  });

  it.each([0, 3])('of order %i goes back when it has no owner', (order) => {
    const before = free();
    const pfn = k.alloc_pages(GFP_KERNEL, order);
    k.i32[pageOf(k.i32, pfn) + PAGES._count] = 0;
    isInTransit(pfn, order);
    expect(repairPageSets(k)).toBe(pfn);
    expect(free()).toBe(before);
    expect(k.i32[k.area + CPU_AREA.at.pageInTransit]).toBe(0);
    expect(violations()).toEqual([]);
  });

  it.each([1, 4, 8])('is taken apart when its thread died after tying %i pages together', (pages) => {
    const before = free();
    const pfn = k.alloc_pages(GFP_KERNEL | __GFP_COMP, 3);
    const page = pageOf(k.i32, pfn);
    for (let i = pages; i < 8; i++) k.i32[page + i * PAGE.words + PAGES.flags] &= -1 << PG_ZONE_SHIFT;
    k.i32[page + PAGES._count] = 0;
    isInTransit(pfn, 3);
    expect(repairPageSets(k)).toBe(pfn);
    expect(free()).toBe(before);
    expect(k.i32[page + PAGES.flags] & (1 << PG_compound)).toBe(0);
    expect(violations()).toEqual([]);
  });

  it('stays with its owner when it has one', () => {
    const before = free();
    const pfn = k.alloc_pages(GFP_KERNEL, 2);
    isInTransit(pfn, 2);
    expect(repairPageSets(k)).toBe(0);
    expect(free()).toBe(before - 4);
    k.__free_pages(pfn, 2);
    expect(free()).toBe(before);
  });

  it('is left alone when it is free already', () => {
    const before = free();
    const pfn = k.alloc_pages(GFP_KERNEL, 10);
    k.__free_pages(pfn, 10);
    isInTransit(pfn, 10);
    expect(repairPageSets(k)).toBe(0);
    expect(free()).toBe(before);
  });

  it('is left alone when it is on the list already, and the list is made whole', () => {
    const before = free();
    const pfn = k.alloc_page(GFP_KERNEL);
    k.__free_page(pfn);
    isInTransit(pfn, 0);
    // The death came before the backward link of what follows was set.
    const link = pageOf(k.i32, pfn) + PAGES.lru;
    k.i32[k.i32[link] + 1] = 0;
    expect(repairPageSets(k)).toBe(0);
    expect(free()).toBe(before);
    expect(violations()).toEqual([]);
  });

  it('is not freed when it is reserved', () => {
    const pfn = k.alloc_page(GFP_KERNEL);
    const page = pageOf(k.i32, pfn);
    k.i32[page + PAGES._count] = 0;
    k.i32[page + PAGES.flags] |= 1 << PG_reserved;
    isInTransit(pfn, 0);
    expect(repairPageSets(k)).toBe(0);
  });

  /** What the audit finds, but for the events: the test has made blocks vanish that were counted. */
  function violations(): unknown[] {
    return audit(k).violations.filter(({ kind }) => kind !== 'page-events');
  }
});

it('is freed without serving the interrupts of the CPU that died', () => {
  const { cpus } = bootInProcess();
  const [, dead] = cpus;
  const pfn = dead.alloc_page(GFP_KERNEL);
  dead.i32[pageOf(dead.i32, pfn) + PAGES._count] = 0;
  dead.i32[dead.area + CPU_AREA.at.pageInTransit] = pfn;
  dead.i32[dead.area + CPU_AREA.at.pending] = IRQ_TICK;
  expect(repairPageSets(dead)).toBe(pfn);
  expect(dead.i32[dead.area + CPU_AREA.at.pending]).toBe(IRQ_TICK);
  expect(dead.i32[dead.area + CPU_AREA.at.irqs_disabled]).toBe(0);
});

it('is never in transit on one CPU while another one frees it', () => {
  const { cpus } = bootInProcess();
  const [one, other] = cpus;
  const pfn = one.alloc_pages(GFP_KERNEL, 1);
  one.get_page(pfn);
  one.__free_pages(pfn, 1);
  expect(one.page_count(pfn)).toBe(1);
  expect(one.i32[one.area + CPU_AREA.at.pageInTransit]).toBe(0);
  other.__free_pages(pfn, 1);
  expect(audit(one).violations).toEqual([]);
});
