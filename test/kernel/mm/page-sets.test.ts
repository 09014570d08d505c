import { describe, expect, test } from 'vitest';
import { releaseCpu } from '../../../src/kernel/cpu/dispatch.js';
import { raiseInterrupt } from '../../../src/kernel/cpu/raise-interrupt.js';
import { IRQ_TICK } from '../../../src/kernel/core/cpu-area.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { __GFP_COLD, GFP_HIGHUSER_MOVABLE, GFP_KERNEL, GFP_TEMPORARY } from '../../../src/kernel/mm/gfp.js';
import { refresh_cpu_vm_stats } from '../../../src/kernel/mm/vmstat-refresh.js';
import { zone_page_state } from '../../../src/kernel/mm/vmstat.js';
import { NR_FREE_PAGES, PCP_COLD, PCP_HOT, populatedZones, ZONE } from '../../../src/kernel/mm/zone.js';
import { bootInProcess, twoNodes } from '../../support/boot-in-process.js';
import { preset } from '../../support/hardware.js';
import {
  drainAll,
  freeMemory,
  freeMemoryFaults,
  freePages,
  pagesetWords,
  pcpList,
  zoneByLabel,
} from '../../support/zones.js';

/** Two nodes; in the zone of each node a batch is 15 pages (cold 7), high 90 (cold 30). */
function machine(): { k: Kernel; cpus: readonly Kernel[]; local: number; remote: number } {
  const { k, cpus } = bootInProcess(preset('x86_64-numa2'));
  drainAll(cpus);
  for (const cpu of cpus) refresh_cpu_vm_stats(cpu);
  return { k, cpus, local: zoneByLabel(k, '0:DMA32'), remote: zoneByLabel(k, '1:DMA32') };
}

describe('a per-CPU list', () => {
  test('is refilled by a batch when it is empty, in physical order', () => {
    const { k, local } = machine();
    const first = k.alloc_page(GFP_KERNEL);
    expect(pcpList(k, local, 0, PCP_HOT)).toEqual(Array.from({ length: 14 }, (_, i) => first + 1 + i));
    for (let i = 0; i < 14; i++) k.alloc_page(GFP_KERNEL);
    expect(pcpList(k, local, 0, PCP_HOT)).toEqual([]);
    k.alloc_page(GFP_KERNEL);
    expect(pcpList(k, local, 0, PCP_HOT)).toHaveLength(14);
  });

  test('the cold one by half a batch', () => {
    const { k, local } = machine();
    k.alloc_page(GFP_KERNEL | __GFP_COLD);
    expect(pcpList(k, local, 0, PCP_COLD)).toHaveLength(6);
    expect(pcpList(k, local, 0, PCP_HOT)).toEqual([]);
  });

  test('is refilled in front when it has no page of the wanted type', () => {
    const { k, local } = machine();
    k.alloc_page(GFP_KERNEL);
    const before = pcpList(k, local, 0, PCP_HOT);
    const movable = k.alloc_page(GFP_HIGHUSER_MOVABLE);
    const after = pcpList(k, local, 0, PCP_HOT);
    expect(after).toHaveLength(28);
    expect(after.slice(0, 14)).toEqual(Array.from({ length: 14 }, (_, i) => movable + 1 + i));
    expect(after.slice(14)).toEqual(before);
    // And the first type is found behind them, without another refill.
    expect(k.alloc_page(GFP_KERNEL)).toBe(before[0]);
    expect(pcpList(k, local, 0, PCP_HOT)).toHaveLength(27);
    k.alloc_page(GFP_TEMPORARY);
    expect(pcpList(k, local, 0, PCP_HOT)).toHaveLength(41);
  });

  test.each([
    ['hot', PCP_HOT, 0, 90, 15],
    ['cold', PCP_COLD, __GFP_COLD, 30, 7],
  ])('gives a batch back from its tail when it reaches high: %s', (_, list, flag, high, batch) => {
    const { k, local } = machine();
    const pages = Array.from({ length: 300 }, () => k.alloc_page(GFP_KERNEL | flag));
    k.drain_local_pages();
    const free = (pfn: number): void => (list === PCP_HOT ? k.__free_page(pfn) : k.free_cold_page(pfn));
    for (const pfn of pages.slice(0, high - 1)) free(pfn);
    const before = freePages(k, local);
    expect(pcpList(k, local, 0, list)).toEqual(pages.slice(0, high - 1).toReversed());
    free(pages[high - 1]);
    // After adding: the newest pages stay, the oldest have gone.
    expect(pcpList(k, local, 0, list)).toEqual(pages.slice(batch, high).toReversed());
    expect(freePages(k, local)).toBe(before + batch);
    for (const pfn of pages.slice(high)) free(pfn);
    expect(pcpList(k, local, 0, list).length).toBeLessThan(high);
    expect(freeMemoryFaults(k)).toEqual([]);
  });

  test('in a small zone holds nothing: every free goes to the buddy system', () => {
    const { k } = bootInProcess(twoNodes(16));
    const zone = zoneByLabel(k, '1:DMA32');
    const pfn = k.alloc_pages_node(1, GFP_KERNEL, 0);
    expect(pcpList(k, zone, 0, PCP_HOT)).toEqual([]);
    const before = freePages(k, zone);
    k.__free_page(pfn);
    expect(pcpList(k, zone, 0, PCP_HOT)).toEqual([]);
    expect(freePages(k, zone)).toBe(before + 1);
  });

  test('hides its pages from the free memory: a block cannot merge while one of its pages is there', () => {
    const { k, local } = machine();
    const before = freeMemory(k);
    const block = k.alloc_pages(GFP_KERNEL, 1);
    k.get_page(block);
    k.__free_pages(block, 1);
    k.__free_page(block);
    expect(pcpList(k, local, 0, PCP_HOT)).toEqual([block]);
    expect(freeMemory(k)).not.toBe(before);
  });

  test('takes order 0 only', () => {
    const { k } = machine();
    const pfn = k.alloc_pages(GFP_KERNEL, 1);
    k.__free_pages(pfn, 1);
    for (const zone of populatedZones(k)) expect(pcpList(k, zone, 0, PCP_HOT)).toEqual([]);
  });
});

describe('the lists of a CPU', () => {
  test('belong to it alone: whatever another CPU does, no word of them changes', () => {
    const { k, cpus } = machine();
    for (const cpu of cpus) for (let i = 0; i < 20; i++) cpu.__free_page(cpu.alloc_page(GFP_KERNEL));
    const [a, b] = [cpus[0], cpus[2]];
    const pages = Array.from({ length: 40 }, () => b.alloc_page(GFP_KERNEL));
    const words = [1, 2, 3].map((cpu) => pagesetWords(k, cpu));
    for (const pfn of pages) a.__free_page(pfn);
    for (let i = 0; i < 200; i++) {
      const pfn = a.alloc_pages_node(i % 2, GFP_KERNEL | (i % 3 === 0 ? __GFP_COLD : 0), i % 4 === 3 ? 2 : 0);
      if (i % 2 === 0) a.__free_pages(pfn, i % 4 === 3 ? 2 : 0);
    }
    refresh_cpu_vm_stats(a);
    a.drain_local_pages();
    expect([1, 2, 3].map((cpu) => pagesetWords(k, cpu))).toEqual(words);
  });

  test('get what the CPU frees, wherever it was allocated', () => {
    const { k, cpus, remote } = machine();
    const pfn = cpus[2].alloc_page(GFP_KERNEL);
    cpus[0].__free_page(pfn);
    expect(pcpList(k, remote, 0, PCP_HOT)).toEqual([pfn]);
    expect(pcpList(k, remote, 2, PCP_HOT)).not.toContain(pfn);
    expect(cpus[0].alloc_pages_node(1, GFP_KERNEL, 0)).toBe(pfn);
  });

  test('drain_local_pages empties them, and no others', () => {
    const { k, cpus, local, remote } = machine();
    for (const cpu of [cpus[0], cpus[1]]) {
      cpu.alloc_pages_node(0, GFP_KERNEL, 0);
      cpu.alloc_pages_node(1, GFP_KERNEL | __GFP_COLD, 0);
    }
    cpus[0].drain_local_pages();
    for (const zone of [local, remote]) {
      expect([PCP_HOT, PCP_COLD].flatMap((list) => pcpList(k, zone, 0, list))).toEqual([]);
    }
    expect(pcpList(k, local, 1, PCP_HOT)).toHaveLength(14);
    expect(pcpList(k, remote, 1, PCP_COLD)).toHaveLength(6);
    expect(freeMemoryFaults(k)).toEqual([]);
  });

  test('drain_all_pages empties those of every CPU, also of idle ones', () => {
    const { k, cpus } = machine();
    const taken = cpus.map((cpu) => cpu.alloc_page(GFP_KERNEL));
    for (const cpu of cpus.slice(1)) releaseCpu(cpu);
    cpus[0].drain_all_pages();
    for (const zone of populatedZones(k)) {
      for (const cpu of cpus) {
        for (const list of [PCP_HOT, PCP_COLD]) expect(pcpList(k, zone, cpu.cpu, list)).toEqual([]);
      }
    }
    for (const pfn of taken) cpus[0].__free_page(pfn);
    cpus[0].drain_all_pages();
    expect(freeMemoryFaults(k)).toEqual([]);
  });
});

describe('remote lists', () => {
  const tick = (cpu: Kernel, rounds: number): void => {
    for (let i = 0; i < rounds; i++) refresh_cpu_vm_stats(cpu);
  };

  test('that are not used for three rounds give a batch back from each list', () => {
    const { k, cpus, local, remote } = machine();
    const pages = Array.from({ length: 40 }, () => cpus[2].alloc_page(GFP_KERNEL));
    cpus[2].drain_local_pages();
    for (const pfn of pages.slice(0, 30)) cpus[0].__free_page(pfn);
    for (const pfn of pages.slice(30)) cpus[0].free_cold_page(pfn);
    cpus[0].alloc_page(GFP_KERNEL);
    cpus[0].alloc_pages_node(1, GFP_KERNEL, 3);
    tick(cpus[0], 3);
    expect(pcpList(k, remote, 0, PCP_HOT)).toHaveLength(30);
    tick(cpus[0], 1);
    // The coldest went.
    expect(pcpList(k, remote, 0, PCP_HOT)).toEqual(pages.slice(15, 30).toReversed());
    expect(pcpList(k, remote, 0, PCP_COLD)).toHaveLength(3);
    expect(pcpList(k, local, 0, PCP_HOT)).toHaveLength(14);
    tick(cpus[0], 20);
    expect(pcpList(k, remote, 0, PCP_HOT)).toEqual([]);
    expect(pcpList(k, remote, 0, PCP_COLD)).toEqual([]);
    expect(pcpList(k, local, 0, PCP_HOT)).toHaveLength(14);
    expect(freeMemoryFaults(k)).toEqual([]);
  });

  test('that are used stay', () => {
    const { k, cpus, remote } = machine();
    cpus[0].alloc_pages_node(1, GFP_KERNEL, 0);
    for (let round = 0; round < 10; round++) {
      cpus[0].__free_pages(cpus[0].alloc_pages_node(1, GFP_KERNEL, 1), 1);
      cpus[0].alloc_pages_node(1, GFP_KERNEL, 2);
      tick(cpus[0], 2);
    }
    expect(pcpList(k, remote, 0, PCP_HOT)).toHaveLength(14);
  });

  test('are looked after by the clock tick', () => {
    const { k, cpus, remote } = machine();
    cpus[0].alloc_pages_node(1, GFP_KERNEL, 0);
    for (let i = 0; i < 5; i++) {
      raiseInterrupt(k, 0, IRQ_TICK);
      cpus[0].poll();
    }
    expect(pcpList(k, remote, 0, PCP_HOT)).toEqual([]);
  });
});

describe('a free into a zone that reclaim has given up', () => {
  test.each<[string, (k: Kernel, pfn: number) => void, number]>([
    ['of a block', (k, pfn) => k.__free_pages(pfn, 2), 2],
    [
      'of a batch of pages',
      (k, pfn) => {
        k.__free_page(pfn);
        k.drain_local_pages();
      },
      0,
    ],
  ])('%s makes it worth another look', (_, free, order) => {
    const { k, local } = machine();
    const pfn = k.alloc_pages(GFP_KERNEL, order);
    k.i32[local + ZONE.at.all_unreclaimable] = 1;
    k.i32[local + ZONE.at.pages_scanned] = 77;
    free(k, pfn);
    expect([k.i32[local + ZONE.at.all_unreclaimable], k.i32[local + ZONE.at.pages_scanned]]).toEqual([0, 0]);
  });
});

describe('zone statistics', () => {
  test('lag behind by what CPUs have not folded, at most the threshold each, until the tick', () => {
    const { k, cpus, local } = machine();
    const before = zone_page_state(k, local, NR_FREE_PAGES);
    // 2 * fls(4) * (1 + fls(1)): 240 MiB are one unit of 128 MiB.
    for (let i = 0; i < 12; i++) cpus[i % 2].alloc_pages(GFP_KERNEL, 1);
    expect(zone_page_state(k, local, NR_FREE_PAGES)).toBe(before);
    expect(freePages(k, local)).toBe(before - 24);
    cpus[0].alloc_pages(GFP_KERNEL, 1);
    expect(zone_page_state(k, local, NR_FREE_PAGES)).toBe(before - 14);
    expect(freePages(k, local)).toBe(before - 26);
    refresh_cpu_vm_stats(cpus[1]);
    expect(zone_page_state(k, local, NR_FREE_PAGES)).toBe(before - 26);
  });

  test('a negative value reads as 0', () => {
    const { k, local } = machine();
    k.i32[local + ZONE.at.vm_stat + NR_FREE_PAGES] = -3;
    expect(zone_page_state(k, local, NR_FREE_PAGES)).toBe(0);
  });
});
