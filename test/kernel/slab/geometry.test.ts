import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { slabGeometry, type SlabMachine } from '../../../src/kernel/slab/geometry.js';
import { SLAB_BYTES_32, SLAB_BYTES_64 } from '../../../src/kernel/slab/kmem-cache.js';
import { SLAB_HWCACHE_ALIGN, SLAB_RECLAIM_ACCOUNT } from '../../../src/kernel/slab/slab-flags.js';
import { tuningOf } from '../../../src/kernel/slab/tuning.js';
import { rowNumbers } from './slab-scene.js';

const X86: SlabMachine = { word: 4, slab: SLAB_BYTES_32, bufctl: 4, breakOrder: 1, maxOrder: 5 };
const X86_64: SlabMachine = { ...X86, word: 8, slab: SLAB_BYTES_64 };

/** Order, objects per slab, off-slab. */
function general(machine: SlabMachine, size: number): [number, number, boolean] {
  const { order, num, offSlab } = slabGeometry(machine, size, Math.min(size, 64), 0)!;
  return [order, num, offSlab];
}

describe('slabs are divided as in Linux 2.6.16', () => {
  test.each([
    [32, 0, 113, 112, false],
    [64, 0, 59, 59, false],
    [128, 0, 30, 30, false],
    [192, 0, 20, 20, false],
    [256, 0, 15, 15, false],
    [512, 0, 8, 8, true],
    [1024, 0, 4, 4, true],
    [2048, 0, 2, 2, true],
    [4096, 0, 1, 1, true],
    [8192, 1, 1, 1, true],
    [16384, 2, 1, 1, true],
    [32768, 3, 1, 1, true],
    [65536, 4, 1, 1, true],
    [131072, 5, 1, 1, true],
  ])('size-%i: order %i, %i objects a slab, %i on x86_64', (size, order, on32, on64, offSlab) => {
    expect(general(X86, size)).toEqual([order, on32, offSlab]);
    expect(general(X86_64, size)).toEqual([order, on64, offSlab]);
  });

  test.each([
    [4000, 4032, 0, 1],
    [1100, 1152, 1, 7],
    [1300, 1344, 0, 3],
    [2100, 2112, 1, 3],
    [700, 704, 1, 11],
  ])('scullc with a quantum of %i', (quantum, size, order, num) => {
    for (const machine of [X86, X86_64])
      expect(slabGeometry(machine, quantum, 0, SLAB_HWCACHE_ALIGN)).toMatchObject({
        ...{ size, order, num, offSlab: false },
      });
  });

  test('machines with little memory, and caches of what can be taken back, use single pages', () => {
    expect(slabGeometry({ ...X86, breakOrder: 0 }, 700, 0, 0)).toMatchObject({ order: 0, num: 5 });
    expect(slabGeometry(X86, 700, 0, SLAB_RECLAIM_ACCOUNT)).toMatchObject({ order: 0, num: 5 });
  });

  test.each([
    [8, 8],
    [17, 32],
    [32, 32],
    [33, 64],
    [96, 128],
    [200, 256],
  ])('SLAB_HWCACHE_ALIGN packs what is smaller than half a line: %i bytes take %i', (asked, size) => {
    expect(slabGeometry(X86, asked, 0, SLAB_HWCACHE_ALIGN)!.size).toBe(size);
  });

  test('what is left over gives slabs different colours', () => {
    // 7 objects of 1152 bytes in two pages leave 128 bytes, 64 of which describe the slab.
    expect(slabGeometry(X86, 1100, 0, SLAB_HWCACHE_ALIGN)).toMatchObject({
      ...{ slabSize: 64, leftOver: 64, colour: 1, colourOff: 64 },
    });
    expect(slabGeometry(X86, 300, 0, 0)).toMatchObject({ num: 13, colour: 1, colourOff: 64 });
    expect(slabGeometry(X86, 20, 256, 0)!.colourOff).toBe(256);
  });

  test('an object too large for the largest slab has no cache', () => {
    expect(slabGeometry(X86, 131072 + 4, 0, 0)).toBeUndefined();
    expect(slabGeometry({ ...X86, maxOrder: 10 }, 131072 + 4, 0, 0)).toMatchObject({ order: 6, num: 1 });
  });
});

/** A cache that was made on a real kernel. */
interface RealCache {
  readonly name: string;
  readonly size: number;
  readonly align: number;
  readonly flags: number;
  /** Numbers of its line of /proc/slabinfo. */
  readonly row: readonly number[];
}

function realCaches(): RealCache[] {
  const text = readFileSync(
    new URL('../../fixtures/real-linux/slab/slabcaches.txt', import.meta.url),
    'utf8',
  );
  const asked = text.matchAll(/^cache=(\S+) size=(\d+) align=(\d+) flags=(\S+)/gm);
  return [...asked].map(([, name, size, align, flags]) => {
    const line = text.split('\n').find((row) => row.startsWith(`${name} `))!;
    return {
      ...{ name, size: Number(size), align: Number(align), row: rowNumbers(line) },
      // That kernel was built without debugging: it does not do what SLAB_POISON and SLAB_RED_ZONE ask for.
      flags: flags === 'HWCACHE_ALIGN' ? SLAB_HWCACHE_ALIGN : 0,
    };
  });
}

describe('caches of a real kernel', () => {
  /** Its slabs begin with no struct slab, and a byte is enough for the number of an object. */
  const machine: SlabMachine = { word: 8, slab: 0, bufctl: 1, breakOrder: 1, maxOrder: 10 };
  /** The later kernel describes slabs elsewhere also for objects below 512 bytes, where that makes room for one more. */
  const elsewhere = ['mmo_128_a0_n', 'mmo_256_a0_n', 'mmo_65_a0_hw', 'mmo_100_a0_hw', 'mmo_200_a0_hw'];

  test('there are 41', () => {
    expect(realCaches()).toHaveLength(41);
  });

  test.each(realCaches())('$name', ({ name, size, align, flags, row }) => {
    const [, , objectSize, num, pages, limit, batchcount, shared] = row;
    // A byte counts at most 255 objects: so the smallest ones of that kernel have 16 bytes.
    const geometry = slabGeometry(machine, Math.max(size, 16), align, flags)!;
    const isElsewhere = elsewhere.includes(name);
    expect([geometry.size, geometry.num + (isElsewhere ? 1 : 0), 1 << geometry.order]).toEqual([
      ...[objectSize, num, pages],
    ]);
    if (isElsewhere) expect(num * objectSize).toBe(4096);
    expect(tuningOf(objectSize, true, false)).toEqual({ limit, batchcount, shared });
  });
});

describe('arrays hold the more objects the smaller these are', () => {
  test.each([
    [8, 120, 60],
    [256, 120, 60],
    [257, 54, 27],
    [1024, 54, 27],
    [1025, 24, 12],
    [4096, 24, 12],
    [4097, 8, 4],
    [131072, 8, 4],
    [131073, 1, 1],
  ])('%i bytes: %i, in batches of %i', (size, limit, batchcount) => {
    const shared = size <= 4096 ? 8 : 0;
    expect(tuningOf(size, true, false)).toEqual({ limit, batchcount, shared });
    expect(tuningOf(size, false, false).shared).toBe(0);
    expect(tuningOf(size, true, true).limit).toBe(Math.min(limit, 32));
  });
});
