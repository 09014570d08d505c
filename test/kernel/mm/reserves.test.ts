import { test as propertyTest, fc } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { CPU_AREA, IRQ_TICK } from '../../../src/kernel/core/cpu-area.js';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { readLog } from '../../../src/kernel/core/printk.js';
import { raiseInterrupt } from '../../../src/kernel/cpu/raise-interrupt.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import {
  __GFP_HIGH,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_REPEAT,
  __GFP_WAIT,
  GFP_ATOMIC,
  GFP_DMA,
  GFP_HIGHUSER,
  GFP_KERNEL,
  GFP_NOFS,
  GFP_NOIO,
  GFP_NOWAIT,
  GFP_USER,
} from '../../../src/kernel/mm/gfp.js';
import { PF_MEMALLOC } from '../../../src/kernel/mm/page-alloc.js';
import {
  ALLOC_HARDER,
  ALLOC_HIGH,
  ALLOC_WMARK_MIN,
  zone_watermark_ok,
} from '../../../src/kernel/mm/watermark.js';
import { setup_per_zone_pages_min } from '../../../src/kernel/mm/zone-setup.js';
import { FREE_AREA, freeArea, NR_FREE_PAGES, populatedZones, ZONE } from '../../../src/kernel/mm/zone.js';
import { bootInProcess, type LoneMachine } from '../../support/boot-in-process.js';
import { exhaust } from '../../support/exhaust.js';
import { debug, preset, x86Zones } from '../../support/hardware.js';
import { freeMemoryFaults, freePages, zoneByLabel, zoneLabel } from '../../support/zones.js';

/** DMA and Normal of 8 MiB, HighMem of 16 MiB: every refill is one page, so each count below is exact. */
function machine(kbytes = 2222): LoneMachine {
  const booted = bootInProcess(x86Zones(8, 8, 16, { debug: debug(), cpuNodes: [0, 0] }));
  booted.k.i32[KERNEL.min_free_kbytes] = kbytes;
  setup_per_zone_pages_min(booted.k);
  return booted;
}

/** Free pages of each zone, or what the rule says they are when requests of a class fail. */
function free(k: Kernel): Record<string, number> {
  return Object.fromEntries(populatedZones(k).map((zone) => [zoneLabel(k, zone), freePages(k, zone)]));
}

function mark(k: Kernel, label: string, highest: number, part: (min: number) => number): number {
  const zone = zoneByLabel(k, label);
  return part(k.i32[zone + ZONE.at.pages_min]) + k.i32[zone + ZONE.at.lowmem_reserve + highest];
}

const whole = (min: number): number => min;
const half = (min: number): number => min - Math.floor(min / 2);
const lessQuarter = (min: number): number => min - Math.floor(min / 4);

describe('how deep requests dig, to the page', () => {
  test.each([
    ['GFP_KERNEL: the minimum', GFP_KERNEL, 0, whole],
    ['GFP_USER: the minimum', GFP_USER, 0, whole],
    ['GFP_NOFS: the minimum', GFP_NOFS, 0, whole],
    ['GFP_NOIO: the minimum', GFP_NOIO, 0, whole],
    ['GFP_KERNEL with NORETRY: the minimum', GFP_KERNEL | __GFP_NORETRY, 0, whole],
    ['GFP_KERNEL with REPEAT: the minimum', GFP_KERNEL | __GFP_REPEAT, 0, whole],
    ['GFP_NOWAIT: 3/4 of it', GFP_NOWAIT, 0, lessQuarter],
    ['GFP_ATOMIC: 3/8 of it', GFP_ATOMIC, 0, (min: number) => lessQuarter(half(min))],
    ['GFP_KERNEL with HIGH: half of it', GFP_KERNEL | __GFP_HIGH, 0, half],
    ['PF_MEMALLOC with NOMEMALLOC: the minimum', GFP_KERNEL | __GFP_NOMEMALLOC, PF_MEMALLOC, whole],
    [
      'PF_MEMALLOC with ATOMIC and NOMEMALLOC: 3/8',
      GFP_ATOMIC | __GFP_NOMEMALLOC,
      PF_MEMALLOC,
      (min: number) => lessQuarter(half(min)),
    ],
  ])('%s', (_, mask, taskFlags, part) => {
    const { k } = machine();
    const before = free(k);
    k.setTaskFlags(taskFlags);
    exhaust(k, () => k.alloc_page(mask | __GFP_NOWARN));
    expect(free(k)).toEqual({
      '0:DMA': mark(k, '0:DMA', 2, part),
      '0:Normal': mark(k, '0:Normal', 2, part),
      '0:HighMem': before['0:HighMem'],
    });
    expect(freeMemoryFaults(k)).toEqual([]);
  });

  test('PF_MEMALLOC takes the last page of every zone it may use', () => {
    const { k } = machine();
    const before = free(k);
    k.setTaskFlags(PF_MEMALLOC);
    exhaust(k, () => k.alloc_page(GFP_KERNEL | __GFP_NOWARN));
    expect(free(k)).toEqual({ ...before, '0:DMA': 0, '0:Normal': 0 });
  });

  test('PF_MEMALLOC means nothing in an interrupt', () => {
    const { k } = machine();
    k.setTaskFlags(PF_MEMALLOC);
    k.local_bh_disable();
    exhaust(k, () => k.alloc_page(GFP_ATOMIC | __GFP_NOWARN));
    k.local_bh_enable();
    expect(free(k)['0:Normal']).toBe(mark(k, '0:Normal', 2, (min) => lessQuarter(half(min))));
  });

  test('lower zones keep more from requests for higher ones', () => {
    const { k } = machine();
    exhaust(k, () => k.alloc_page(GFP_HIGHUSER | __GFP_NOWARN));
    const high = free(k);
    expect(high).toEqual({
      '0:DMA': mark(k, '0:DMA', 3, whole),
      '0:Normal': mark(k, '0:Normal', 3, whole),
      '0:HighMem': mark(k, '0:HighMem', 3, whole),
    });
    exhaust(k, () => k.alloc_page(GFP_KERNEL | __GFP_NOWARN));
    expect(free(k)['0:Normal']).toBe(mark(k, '0:Normal', 2, whole));
    expect(free(k)['0:Normal']).toBeLessThan(high['0:Normal']);
    exhaust(k, () => k.alloc_page(GFP_KERNEL | GFP_DMA | __GFP_NOWARN));
    expect(free(k)['0:DMA']).toBe(mark(k, '0:DMA', 0, whole));
    expect(free(k)['0:DMA']).toBeLessThan(high['0:DMA']);
  });

  test('the first walk of anyone, also of PF_MEMALLOC, ends at the low mark', () => {
    for (const mask of [GFP_KERNEL, GFP_ATOMIC, GFP_NOWAIT]) {
      const { k } = machine();
      const low = k.i32[zoneByLabel(k, '0:Normal') + ZONE.at.pages_low];
      const before = free(k)['0:Normal'];
      const { runs } = exhaust(k, () => k.alloc_page(mask | __GFP_NOWARN));
      expect(runs[0]).toEqual({ zone: '0:Normal', count: before - low });
    }
  });
});

describe('the watermark check', () => {
  const { k } = bootInProcess(x86Zones(4, 4, 4));
  const zone = zoneByLabel(k, '0:Normal');

  /** The documented check, written down once more. */
  function documented(freeBlocks: readonly number[], order: number, min: number, reserve: number): boolean {
    let left = freeBlocks.reduce((sum, blocks, o) => sum + blocks * 2 ** o, 0) - 2 ** order + 1;
    if (left <= min + reserve) return false;
    let least = min;
    for (let o = 0; o < order; o++) {
      left -= freeBlocks[o] * 2 ** o;
      least = Math.floor(least / 2);
      if (left <= least) return false;
    }
    return true;
  }

  propertyTest.prop(
    [
      // Few large blocks, so that the marks matter.
      fc.tuple(...Array.from({ length: 11 }, (_, order) => fc.nat(Math.max(1, 80 >> order)))),
      fc.nat(10),
      fc.nat(600),
      fc.oneof(fc.constant(0), fc.nat(300)),
      fc.constantFrom(0, ALLOC_HIGH, ALLOC_HARDER, ALLOC_HIGH | ALLOC_HARDER),
    ],
    { numRuns: 500 },
  )('is the documented one for any free memory', (blocks, order, mark, reserve, flags) => {
    blocks.forEach((count, o) => (k.i32[freeArea(zone, o) + FREE_AREA.at.nr_free] = count));
    k.i32[zone + ZONE.at.vm_stat + NR_FREE_PAGES] = blocks.reduce((sum, count, o) => sum + (count << o), 0);
    k.i32[zone + ZONE.at.lowmem_reserve + 3] = reserve;
    let min = mark;
    if ((flags & ALLOC_HIGH) !== 0) min -= Math.floor(min / 2);
    if ((flags & ALLOC_HARDER) !== 0) min -= Math.floor(min / 4);
    expect(zone_watermark_ok(k, zone, order, mark, 3, ALLOC_WMARK_MIN | flags)).toBe(
      documented(blocks, order, min, reserve),
    );
  });
});

describe('a failed allocation', () => {
  function exhausted(): LoneMachine {
    const booted = machine();
    booted.k.setTaskFlags(PF_MEMALLOC);
    exhaust(booted.k, () => booted.k.alloc_page(GFP_KERNEL | __GFP_NOWARN));
    booted.k.restoreTaskFlags(0);
    return booted;
  }
  const failures = (k: Kernel): number => readLog(k).split('page allocation failure').length - 1;

  test('is logged with the task, the order, the mask, a trace and the memory', () => {
    const { k } = exhausted();
    expect(k.alloc_pages(GFP_KERNEL, 2)).toBe(0);
    const log = readLog(k).replace(/^\[ *\d+\.\d+\] /gm, '');
    const text = log.slice(log.indexOf('swapper/0: page'));
    expect(text).toMatch(/^swapper\/0: page allocation failure\. order:2, mode:0xd0\n \[</);
    expect(text).toMatch(/\n \[<[\w.-]+:\d+>\] __alloc_pages\n/);
    const min = k.i32[zoneByLabel(k, '0:DMA') + ZONE.at.pages_min] * 4;
    expect(text).toContain(`\nMem-info:\nNode 0 DMA free:0kB min:${min}kB low:`);
    expect(text).toMatch(
      /high:\d+kB active:0kB inactive:0kB present:7808kB pages_scanned:0 all_unreclaimable\? no\nlowmem_reserve\[\]: 0 \d+ \d+ \d+\n/,
    );
    expect(text).toContain(
      '\nNode 0 Normal: 0*4kB 0*8kB 0*16kB 0*32kB 0*64kB 0*128kB 0*256kB 0*512kB 0*1024kB 0*2048kB 0*4096kB = 0kB\n',
    );
    expect(text).toContain('Node 0 HighMem: ');
  });

  test('the memory dump counts blocks and their sum', () => {
    const { k } = exhausted();
    const page = k.alloc_pages(GFP_HIGHUSER, 10);
    k.alloc_pages(GFP_KERNEL, 4);
    const line = /Node 0 HighMem: (.*)= (\d+)kB/.exec(readLog(k))!;
    const blocks = [...line[1].matchAll(/(\d+)\*(\d+)kB /g)].map((found) => [
      Number(found[1]),
      Number(found[2]),
    ]);
    expect(blocks.map(([, size]) => size)).toEqual(Array.from({ length: 11 }, (_, order) => 4 << order));
    expect(blocks.reduce((sum, [count, size]) => sum + count * size, 0)).toBe(Number(line[2]));
    expect(Number(line[2])).toBe(freePages(k, zoneByLabel(k, '0:HighMem')) * 4);
    k.__free_pages(page, 10);
  });

  test('is not logged with __GFP_NOWARN', () => {
    const { k } = exhausted();
    const log = readLog(k);
    for (const mask of [GFP_KERNEL, GFP_ATOMIC]) expect(k.alloc_page(mask | __GFP_NOWARN)).toBe(0);
    expect(readLog(k)).toBe(log);
  });

  test('is logged ten times in a burst, then once every five seconds', () => {
    const { k, platform } = exhausted();
    platform.time = 100_000;
    for (let i = 0; i < 30; i++) k.alloc_page(GFP_ATOMIC);
    expect(failures(k)).toBe(10);
    platform.time += 4999;
    k.alloc_page(GFP_ATOMIC);
    expect(failures(k)).toBe(10);
    platform.time += 1;
    k.alloc_page(GFP_ATOMIC);
    k.alloc_page(GFP_ATOMIC);
    expect(failures(k)).toBe(11);
    expect(readLog(k)).toContain('printk: 21 messages suppressed.');
    platform.time += 1e6;
    for (let i = 0; i < 30; i++) k.alloc_page(GFP_ATOMIC);
    expect(failures(k)).toBe(21);
  });

  test('__GFP_NOFAIL waits, and succeeds when another CPU frees memory meanwhile', () => {
    const { k, cpus, platform } = machine();
    const taken = exhaust(k, () => k.alloc_page(GFP_KERNEL | __GFP_NOWARN)).frames;
    let waits = 0;
    platform.wait = (_word, _value, milliseconds) => {
      platform.time += milliseconds;
      waits++;
      // Other pages are not enough to be above the marks until the third wait.
      if (waits === 3) {
        for (const pfn of taken.slice(0, 50)) cpus[1].__free_page(pfn);
        cpus[1].drain_local_pages();
      }
    };
    const start = platform.time;
    const pfn = k.alloc_page(GFP_KERNEL | __GFP_NOFAIL);
    expect(taken.slice(0, 50)).toContain(pfn);
    expect(waits).toBe(3);
    expect(platform.time - start).toBe(60);
    expect(readLog(k)).not.toContain('allocation failure');
  });

  test('__GFP_NOFAIL serves interrupts while it waits', () => {
    const { k, cpus, platform } = machine();
    const taken = exhaust(k, () => k.alloc_page(GFP_KERNEL | __GFP_NOWARN)).frames;
    const pending = k.area + CPU_AREA.at.pending;
    const seen: number[] = [];
    platform.wait = (_word, _value, milliseconds) => {
      platform.time += milliseconds;
      seen.push(k.i32[pending]);
      if (seen.length === 1) raiseInterrupt(k, 0, IRQ_TICK);
      if (seen.length === 2) for (const pfn of taken.slice(0, 30)) cpus[1].__free_page(pfn);
    };
    expect(k.alloc_page(GFP_KERNEL | __GFP_NOFAIL)).toBeGreaterThan(0);
    expect(seen).toEqual([0, 0]);
    expect(k.i32[pending]).toBe(0);
  });

  test('__GFP_NORETRY wins over __GFP_NOFAIL, and who may not wait does not', () => {
    const { k, platform } = exhausted();
    platform.wait = () => {
      throw new Error('waited');
    };
    expect(k.alloc_page(GFP_KERNEL | __GFP_NOFAIL | __GFP_NORETRY)).toBe(0);
    expect(k.alloc_page(GFP_ATOMIC | __GFP_NOFAIL)).toBe(0);
    expect(() => k.alloc_page(GFP_KERNEL | __GFP_NOFAIL)).toThrow('waited');
  });
});

describe('sleeping in atomic context', () => {
  const TEXT = 'BUG: sleeping function called from invalid context';

  function contexts(k: Kernel): [string, () => void, () => void, string][] {
    const lock = KERNEL.call_lock;
    let flags = 0;
    return [
      [
        'a spinlock held',
        () => k.spin_lock(lock),
        () => k.spin_unlock(lock),
        'in_atomic():1, irqs_disabled():0',
      ],
      [
        'interrupts off',
        () => k.local_irq_disable(),
        () => k.local_irq_enable(),
        'in_atomic():0, irqs_disabled():1',
      ],
      [
        'preemption off',
        () => k.preempt_disable(),
        () => k.preempt_enable(),
        'in_atomic():1, irqs_disabled():0',
      ],
      [
        'bottom halves off',
        () => k.local_bh_disable(),
        () => k.local_bh_enable(),
        'in_atomic():1, irqs_disabled():0',
      ],
      [
        'an irq-safe spinlock held',
        () => (flags = k.spin_lock_irqsave(lock)),
        () => k.spin_unlock_irqrestore(lock, flags),
        'in_atomic():1, irqs_disabled():1',
      ],
    ];
  }

  test.each([0, 1, 2, 3, 4])('is reported for a request that may sleep, in context %i', (index) => {
    const { k, platform } = bootInProcess(preset('x86_64-numa2', { debug: debug('sleep') }));
    const [name, enter, leave, second] = contexts(k)[index];
    enter();
    for (const mask of [GFP_ATOMIC, GFP_NOWAIT, GFP_ATOMIC | GFP_DMA]) k.alloc_page(mask);
    expect(platform.reports).toEqual([]);
    expect(k.alloc_page(GFP_KERNEL)).toBeGreaterThan(0);
    leave();
    expect([name, platform.reports.length]).toEqual([name, 1]);
    // `at %s:%d` names the allocator's call of might_sleep().
    expect(platform.reports[0]).toMatch(
      new RegExp(
        `${TEXT} at page-alloc\\.[jt]s:\\d+\n${second.replaceAll('(', '\\(').replaceAll(')', '\\)')}`,
      ),
    );
    expect(platform.reports[0]).toContain('Call Trace:');
    if (name.includes('spinlock')) expect(platform.reports[0]).toContain('locks held: call_lock');
    k.alloc_page(GFP_KERNEL);
    expect(platform.reports).toHaveLength(1);
  });

  test.each([GFP_NOIO, GFP_NOFS, GFP_USER, __GFP_WAIT])('mask 0x%s may sleep', (mask) => {
    const { k, platform } = bootInProcess();
    k.preempt_disable();
    k.alloc_pages(mask, 3);
    k.preempt_enable();
    expect(platform.reports).toHaveLength(1);
  });

  test('is reported at most once a second', () => {
    const { k, platform } = bootInProcess();
    k.preempt_disable();
    for (const [time, reports] of [
      [0, 1],
      [999, 1],
      [1000, 2],
      [1001, 2],
      [5000, 3],
    ]) {
      platform.time = time;
      k.alloc_page(GFP_KERNEL);
      expect([time, platform.reports.length]).toEqual([time, reports]);
    }
  });

  test('also for an order that is too large', () => {
    const { k, platform } = bootInProcess();
    k.preempt_disable();
    expect(k.alloc_pages(GFP_KERNEL, 11)).toBe(0);
    expect(platform.reports).toHaveLength(1);
  });

  test('is not reported without debug.sleep', () => {
    const { k, platform } = bootInProcess(preset('tiny', { debug: debug() }));
    k.preempt_disable();
    k.alloc_page(GFP_KERNEL);
    expect(platform.reports).toEqual([]);
  });
});
