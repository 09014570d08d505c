import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ZONE_DMA, ZONE_HIGHMEM, ZONE_MOVABLE, ZONE_NORMAL } from '../../../src/arch/address-space.js';
import type { Cpu } from '../../../src/kernel/core/cpu.js';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { get_pageblock_migratetype } from '../../../src/kernel/mm/buddy.js';
import { MIGRATE_MOVABLE, MIGRATE_RESERVE, MIGRATE_UNMOVABLE } from '../../../src/kernel/mm/gfp.js';
import {
  init_per_zone_pages_min,
  refresh_zone_stat_thresholds,
  setup_pagesets,
  setup_per_zone_lowmem_reserve,
  setup_per_zone_pages_min,
  zone_batchsize,
} from '../../../src/kernel/mm/zone-setup.js';
import { PER_CPU_PAGES, PER_CPU_PAGESET, populatedZones, ZONE, zoneOf } from '../../../src/kernel/mm/zone.js';
import type { PresetName } from '../../../src/machine/presets.js';
import { bootInProcess, twoNodes } from '../../support/boot-in-process.js';
import { mib, preset, x64Nodes, x86Zones } from '../../support/hardware.js';
import {
  drainAll,
  freeBlocks,
  freeMemoryFaults,
  freePages,
  pcpOf,
  zoneByLabel,
  zoneLabel,
} from '../../support/zones.js';

const at = ZONE.at;

/** Makes zones look as large as a test wants, and works everything out again. */
function resize(k: Cpu, pages: Record<string, number>): void {
  for (const [label, present] of Object.entries(pages)) {
    k.i32[zoneByLabel(k, label) + at.present_pages] = present;
    k.i32[zoneByLabel(k, label) + at.pages_high] = 0;
  }
  init_per_zone_pages_min(k);
}

function marks(k: Cpu, label: string): number[] {
  const zone = zoneByLabel(k, label);
  return [at.pages_min, at.pages_low, at.pages_high].map((field) => k.i32[zone + field]);
}

function reserve(k: Cpu, label: string, ...types: number[]): number[] {
  const zone = zoneByLabel(k, label);
  return types.map((type) => k.i32[zone + at.lowmem_reserve + type]);
}

describe('watermarks', () => {
  test('the vector of a PC with 4096 pages of DMA and 225280 of Normal', () => {
    const { k } = bootInProcess(x86Zones(4, 4, 4));
    resize(k, { '0:DMA': 4096, '0:Normal': 225280, '0:HighMem': 32768 });
    expect(k.i32[KERNEL.min_free_kbytes]).toBe(3831);
    expect(marks(k, '0:DMA')).toEqual([17, 21, 25]);
    expect(marks(k, '0:Normal')).toEqual([939, 1173, 1408]);
    // A quarter and a half of its uncapped share of 136 pages above its minimum of 1/1024.
    expect(marks(k, '0:HighMem')).toEqual([32, 32 + (136 >> 2), 32 + (136 >> 1)]);
  });

  test.each([
    [16, 512],
    [32, 724],
    [64, 1024],
    [128, 1448],
    [256, 2048],
    [512, 2896],
    [1024, 4096],
    [2048, 5792],
    [4096, 8192],
    [16384, 16384],
  ])('%i MiB of low memory make min_free_kbytes %i', (lowmem, kbytes) => {
    const { k } = bootInProcess(x86Zones(4, 4, 4));
    resize(k, { '0:DMA': 1024, '0:Normal': lowmem * 256 - 1024 });
    expect(k.i32[KERNEL.min_free_kbytes]).toBe(kbytes);
  });

  test('min_free_kbytes stays between 128 and 65536', () => {
    const { k } = bootInProcess(x86Zones(4, 4, 4));
    resize(k, { '0:DMA': 100, '0:Normal': 100 });
    expect(k.i32[KERNEL.min_free_kbytes]).toBe(128);
    resize(k, { '0:Normal': 2 ** 28 });
    expect(k.i32[KERNEL.min_free_kbytes]).toBe(65536);
  });

  test.each([
    [1024, 32],
    [40960, 40],
    [10 ** 6, 128],
  ])('HighMem of %i pages keeps at least %i', (pages, min) => {
    const { k } = bootInProcess(x86Zones(4, 4, 4));
    resize(k, { '0:HighMem': pages });
    expect(marks(k, '0:HighMem')[0]).toBe(min);
  });

  test('min_free_kbytes counts what one node can get with GFP_USER: all nodes, once', () => {
    const { k } = bootInProcess(x64Nodes(2, 32, 8, 16));
    const pages = populatedZones(k).reduce((sum, zone) => sum + k.i32[zone + at.present_pages], 0);
    expect(k.i32[KERNEL.min_free_kbytes]).toBe(Math.floor(Math.sqrt(pages * 4 * 16)));
  });

  test('high memory and what lies above it take no part in the shares of low memory', () => {
    const { k } = bootInProcess(preset('tiny'));
    resize(k, { '0:DMA': 1000, '0:Normal': 3000, '0:HighMem': 10 ** 6, '0:Movable': 10 ** 6 });
    const quota = k.i32[KERNEL.min_free_kbytes] >> 2;
    expect(marks(k, '0:DMA')[0]).toBe(Math.floor((quota * 1000) / 4000));
    expect(marks(k, '0:Normal')[0]).toBe(Math.floor((quota * 3000) / 4000));
    expect([marks(k, '0:HighMem')[0], marks(k, '0:Movable')[0]]).toEqual([128, 128]);
  });

  test('totalreserve is the sum of the high marks', () => {
    const { k } = bootInProcess();
    const sum = populatedZones(k).reduce((total, zone) => total + k.i32[zone + at.pages_high], 0);
    expect(k.i32[KERNEL.totalreserve_pages]).toBe(sum);
  });
});

describe('lowmem_reserve', () => {
  test('the vector of 4096, 225280 and 32768 pages', () => {
    const { k } = bootInProcess(x86Zones(4, 4, 4));
    resize(k, { '0:DMA': 4096, '0:Normal': 225280, '0:HighMem': 32768 });
    expect(reserve(k, '0:DMA', ZONE_DMA, ZONE_NORMAL, ZONE_HIGHMEM)).toEqual([0, 880, 1008]);
    expect(reserve(k, '0:Normal', ZONE_NORMAL, ZONE_HIGHMEM)).toEqual([0, 1024]);
    expect(reserve(k, '0:HighMem', ZONE_HIGHMEM)).toEqual([0]);
  });

  test('a node keeps nothing back from zones of other nodes', () => {
    const { k } = bootInProcess(x64Nodes(2, 32, 8, 16));
    expect(reserve(k, '0:DMA', ZONE_NORMAL)[0]).toBeGreaterThan(0);
    expect(reserve(k, '1:Normal', ZONE_DMA, ZONE_NORMAL, ZONE_MOVABLE)).toEqual([0, 0, 0]);
  });

  test('a smaller ratio keeps more; 1 is the least', () => {
    const { k } = bootInProcess(x86Zones(4, 4, 4));
    resize(k, { '0:DMA': 4096, '0:Normal': 1000, '0:HighMem': 500 });
    k.i32.fill(0, KERNEL.lowmem_reserve_ratio, KERNEL.lowmem_reserve_ratio + 4);
    setup_per_zone_lowmem_reserve(k);
    expect(reserve(k, '0:DMA', ZONE_NORMAL, ZONE_HIGHMEM)).toEqual([1000, 1500]);
  });
});

interface Measured {
  readonly machine: string;
  readonly preset: PresetName;
  readonly zones: Record<string, number>;
  readonly min: readonly Record<string, number>[];
  readonly low: readonly Record<string, number>[];
  readonly protection: readonly {
    readonly ratio: readonly number[];
    readonly [label: string]: readonly number[];
  }[];
  readonly batch: Record<string, number>;
}

const MEASURED = JSON.parse(
  readFileSync(new URL('../../fixtures/real-linux/watermarks.json', import.meta.url), 'utf8'),
) as Measured[];

describe.each(MEASURED)('as a real kernel has it: $machine', (real) => {
  const { k } = bootInProcess(preset(real.preset));
  resize(k, real.zones);

  test.each([
    ['min', real.min, at.pages_min],
    ['low', real.low, at.pages_low],
  ] as const)('the %s marks', (_, settings, field) => {
    for (const { min_free_kbytes: kbytes, ...expected } of settings) {
      k.i32[KERNEL.min_free_kbytes] = kbytes;
      setup_per_zone_pages_min(k);
      for (const [label, mark] of Object.entries(expected)) {
        expect([label, kbytes, k.i32[zoneByLabel(k, label) + field]]).toEqual([label, kbytes, mark]);
      }
    }
  });

  test('what zones keep from requests for higher zones', () => {
    for (const { ratio, ...expected } of real.protection) {
      ratio.forEach((value, type) => (k.i32[KERNEL.lowmem_reserve_ratio + type] = value));
      setup_per_zone_lowmem_reserve(k);
      for (const [label, protection] of Object.entries(expected)) {
        expect([label, ...reserve(k, label, ...protection.keys())]).toEqual([label, ...protection]);
      }
    }
  });

  test('the batch of the per-CPU lists', () => {
    for (const [label, batch] of Object.entries(real.batch)) {
      expect([label, Math.max(1, zone_batchsize(real.zones[label]))]).toEqual([label, batch]);
    }
  });
});

describe('per-CPU list sizes', () => {
  test.each([
    [880, 31],
    [512, 31],
    [256, 15],
    [128, 7],
    [64, 3],
    [16, 0],
    [4, 0],
    [65536, 31],
  ])('a zone of %i MiB has batch size %i', (size, batch) => {
    expect(zone_batchsize(size * 256)).toBe(batch);
  });

  test.each([
    [880, { high: 186, batch: 31 }, { high: 62, batch: 15 }],
    [64, { high: 18, batch: 3 }, { high: 6, batch: 1 }],
    [16, { high: 0, batch: 1 }, { high: 0, batch: 1 }],
  ])('in a zone of %i MiB the hot list has %o and the cold one %o', (size, hot, cold) => {
    const { k } = bootInProcess();
    for (const zone of populatedZones(k)) k.i32[zone + at.present_pages] = size * 256;
    setup_pagesets(k, 1, k.i32[zoneByLabel(k, '0:DMA') + at.pageset + 1]);
    for (const [list, expected] of [hot, cold].entries()) {
      const pcp = pcpOf(k, zoneByLabel(k, '1:DMA32'), 1, list);
      expect(k.i32[pcp + PER_CPU_PAGES.at.high]).toBe(expected.high);
      expect(k.i32[pcp + PER_CPU_PAGES.at.batch]).toBe(expected.batch);
    }
  });
});

describe('statistics thresholds', () => {
  // min(125, 2 * fls(cpus) * (1 + fls(zone size in units of 128 MiB)))
  test.each([
    [4, 32, 6],
    [4, 128, 12],
    [4, 256, 18],
    [4, 1024, 30],
    [64, 32, 14],
    [64, 2 ** 22, 125],
  ])('%i CPUs, a zone of %i MiB: %i', (cpus, size, threshold) => {
    const cpuNodes = Array.from({ length: cpus }, (_, cpu) => cpu & 1);
    const { k, hardware } = bootInProcess(twoNodes(32, { cpuNodes }));
    const zone = zoneByLabel(k, '1:DMA32');
    k.i32[zone + at.present_pages] = size * 256;
    refresh_zone_stat_thresholds(k);
    for (let cpu = 0; cpu < hardware.cpuNodes.length; cpu++) {
      expect(k.i32[k.i32[zone + at.pageset + cpu] + PER_CPU_PAGESET.at.stat_threshold]).toBe(threshold);
    }
  });

  test('a CPU more or less changes them', () => {
    const { k } = bootInProcess(twoNodes(32, { cpuNodes: [0] }));
    const set = k.i32[zoneByLabel(k, '1:DMA32') + at.pageset];
    expect(k.i32[set + PER_CPU_PAGESET.at.stat_threshold]).toBe(2);
  });
});

describe('zones', () => {
  /** Label, first frame, frames spanned, frames present. */
  function table(k: Cpu): [string, number, number, number][] {
    return populatedZones(k).map((zone) => [
      zoneLabel(k, zone),
      k.i32[zone + at.zone_start_pfn],
      k.i32[zone + at.spanned_pages],
      k.i32[zone + at.present_pages],
    ]);
  }

  test.each<[PresetName, [string, number, number, number][]]>([
    [
      'tiny',
      [
        ['0:DMA', 0, 1024, 928],
        ['0:Normal', 1024, 1024, 1024],
        ['0:HighMem', 2048, 1024, 1024],
        ['0:Movable', 3072, 1024, 1024],
      ],
    ],
    [
      'x86-1g',
      [
        ['0:DMA', 0, 4096, 4000],
        ['0:Normal', 4096, 225280, 225280],
        ['0:HighMem', 229376, 32768, 32768],
      ],
    ],
    [
      'x86_64-numa2',
      [
        ['0:DMA', 0, 4096, 4000],
        ['0:DMA32', 4096, 61440, 61440],
        ['1:DMA32', 65536, 65536, 65536],
      ],
    ],
    [
      'memoryless',
      [
        ['0:DMA', 0, 4096, 4000],
        ['0:DMA32', 4096, 61440, 61440],
        ['2:DMA32', 65536, 65536, 65536],
      ],
    ],
  ])('of %s: spanned counts holes, present does not', (name, expected) => {
    const { k } = bootInProcess(preset(name));
    expect(table(k)).toEqual(expected);
    expect(freeMemoryFaults(k)).toEqual([]);
  });

  test('x86_64 has Normal above 4 GiB', () => {
    const { k } = bootInProcess(twoNodes(8, { memory: [mib(0, 0, 24), mib(1, 4092, 4104)] }));
    expect(table(k)).toEqual([
      ['0:DMA', 0, 4096, 4096],
      ['0:DMA32', 4096, 2048, 2048],
      ['1:DMA32', 2 ** 20 - 1024, 1024, 1024],
      ['1:Normal', 2 ** 20, 2048, 2048],
    ]);
    expect(freeMemoryFaults(k)).toEqual([]);
  });

  test('a hole inside a zone is spanned, and never freed', () => {
    const { k } = bootInProcess(twoNodes(8, { memory: [mib(0, 0, 18), mib(0, 19, 32), mib(1, 40, 48)] }));
    const zone = zoneByLabel(k, '0:DMA32');
    expect(k.i32[zone + at.spanned_pages]).toBe(16 * 256);
    expect(k.i32[zone + at.present_pages]).toBe(15 * 256);
    for (const { pfn, order } of freeBlocks(k, zone)) {
      expect(pfn + 2 ** order <= 18 * 256 || pfn >= 19 * 256).toBe(true);
    }
    expect(freeMemoryFaults(k)).toEqual([]);
  });

  test('free memory, page lists and what boot kept are all of what is present', () => {
    const { k, cpus } = bootInProcess(preset('x86_64-numa2'));
    drainAll(cpus);
    const free = populatedZones(k).reduce((sum, zone) => sum + freePages(k, zone), 0);
    expect(free).toBe(k.i32[KERNEL.totalram_pages]);
    const present = populatedZones(k).reduce((sum, zone) => sum + k.i32[zone + at.present_pages], 0);
    expect(k.i32[KERNEL.vm_total_pages]).toBe(present);
    expect(free).toBeLessThan(present);
    expect(free).toBeGreaterThan(present * 0.95);
  });

  test('frame 0 is never free: it is NULL', () => {
    for (const name of ['tiny', 'x86_64-numa2'] as const) {
      const { k, cpus } = bootInProcess(preset(name));
      drainAll(cpus);
      expect(freeBlocks(k, zoneByLabel(k, '0:DMA')).map((block) => block.pfn)).not.toContain(0);
    }
  });

  test('nodes may alternate in physical memory', () => {
    const memory = [mib(0, 0, 24), mib(1, 24, 32), mib(0, 32, 40), mib(1, 40, 48)];
    const { k, cpus } = bootInProcess(twoNodes(8, { memory }));
    expect(table(k)).toEqual([
      ['0:DMA', 0, 4096, 4096],
      ['0:DMA32', 4096, 6144, 4096],
      ['1:DMA32', 6144, 6144, 4096],
    ]);
    drainAll(cpus);
    expect(freeMemoryFaults(k)).toEqual([]);
    for (const [nid, ranges] of [
      [
        0,
        [
          [4096, 6144],
          [8192, 10240],
        ],
      ],
      [
        1,
        [
          [6144, 8192],
          [10240, 12288],
        ],
      ],
    ] as const) {
      for (const { pfn } of freeBlocks(k, zoneByLabel(k, `${nid}:DMA32`))) {
        expect(ranges.some(([start, end]) => pfn >= start && pfn < end)).toBe(true);
        expect(k.page_to_nid(pfn)).toBe(nid);
      }
    }
  });
});

describe('ZONE_MOVABLE', () => {
  test('takes the end of the highest zone', () => {
    const { k } = bootInProcess(x86Zones(4, 4, 16, { movablecore: 8 * 1024 ** 2 }));
    expect(populatedZones(k).map((zone) => zoneLabel(k, zone))).toEqual([
      '0:DMA',
      '0:Normal',
      '0:HighMem',
      '0:Movable',
    ]);
    const movable = zoneByLabel(k, '0:Movable');
    expect(k.i32[movable + at.zone_start_pfn]).toBe(16 * 256);
    expect(k.i32[movable + at.present_pages]).toBe(8 * 256);
    expect(k.i32[zoneByLabel(k, '0:HighMem') + at.spanned_pages]).toBe(8 * 256);
  });

  test('is spread over the nodes, and begins where a largest block can', () => {
    const { k } = bootInProcess(x64Nodes(2, 32, 4, 4, { movablecore: 16 * 1024 ** 2 }));
    // Each node keeps 24 MiB for the kernel, less its half of the hole below 1 MiB.
    expect(k.i32[zoneByLabel(k, '0:Movable') + at.present_pages]).toBe(4 * 256);
    expect(k.i32[zoneByLabel(k, '1:Movable') + at.present_pages]).toBe(8 * 256);
  });

  test('does not exist unless asked for', () => {
    const { k } = bootInProcess();
    expect(k.i32[zoneOf(k, 0, ZONE_MOVABLE) + at.present_pages]).toBe(0);
  });
});

describe('pageblocks', () => {
  function types(k: Cpu, label: string): number[] {
    const zone = zoneByLabel(k, label);
    const size = 1 << k.i32[KERNEL.pageblock_order];
    const start = k.i32[zone + at.zone_start_pfn];
    const count = k.i32[zone + at.nr_pageblocks];
    return Array.from({ length: count }, (_, i) => get_pageblock_migratetype(k, zone, start + i * size));
  }

  test('begin as movable, but for the first usable ones: as many as pages_min needs are the reserve', () => {
    const { k } = bootInProcess(preset('x86_64-numa2'));
    const zone = zoneByLabel(k, '1:DMA32');
    expect(k.i32[zone + at.nr_pageblocks]).toBe(128);
    // Which of them are usable depends on what boot keeps there; pages_min is less than one block.
    expect(k.i32[zone + at.pages_min]).toBeLessThan(512);
    expect(types(k, '1:DMA32').filter((type) => type === MIGRATE_RESERVE)).toHaveLength(1);
    expect(types(k, '1:DMA32').filter((type) => type === MIGRATE_MOVABLE)).toHaveLength(127);
    for (const each of populatedZones(k)) {
      for (const { pfn, type } of freeBlocks(k, each)) {
        expect(type).toBe(get_pageblock_migratetype(k, each, pfn));
      }
    }
  });

  test('the reserve grows and shrinks with min_free_kbytes, and its free blocks go with it', () => {
    const { k } = bootInProcess(preset('x86_64-numa2'));
    const zone = zoneByLabel(k, '1:DMA32');
    for (const kbytes of [65536, 8192, 16384, 128]) {
      k.i32[KERNEL.min_free_kbytes] = kbytes;
      setup_per_zone_pages_min(k);
      const blocks = Math.ceil(Math.floor(((kbytes / 4) * 65536) / (65536 + 61440 + 4000)) / 512);
      expect(types(k, '1:DMA32').filter((type) => type === MIGRATE_RESERVE)).toHaveLength(blocks);
      for (const { pfn, type } of freeBlocks(k, zone)) {
        expect(type).toBe(get_pageblock_migratetype(k, zone, pfn));
      }
      expect(freeMemoryFaults(k)).toEqual([]);
    }
  });

  test('are not grouped on a machine of fewer than five of them', () => {
    for (const [hardware, grouped] of [
      [twoNodes(4, { memory: [mib(0, 0, 6), mib(1, 8, 11)] }), false],
      [twoNodes(4, { memory: [mib(0, 0, 6), mib(1, 8, 12)] }), true],
      [preset('tiny'), false],
    ] as const) {
      const { k } = bootInProcess(hardware);
      expect(k.i32[KERNEL.page_group_by_mobility_disabled]).toBe(grouped ? 0 : 1);
      const all = populatedZones(k).flatMap((zone) => types(k, zoneLabel(k, zone)));
      if (grouped) expect(new Set(all)).toEqual(new Set([MIGRATE_MOVABLE, MIGRATE_RESERVE]));
      else expect(new Set(all)).toEqual(new Set([MIGRATE_UNMOVABLE]));
    }
  });
});
