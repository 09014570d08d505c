import { describe, expect, test } from 'vitest';
import { freeBlocks } from '../../../src/kernel/fs/free-blocks.js';
import { globalNumaCounters, nodeNumaCounters } from '../../../src/kernel/fs/numa-counters.js';
import { pgalloc, pgfree } from '../../../src/kernel/fs/vm-events.js';
import {
  __GFP_COLD,
  __GFP_NOWARN,
  GFP_DMA,
  GFP_HIGHUSER,
  GFP_KERNEL,
  GFP_TEMPORARY,
} from '../../../src/kernel/mm/gfp.js';
import {
  NR_FREE_PAGES,
  PCP_COLD,
  PCP_HOT,
  PER_CPU_PAGES,
  populatedZones,
  ZONE,
} from '../../../src/kernel/mm/zone.js';
import { bootInProcess, type LoneMachine, twoNodes } from '../../support/boot-in-process.js';
import { foldAll, withHighMemory } from './known-machine.js';

/** Pages ever allocated less pages ever freed, by the event counters. */
function allocatedByEvents({ k }: LoneMachine): number {
  let pages = -pgfree(k);
  for (const type of k.space.zoneTypes) pages += pgalloc(k, type);
  return pages;
}

/** Pages on the lists of all CPUs. */
function listedPages({ k, cpus }: LoneMachine): number {
  let pages = 0;
  for (const zone of populatedZones(k)) {
    for (const { cpu } of cpus) {
      for (const list of [PCP_HOT, PCP_COLD]) {
        const pcp = k.i32[zone + ZONE.at.pageset + cpu] + list * PER_CPU_PAGES.words;
        pages += k.i32[pcp + PER_CPU_PAGES.at.count];
      }
    }
  }
  return pages;
}

/** Allocates and frees pages of all kinds on all CPUs; the pages that stay allocated. */
function churn(machine: LoneMachine, calls: number): number {
  const { cpus } = machine;
  const masks = [GFP_KERNEL, GFP_HIGHUSER, GFP_TEMPORARY, GFP_KERNEL | GFP_DMA, GFP_HIGHUSER | __GFP_COLD];
  const live: { pfn: number; order: number }[] = [];
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 1;
    return (seed >>> 8) % below;
  };
  for (let i = 0; i < calls; i++) {
    const k = cpus[random(cpus.length)];
    if (live.length > 0 && random(5) < 2) {
      const [{ pfn, order }] = live.splice(random(live.length), 1);
      if (order === 0 && random(4) === 0) k.free_cold_page(pfn);
      else k.__free_pages(pfn, order);
      continue;
    }
    const order = random(3) === 0 ? random(7) : 0;
    const node = random(machine.hardware.nodes);
    const pfn = k.alloc_pages_node(node, masks[random(masks.length)] | __GFP_NOWARN, order);
    if (pfn !== 0) live.push({ pfn, order });
  }
  return live.reduce((pages, { order }) => pages + 2 ** order, 0);
}

describe.each([
  ['two nodes', twoNodes()],
  ['high memory', withHighMemory()],
])('counters of a machine with %s', (_, hardware) => {
  const machine = bootInProcess(hardware);
  const { k } = machine;
  const allocatedAtBoot = allocatedByEvents(machine);
  const live = churn(machine, 5000);
  foldAll(machine);

  test('what was allocated and not freed is allocated', () => {
    expect(live).toBeGreaterThan(1000);
    expect(allocatedByEvents(machine) - allocatedAtBoot).toBe(live);
  });

  test('what is free was freed, by boot or later, and is in a free list or on the list of a CPU', () => {
    const free = Number(/^nr_free_pages (\d+)$/m.exec(k.cat('/proc/vmstat'))![1]);
    expect(-allocatedByEvents(machine)).toBe(free + listedPages(machine));
  });

  test('the blocks of buddyinfo add up to the free pages of zoneinfo, vmstat and meminfo', () => {
    let sum = 0;
    const free = [...k.cat('/proc/zoneinfo').matchAll(/pages free +(\d+)/g)].map((match) => Number(match[1]));
    for (const [i, zone] of populatedZones(k).entries()) {
      const pages = freeBlocks(k, zone).reduce((all, count, order) => all + count * 2 ** order, 0);
      expect(pages).toBe(free[i]);
      expect(pages).toBe(k.i32[zone + ZONE.at.vm_stat + NR_FREE_PAGES]);
      sum += pages;
    }
    expect(k.cat('/proc/vmstat')).toContain(`nr_free_pages ${sum}\n`);
    expect(k.cat('/proc/meminfo')).toMatch(new RegExp(`^MemFree: +${sum * 4} kB$`, 'm'));
  });

  test('pagetypeinfo adds up to buddyinfo', () => {
    const sums = new Map<string, number[]>();
    const rows = k.cat('/proc/pagetypeinfo').matchAll(/^Node +(\d+), zone +(\w+), type +\w+ (.*)$/gm);
    for (const [, nid, zone, rest] of rows) {
      const counts = rest.trim().split(/ +/).map(Number);
      const sum = sums.get(`${nid} ${zone}`) ?? counts.map(() => 0);
      sums.set(
        `${nid} ${zone}`,
        sum.map((count, order) => count + counts[order]),
      );
    }
    const buddies = k.cat('/proc/buddyinfo').matchAll(/^Node (\d+), zone +(\w+) (.*)$/gm);
    for (const [, nid, zone, rest] of buddies) {
      expect(sums.get(`${nid} ${zone}`)).toEqual(rest.trim().split(/ +/).map(Number));
    }
  });

  test('every allocation is a hit or a miss, and local or not', () => {
    for (let nid = 0; nid < hardware.nodes; nid++) {
      const numa = nodeNumaCounters(k, nid);
      expect(numa.numa_hit + numa.numa_miss).toBe(numa.local_node + numa.other_node);
    }
    const all = globalNumaCounters(k);
    expect(all.numa_miss).toBe(all.numa_foreign);
    expect(all.numa_hit).toBeGreaterThan(0);
    const stat = k.cat('/proc/vmstat');
    expect(stat).toContain(`\nnuma_hit ${all.numa_hit}\nnuma_miss ${all.numa_miss}\n`);
  });

  test('meminfo of the nodes adds up to the free memory of the machine', () => {
    let free = 0;
    for (let nid = 0; nid < hardware.nodes; nid++) {
      const text = k.cat(`/sys/devices/system/node/node${nid}/meminfo`);
      free += Number(/MemFree: +(\d+) kB/.exec(text)![1]);
    }
    expect(k.cat('/proc/meminfo')).toMatch(new RegExp(`^MemFree: +${free} kB$`, 'm'));
  });
});
