import { expect } from 'vitest';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { CPU_AREA } from '../../../src/kernel/core/cpu-area.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { set_pageblock_migratetype } from '../../../src/kernel/mm/buddy.js';
import {
  __GFP_NOWARN,
  GFP_HIGHUSER_MOVABLE,
  MIGRATE_MOVABLE,
  MIGRATE_TYPES,
} from '../../../src/kernel/mm/gfp.js';
import { PF_MEMALLOC } from '../../../src/kernel/mm/page-alloc.js';
import { refresh_cpu_vm_stats } from '../../../src/kernel/mm/vmstat-refresh.js';
import { PER_CPU_PAGESET, populatedZones, ZONE } from '../../../src/kernel/mm/zone.js';
import type { Hardware } from '../../../src/arch/hardware.js';
import { bootInProcess, type LoneMachine, twoNodes } from '../../support/boot-in-process.js';

const MIB = 1024 ** 2;

/** One node of x86 with low, high and movable memory, and two CPUs. */
export function withHighMemory(): Hardware {
  return twoNodes(64, {
    arch: 'x86',
    memory: [
      { start: 0, end: 0xa0000, node: 0 },
      { start: MIB, end: 64 * MIB, node: 0 },
    ],
    cpuNodes: [0, 0],
    nodes: 1,
    distances: [[10]],
    zoneLimits: { dma: 16 * MIB, dma32: 16 * MIB, lowmem: 48 * MIB },
    movablecore: 8 * MIB,
  });
}

/** Folds every CPU's statistics, as a clock tick on each would. */
export function foldAll(machine: LoneMachine): void {
  for (const cpu of machine.cpus) refresh_cpu_vm_stats(cpu);
}

/** Takes every page there is, so that what is free afterwards depends on no boot-time allocation. */
function takeAll({ k, cpus }: LoneMachine): Set<number> {
  for (const cpu of cpus) cpu.drain_local_pages();
  const owned = new Set<number>();
  const flags = k.setTaskFlags(PF_MEMALLOC);
  for (;;) {
    const pfn = k.alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_NOWARN);
    if (pfn === 0) break;
    owned.add(pfn);
  }
  k.restoreTaskFlags(flags);
  return owned;
}

/** Every counter at zero, every pageblock movable. */
function forget({ k, cpus }: LoneMachine): void {
  const { i32 } = k;
  for (const zone of populatedZones(k)) {
    for (const { cpu } of cpus) {
      const pageset = i32[zone + ZONE.at.pageset + cpu];
      i32.fill(0, pageset + PER_CPU_PAGESET.at.hit_local, pageset + PER_CPU_PAGESET.at.end);
    }
    const start = i32[zone + ZONE.at.zone_start_pfn];
    const size = 1 << i32[KERNEL.pageblock_order];
    for (let pfn = start; pfn < start + i32[zone + ZONE.at.spanned_pages]; pfn += size) {
      set_pageblock_migratetype(k, zone, pfn, MIGRATE_MOVABLE);
    }
  }
  for (const { area } of cpus) {
    i32.fill(0, area + CPU_AREA.at.pgfree, area + CPU_AREA.at.pgfree + 2);
    i32.fill(0, area + CPU_AREA.at.pgalloc_calls, area + CPU_AREA.at.pgalloc_calls + 2 * MIGRATE_TYPES);
    i32.fill(0, area + CPU_AREA.at.pgalloc_pages, area + CPU_AREA.at.pgalloc_pages + 2 * MIGRATE_TYPES);
  }
}

/** A machine on which nothing is free and nothing has been counted: the start of a golden test. */
export class KnownMachine {
  readonly machine: LoneMachine;
  private readonly owned: Set<number>;

  constructor(hardware: Hardware) {
    this.machine = bootInProcess(hardware);
    this.owned = takeAll(this.machine);
    foldAll(this.machine);
    forget(this.machine);
    // What boot took for itself would show here alone; it changes with every table in the kernel.
    this.machine.k.i32[KERNEL.totalram_pages] = 15000;
  }

  /** Frees single pages on a CPU. */
  free(k: Kernel, first: number, count: number): void {
    for (let pfn = first; pfn < first + count; pfn++) {
      expect(this.owned.delete(pfn)).toBe(true);
      k.__free_page(pfn);
    }
  }
}
