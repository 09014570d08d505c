import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Hardware } from '../../../src/arch/hardware.js';
import { GFP_ATOMIC, GFP_DMA, GFP_HIGHUSER, GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { twoNodes } from '../../support/boot-in-process.js';
import { x86Zones } from '../../support/hardware.js';
import { bugOf } from './debug-scene.js';
import { faults, nodeOf, slabMachine, slabRow } from './slab-scene.js';

const REAL = readFileSync(new URL('../../fixtures/real-linux/slab/kmalloc.txt', import.meta.url), 'utf8');
const LATE: Partial<Hardware> = { slabProfile: '2.6.24' };

/** The answers of the real kernel, with what `match` finds in each. */
function real(match: RegExp): string[][] {
  return [...REAL.matchAll(match)].map((found) => found.slice(1));
}

const physical = (k: Kernel, object: number): number => object - k.space.PAGE_OFFSET;

describe('sizes', () => {
  const { k } = slabMachine(twoNodes(64, LATE));

  test('every request gets the class that a real kernel gives, which has one of 96 bytes besides', () => {
    const rows = real(/^kmalloc size=(\d+)\.\.(\d+) ksize=(\d+)$/gm).map((row) => row.map(Number));
    expect(rows).toHaveLength(11);
    for (const [from, to, size] of rows) {
      const expected = size === 96 ? 128 : size;
      for (const asked of [from, Math.ceil((from + to) / 2), to]) {
        const object = k.kmalloc(asked, GFP_KERNEL);
        expect([asked, k.ksize(object)]).toEqual([asked, expected]);
        k.kfree(object);
      }
    }
  });

  test('up to 4 MiB in the later profile, as on a real kernel; beyond it is NULL', () => {
    const rows = real(/^kmalloc size=(\d+) -> (ok|NULL) ksize=(\d+) order_needed=\d+$/gm);
    expect(rows).toHaveLength(30);
    for (const [asked, answer, size] of rows) {
      const object = k.kmalloc(Number(asked), GFP_KERNEL);
      expect([asked, object === 0 ? 'NULL' : 'ok']).toEqual([asked, answer]);
      if (object === 0) continue;
      expect(k.ksize(object)).toBe(Number(size));
      k.kfree(object);
    }
    expect(faults(k)).toEqual([]);
  });

  test('up to 131072 bytes in 2.6.10', () => {
    const early = slabMachine().k;
    const largest = early.kmalloc(131072, GFP_KERNEL);
    expect(early.ksize(largest)).toBe(131072);
    for (const size of [131073, 1 << 20, 2 ** 31, 2 ** 32 + 8, Number.MAX_SAFE_INTEGER])
      expect(early.kmalloc(size, GFP_KERNEL)).toBe(0);
    early.kfree(largest);
    expect(slabRow(early, 'size-131072')).toMatchObject({ size: 131072, pages: 32, limit: 8 });
    for (const size of [-1, NaN, 2 ** 20 + 0.5])
      expect(bugOf(() => early.kmalloc(size, GFP_KERNEL))).toContain('an integer');
  });

  test('above 32 bytes less than twice the request', () => {
    for (let size = 33; size <= 131072; size = Math.ceil(size * 1.07)) {
      const object = k.kmalloc(size, GFP_KERNEL);
      expect(k.ksize(object) / size).toBeLessThan(2);
      k.kfree(object);
    }
  });

  test('objects begin at cache lines, small ones at halves; they are contiguous in physical memory', () => {
    for (const [name] of real(/^kmalloc class=(\d+) /gm)) {
      const size = Number(name);
      for (let i = 0; i < 64; i++)
        expect(physical(k, k.kmalloc(size, GFP_KERNEL)) % (size <= 32 ? 32 : 64)).toBe(0);
    }
    const large = k.kmalloc(131072, GFP_KERNEL);
    for (let page = 0; page < 32; page++)
      expect(k.virt_to_page(large + page * 4096)).toBe(k.virt_to_page(large) + page);
  });
});

describe('contents', () => {
  const { k } = slabMachine();

  test('are not cleared: who comes next finds what was there', () => {
    const first = k.kmalloc(512, GFP_KERNEL);
    k.memset(first, 0x5c, 512);
    k.kfree(first);
    const second = k.kmalloc(512, GFP_KERNEL);
    expect(second).toBe(first);
    expect(k.read8(second + 100)).toBe(0x5c);
    k.kfree(second);
    const cleared = k.kzalloc(512, GFP_KERNEL);
    expect(cleared).toBe(first);
    expect(k.bytes(cleared, 512).every((byte) => byte === 0)).toBe(true);
    k.kfree(cleared);
  });

  test('kcalloc clears n elements, and refuses sizes that are none', () => {
    const object = k.kcalloc(10, 24, GFP_KERNEL);
    expect(k.ksize(object)).toBe(256);
    expect(k.bytes(object, 240).every((byte) => byte === 0)).toBe(true);
    expect(k.kcalloc(2 ** 31, 2 ** 31, GFP_KERNEL)).toBe(0);
    expect(k.kcalloc(2 ** 20, 4096, GFP_KERNEL)).toBe(0);
    expect(real(/^kcalloc overflow -> (\w+)$/gm)).toEqual([['NULL']]);
  });

  test('krealloc keeps the pointer where the object is large enough, as on a real kernel', () => {
    const rows = real(/^krealloc (\d+)->(\d+) same pointer=(\d) ksize=(\d+)$/gm).map((row) =>
      row.map(Number),
    );
    expect(rows).toHaveLength(3);
    let object = k.kmalloc(rows[0][0], GFP_KERNEL);
    k.memset(object, 7, rows[0][0]);
    for (const [, size, same, ksize] of rows) {
      const before = object;
      object = k.krealloc(object, size, GFP_KERNEL);
      expect([object === before ? 1 : 0, k.ksize(object)]).toEqual([same, ksize]);
    }
    expect(k.bytes(object, 100).every((byte) => byte === 7)).toBe(true);
    expect(k.krealloc(object, 131073, GFP_KERNEL)).toBe(0);
    expect(k.ksize(object)).toBe(192);
    expect(k.krealloc(object, 0, GFP_KERNEL)).toBe(0);
    expect(k.ksize(k.krealloc(0, 100, GFP_KERNEL))).toBe(128);
  });
});

describe('nothing', () => {
  test('in 2.6.10 kmalloc(0) is the smallest object, and NULL has no size', () => {
    const { k } = slabMachine();
    const object = k.kmalloc(0, GFP_KERNEL);
    expect(k.ksize(object)).toBe(32);
    k.kfree(object);
    k.kfree(0);
    expect(k.ksize(0)).toBe(0);
    expect(bugOf(() => k.kfree(16))).toContain('bad ptr 10h');
  });

  test('later it is ZERO_SIZE_PTR, which may be freed; NULL is no object', () => {
    const { k } = slabMachine(twoNodes(32, LATE));
    expect([k.kmalloc(0, GFP_KERNEL), k.kzalloc(0, GFP_ATOMIC), k.kcalloc(0, 8, GFP_KERNEL)]).toEqual([
      16, 16, 16,
    ]);
    expect(k.ksize(16)).toBe(0);
    k.kfree(16);
    k.kfree(0);
    expect(bugOf(() => k.ksize(0))).toContain('bad ptr 0h');
    expect(k.krealloc(k.kmalloc(8, GFP_KERNEL), 0, GFP_KERNEL)).toBe(16);
    expect(k.ksize(k.krealloc(16, 8, GFP_KERNEL))).toBe(32);
    expect(real(/^kmalloc\(0\) = (\w+) ksize=0/gm)).toEqual([['0x10']]);
  });
});

describe('places', () => {
  test('GFP_DMA gives memory below 16 MiB, from caches of its own', () => {
    const { k } = slabMachine();
    for (let i = 0; i < 200; i++) {
      const object = k.kmalloc(1000, GFP_KERNEL | GFP_DMA);
      expect(physical(k, object)).toBeLessThan(16 << 20);
    }
    expect(slabRow(k, 'size-1024(DMA)').activeSlabs).toBe(50);
    expect(physical(k, k.kmalloc(64, GFP_KERNEL | GFP_DMA))).toBeLessThan(16 << 20);
  });

  test('high memory is not for it: BUG as soon as the cache grows', () => {
    const { k } = slabMachine(x86Zones(16, 16, 32));
    expect(bugOf(() => k.kmalloc(100_000, GFP_HIGHUSER))).toContain('a slab cannot lie in high memory');
  });

  test('kmalloc_node gives memory of the node', () => {
    const { k, cpus } = slabMachine();
    for (const nid of [0, 1]) {
      for (const size of [32, 500, 5000])
        expect(nodeOf(k, cpus[3].kmalloc_node(size, GFP_KERNEL, nid))).toBe(nid);
    }
    expect(nodeOf(k, cpus[3].kmalloc_node(100, GFP_KERNEL, -1))).toBe(1);
    expect(bugOf(() => k.kmalloc_node(100, GFP_KERNEL, 2))).toContain('there is no node 2');
  });
});
