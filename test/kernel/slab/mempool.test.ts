import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { IRQ_TIMER } from '../../../src/kernel/core/cpu-area.js';
import { KernelBug } from '../../../src/kernel/core/errors.js';
import { add_preempt_count, HARDIRQ_OFFSET, sub_preempt_count } from '../../../src/kernel/core/preempt.js';
import { RUNNING_SERVE, TASK } from '../../../src/kernel/core/task-struct.js';
import { raiseInterrupt } from '../../../src/kernel/cpu/raise-interrupt.js';
import { GFP_ATOMIC, GFP_KERNEL, GFP_NOWAIT, type gfp_t } from '../../../src/kernel/mm/gfp.js';
import {
  mempool_alloc_pages,
  mempool_alloc_slab,
  mempool_free_pages,
  mempool_free_slab,
  mempool_kfree,
  mempool_kmalloc,
} from '../../../src/kernel/slab/mempool-kinds.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { exhaust } from '../../support/exhaust.js';
import { LonePools } from './lone-pools.js';

const ENOMEM = 12;

let m: LonePools;
let k: Kernel;

function boot(): void {
  m = new LonePools();
  k = m.k;
}

/** The lines of /proc/mempools without the addresses, which begin at the same place. */
function listed(): string[] {
  const [heading, ...lines] = k.cat('/proc/mempools').trimEnd().split('\n');
  expect(heading).toMatch(/^# mempool +<min_nr> <curr_nr> <idle_bytes> <waiters> <elements>$/);
  return lines.map((line) => line.replace(/^[0-9a-f]{16} +/, '').replaceAll(/ +/g, ' '));
}

function bugOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof KernelBug) return error.message;
    throw error;
  }
  return 'none';
}

describe('a reserve', () => {
  beforeAll(boot);
  beforeEach(() => m.reset());

  test('of objects of a cache is there when there is no memory, and is filled before memory is freed', () => {
    const cache = k.kmem_cache_create('bio', 104, 0, 0);
    const pool = k.mempool_create(3, mempool_alloc_slab, mempool_free_slab, cache);
    expect(listed()).toEqual([`3 3 ${3 * 104} 0 slab bio`]);
    const { frames } = exhaust(k, () => k.alloc_page(GFP_ATOMIC));
    const objects: number[] = [];
    for (
      let object = k.mempool_alloc(pool, GFP_NOWAIT);
      object !== 0;
      object = k.mempool_alloc(pool, GFP_NOWAIT)
    )
      objects.push(object);
    expect(new Set(objects).size).toBe(objects.length);
    expect(m.currNr(pool)).toBe(0);
    for (const object of objects) k.memset(object, 0x5a, 104);
    for (const object of objects) k.mempool_free(object, pool);
    expect(m.currNr(pool)).toBe(3);
    for (const pfn of frames) k.__free_page(pfn);
    k.mempool_destroy(pool);
    expect(k.kmem_cache_destroy(cache)).toBe(0);
    expect(m.violations()).toEqual([]);
  });

  test('of pages, and one of bytes', () => {
    const pages = k.mempool_create(4, mempool_alloc_pages, mempool_free_pages, 1);
    const bytes = k.mempool_create(2, mempool_kmalloc, mempool_kfree, 100);
    expect(listed()).toEqual(['4 4 32768 0 pages 1', '2 2 256 0 kmalloc 100']);
    const pfn = k.mempool_alloc(pages, GFP_KERNEL);
    const address = k.mempool_alloc(bytes, GFP_KERNEL);
    expect([k.page_count(pfn), k.ksize(address)]).toEqual([1, 128]);
    k.mempool_free(pfn, pages);
    k.mempool_free(address, bytes);
    k.mempool_destroy(pages);
    k.mempool_destroy(bytes);
    expect(listed()).toEqual([]);
    expect([k.page_count(pfn), m.violations()]).toEqual([0, []]);
  });

  test('of elements that a module makes of any data', () => {
    const pool = m.create(1, -1.5);
    expect(listed()).toEqual(['1 1 - 0 alloc']);
    k.mempool_free(k.mempool_alloc(pool, GFP_KERNEL), pool);
    k.mempool_destroy(pool);
    expect(new Set(m.data)).toEqual(new Set([-1.5]));
    expect(m.freed).toEqual([2, 1]);
  });

  test('on machines of 32 bits with debugging, where memory begins at any word', () => {
    const { debug } = m.machine.hardware;
    const x86 = new LonePools({ arch: 'x86', debug: { ...debug, slab: true } });
    const pools = [3, 4, 5].map((count) => x86.create(count, count + 0.5));
    x86.works = false;
    for (const pool of pools) {
      const elements = [0, 0, 0].map(() => x86.k.mempool_alloc(pool, GFP_ATOMIC));
      for (const element of elements) x86.k.mempool_free(element, pool);
      x86.k.mempool_destroy(pool);
    }
    expect(x86.freed.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(new Set(x86.data)).toEqual(new Set([3.5, 4.5, 5.5]));
  });

  test('that cannot be filled leaves nothing behind', () => {
    const calls = m.allocCalls;
    const alloc = k.module_symbol('pool', 'few');
    m.machine.platform.modules.set('few@pool', () => (++m.allocCalls - calls > 2 ? 0 : m.allocCalls));
    expect(k.mempool_create(5, alloc, m.free, 0)).toBe(0);
    expect([m.allocCalls, m.freeCalls]).toEqual([3, 2]);
    expect(listed()).toEqual([]);
    expect(k.mempool_create(1 << 20, m.alloc, m.free, 0)).toBe(0);
  });
});

describe('who finds nothing', () => {
  let pool: number;
  beforeEach(() => {
    boot();
    pool = m.create(1);
    m.works = false;
    m.resetCalls();
  });

  test('gets NULL if it may not wait, in an interrupt, too', () => {
    expect(k.mempool_alloc(pool, GFP_ATOMIC)).toBe(1);
    add_preempt_count(k, HARDIRQ_OFFSET);
    expect(k.mempool_alloc(pool, GFP_ATOMIC)).toBe(0);
    k.mempool_free(1, pool);
    sub_preempt_count(k, HARDIRQ_OFFSET);
    expect(k.mempool_alloc(pool, GFP_NOWAIT)).toBe(1);
    expect(m.machine.platform.reports).toEqual([]);
  });

  test('sleeps until an element is given back; the files show it', () => {
    const element = k.mempool_alloc(pool, GFP_KERNEL);
    m.whenAsleep = () => {
      expect(listed()).toEqual(['1 0 - 1 alloc']);
      m.machine.cpus[1].mempool_free(element, pool);
    };
    expect(k.mempool_alloc(pool, GFP_KERNEL)).toBe(element);
    expect([m.currNr(pool), m.freeCalls, k.waitqueue_active(m.queue(pool))]).toEqual([0, 0, false]);
  });

  test('sleeps until a larger reserve is filled', () => {
    k.mempool_alloc(pool, GFP_KERNEL);
    m.whenAsleep = () => {
      m.works = true;
      expect(m.machine.cpus[1].mempool_resize(pool, 2, GFP_ATOMIC)).toBe(0);
    };
    expect(k.mempool_alloc(pool, GFP_KERNEL)).toBeGreaterThan(1);
  });

  test('looks for memory again after 5 seconds', () => {
    const task = k.current();
    k.mempool_alloc(pool, GFP_KERNEL);
    m.whenAsleep = () => {
      m.works = true;
      m.machine.platform.time += 5000;
      raiseInterrupt(m.machine.cpus[1], 0, IRQ_TIMER);
      Atomics.store(k.i32, task + TASK.at.running, RUNNING_SERVE);
    };
    expect(k.mempool_alloc(pool, GFP_KERNEL)).toBe(2);
    expect(m.masks.map((gfp: gfp_t) => gfp & GFP_KERNEL)).toEqual([0x80, 0x80, GFP_KERNEL, GFP_KERNEL]);
    expect(k.waitqueue_active(m.queue(pool))).toBe(false);
  });

  test('is out of the line when the allocation function throws', () => {
    const element = k.mempool_alloc(pool, GFP_KERNEL);
    m.whenAsleep = () => {
      m.throws = true;
      m.machine.cpus[1].mempool_free(element, pool);
    };
    expect(() => k.mempool_alloc(pool, GFP_KERNEL)).toThrow('no element today');
    m.throws = false;
    expect(k.waitqueue_active(m.queue(pool))).toBe(false);
    expect(k.mempool_alloc(pool, GFP_KERNEL)).toBe(element);
  });
});

test('without memory for a larger reserve, it stays as it is', () => {
  boot();
  const pool = m.create(2);
  exhaust(k, () => k.alloc_page(GFP_ATOMIC));
  while (k.kmalloc(4096, GFP_NOWAIT) !== 0);
  expect(k.mempool_resize(pool, 400, GFP_KERNEL)).toBe(-ENOMEM);
  expect([m.minNr(pool), m.currNr(pool)]).toEqual([2, 2]);
});

test('a pool may be in debugging with all locks checked', () => {
  m = new LonePools({
    debug: { locks: true, sleep: true, pageOwner: false, vm: true, lockHoldLimitMs: 1000 },
  });
  const pool = m.k.mempool_create(2, mempool_kmalloc, mempool_kfree, 64);
  const element = m.k.mempool_alloc(pool, GFP_KERNEL);
  m.k.cat('/proc/mempools');
  expect(m.k.mempool_resize(pool, 5, GFP_KERNEL)).toBe(0);
  m.k.mempool_free(element, pool);
  m.k.mempool_destroy(pool);
  expect(m.machine.platform.reports).toEqual([]);
});

describe('misuse is a BUG', () => {
  beforeAll(boot);
  beforeEach(() => m.reset());

  test.each<[string, (pool: number) => unknown]>([
    ['mempool_destroy: the reserve has 1 of 2 elements', (pool) => k.mempool_destroy(pool)],
    [
      'mempool_resize: new_min_nr 0: must be an integer, 1 or more',
      (pool) => k.mempool_resize(pool, 0, GFP_KERNEL),
    ],
    [
      'mempool_resize: new_min_nr -1: must be an integer, 1 or more',
      (pool) => k.mempool_resize(pool, -1, GFP_KERNEL),
    ],
    ['mempool_create: min_nr -1: must be an integer, 0 or more', () => m.create(-1)],
    ['mempool_alloc: 0 is no memory pool', () => k.mempool_alloc(0, GFP_KERNEL)],
    ['mempool_free: 12 is no memory pool', () => k.mempool_free(1, 12)],
    ['no function has symbol 99', () => k.mempool_create(1, 99, m.free, 0)],
    ['mempool_free: NaN is no element', (pool) => k.mempool_free(NaN, pool)],
    ['mempool_free: "1" is no element', (pool) => k.mempool_free('1' as unknown as number, pool)],
    [
      'mempool_create: pool_data undefined: must be a number',
      () => k.mempool_create(1, m.alloc, m.free, undefined as unknown as number),
    ],
  ])('%s', (message, action) => {
    const pool = m.create(2);
    m.works = false;
    expect(k.mempool_alloc(pool, GFP_KERNEL)).toBe(2);
    expect(bugOf(() => action(pool))).toBe(message);
    expect(m.machine.platform.reports).toHaveLength(1);
    expect(m.machine.platform.reports[0]).toContain(`kernel BUG: ${message}`);
    // All is as it was.
    k.mempool_free(0, pool);
    k.mempool_free(2, pool);
    k.mempool_destroy(pool);
    expect(bugOf(() => k.mempool_alloc(pool, GFP_KERNEL))).toBe(`mempool_alloc: ${pool} is no memory pool`);
  });
});
