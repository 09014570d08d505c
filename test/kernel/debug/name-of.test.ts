import { describe, expect, test } from 'vitest';
import { CPU_AREA } from '../../../src/kernel/core/cpu-area.js';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { TASK } from '../../../src/kernel/core/task-struct.js';
import { cpuTask } from '../../../src/kernel/core/tasks.js';
import { PAGE, pageOf } from '../../../src/kernel/mm/page.js';
import { frameWord } from '../../../src/kernel/mm/address.js';
import {
  FREE_AREA,
  freeArea,
  NODE_DATA,
  PER_CPU_PAGES,
  PER_CPU_PAGESET,
  PG_DATA,
  ZONE,
} from '../../../src/kernel/mm/zone.js';
import { bootInProcess } from '../../support/boot-in-process.js';
import { pcpOf, zoneByLabel } from '../../support/zones.js';

describe('names of image words', () => {
  const { k } = bootInProcess();
  const zone = zoneByLabel(k, '0:DMA32');

  test('zone fields, with their node and zone', () => {
    expect(k.nameOf(freeArea(zone, 3) + FREE_AREA.at.nr_free)).toBe(
      'node 0, zone DMA32, free_area[3].nr_free',
    );
    expect(k.nameOf(zone + ZONE.at.lock)).toBe('node 0, zone DMA32, lock');
    expect(k.nameOf(zoneByLabel(k, '1:DMA32') + ZONE.at.lowmem_reserve + 2)).toBe(
      'node 1, zone DMA32, lowmem_reserve[2]',
    );
    const list = freeArea(zone, 10) + FREE_AREA.at.free_list + 2 * 2 + 1;
    expect(k.nameOf(list)).toBe('node 0, zone DMA32, free_area[10].free_list[2].prev');
  });

  test('node fields', () => {
    expect(k.nameOf(NODE_DATA(k, 1) + PG_DATA.at.node_start_pfn)).toBe('node 1, node_start_pfn');
  });

  test('struct pages, by frame', () => {
    expect(k.nameOf(pageOf(k.i32, 0x1a2f) + PAGE.at._count)).toBe('page 0x1a2f _count');
    expect(k.nameOf(pageOf(k.i32, 0x2001) + PAGE.at.lru + 1)).toBe('page 0x2001 lru.prev');
  });

  test('CPU areas, page sets and static data', () => {
    const area = k.i32[KERNEL.cpu_area + 2];
    expect(k.nameOf(area + CPU_AREA.at.preempt_count)).toBe('cpu 2, preempt_count');
    expect(k.nameOf(KERNEL.cpu_online_map + 1)).toBe('cpu_online_map[1]');
    expect(k.nameOf(pcpOf(k, zone, 3, 1) + PER_CPU_PAGES.at.batch)).toBe(
      'node 0, zone DMA32, cpu 3 pageset.pcp[1].batch',
    );
    expect(k.nameOf(pcpOf(k, zone, 3, 0) + PER_CPU_PAGESET.at.numa_foreign)).toBe(
      'node 0, zone DMA32, cpu 3 pageset.numa_foreign',
    );
  });

  test('tasks, by name and pid', () => {
    const task = cpuTask(k, 0);
    expect(k.nameOf(task + TASK.at.exit_wait)).toBe('task run/0:1, exit_wait[0]');
    expect(k.nameOf(task + TASK.words + 3)).toBe('task run/0:1, private zonelists');
  });

  test('plain memory, by physical address', () => {
    expect(k.nameOf(frameWord(k, 0x3000) + 4)).toBe('memory 0x3000010');
    expect(k.nameOf(k.i32.length + 5)).toBe(`image word ${k.i32.length + 5}`);
  });
});
