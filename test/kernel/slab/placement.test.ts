import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CPU_ONLINE, IRQ_TIMER } from '../../../src/kernel/core/cpu-area.js';
import { setCpuState } from '../../../src/kernel/core/cpu-mask.js';
import { raiseInterrupt } from '../../../src/kernel/cpu/raise-interrupt.js';
import { takeCpuDown } from '../../../src/kernel/hotplug.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import {
  __GFP_NOWARN,
  __GFP_THISNODE,
  GFP_ATOMIC,
  GFP_DMA,
  GFP_KERNEL,
  GFP_NOWAIT,
} from '../../../src/kernel/mm/gfp.js';
import { KMEM_CACHE } from '../../../src/kernel/slab/kmem-cache.js';
import { cache_reap } from '../../../src/kernel/slab/reap.js';
import { SLAB_CACHE_DMA, SLAB_NO_REAP } from '../../../src/kernel/slab/slab-flags.js';
import { twoNodes } from '../../support/boot-in-process.js';
import { bugOf } from './debug-scene.js';
import {
  allocate,
  exhaustNode,
  faults,
  inAlien,
  inArray,
  listField,
  nodeOf,
  slabMachine,
  slabRow,
} from './slab-scene.js';

function fixture(name: string): string {
  return readFileSync(new URL(`../../fixtures/real-linux/slab/${name}.txt`, import.meta.url), 'utf8');
}

function freeAll(k: Kernel, cache: number, objects: readonly number[]): void {
  for (const object of objects) k.kmem_cache_free(cache, object);
}

describe('who gets an object, as on a real kernel', () => {
  test('it comes back to the CPU that freed it, if it is of that node', () => {
    const { k, cpus } = slabMachine();
    const cache = k.kmem_cache_create('two_hundred', 200, 0, 0);
    const rows = fixture('smp').matchAll(
      /^(kmem_cache|kmalloc)\((\d+)\): alloc on cpu(\d) \(nid (\d)\), free on cpu(\d); next alloc on cpu\d same=(\d) \(nid (\d)\); then alloc on cpu0 same=(\d) \(nid (\d)\)/gm,
    );
    let count = 0;
    for (const [line, kind, size, from, nid, to, same, nextNid, then, thenNid] of rows) {
      const take = (cpu: Kernel): number =>
        kind === 'kmalloc' ? cpu.kmalloc(Number(size), GFP_KERNEL) : cpu.kmem_cache_alloc(cache, GFP_KERNEL);
      const object = take(cpus[Number(from)]);
      if (kind === 'kmalloc') cpus[Number(to)].kfree(object);
      else cpus[Number(to)].kmem_cache_free(cache, object);
      const next = take(cpus[Number(to)]);
      const last = take(cpus[0]);
      expect([
        line,
        nodeOf(k, object),
        next === object ? 1 : 0,
        nodeOf(k, next),
        last === object ? 1 : 0,
        nodeOf(k, last),
      ]).toEqual([line, ...[nid, same, nextNid, then, thenNid].map(Number)]);
      count++;
    }
    expect(count).toBe(16);
    expect(faults(k)).toEqual([]);
  });

  test('objects of a new slab come from its end, those that were freed last come first', () => {
    const { k } = slabMachine();
    const text = fixture('slab');
    const sizes = [...text.matchAll(/^addr size=(\d+) deltas in allocation order: (.*)$/gm)];
    expect(sizes).toHaveLength(7);
    for (const [, size, deltas] of sizes) {
      const real = deltas.split(' ').map(Number);
      const cache = k.kmem_cache_create(`addr-${size}`, Number(size), 0, 0);
      const step = -k.i32[cache + KMEM_CACHE.at.buffer_size];
      const objects = allocate(k, cache, 40);
      const ours = objects.slice(1, 1 + real.length).map((object, i) => object - objects[i]);
      // Slabs lie anywhere; within one, the order is the same.
      expect([size, ours.map((delta) => delta === step)]).toEqual([
        size,
        real.map((delta) => delta === step),
      ]);
      const row = new RegExp(
        `^addr size=${size} after freeing #0..#39 in order, next allocs return #: (.*)$`,
        'm',
      );
      freeAll(k, cache, objects);
      const again = allocate(k, cache, 10).map((object) => objects.indexOf(object));
      expect([size, again]).toEqual([size, row.exec(text)![1].split(' ').map(Number)]);
    }
  });

  test('kmem_cache_alloc_node, and what shrinking returns', () => {
    const { k } = slabMachine();
    const cache = k.kmem_cache_create('nodes', 200, 0, 0);
    const objects: number[] = [];
    for (const [, node, nid] of fixture('slab').matchAll(/^kmem_cache_alloc_node node=(\d) -> nid=(\d)$/gm)) {
      objects.push(k.kmem_cache_alloc_node(cache, GFP_KERNEL, Number(node)));
      expect(nodeOf(k, objects.at(-1)!)).toBe(Number(nid));
    }
    expect(fixture('slab')).toContain('kmem_cache_shrink with one live object returns 1');
    k.kmem_cache_free(cache, objects[0]);
    expect(k.kmem_cache_shrink(cache)).toBe(1);
    k.kmem_cache_free(cache, objects[1]);
    expect(fixture('slab')).toContain('kmem_cache_shrink with no live object returns 0');
    expect(k.kmem_cache_shrink(cache)).toBe(0);
    expect(slabRow(k, 'nodes').slabs).toBe(0);
  });
});

describe('objects of another node', () => {
  test('are collected, twelve at a time, and go to the array that its CPUs share', () => {
    const { k, cpus } = slabMachine();
    const cache = k.kmem_cache_create('remote', 200, 0, 0);
    const objects = allocate(k, cache, 30);
    freeAll(cpus[2], cache, objects.slice(0, 12));
    expect([inAlien(k, cache, 1, 0), slabRow(k, 'remote').shared]).toEqual([12, 0]);
    cpus[3].kmem_cache_free(cache, objects[12]);
    expect([inAlien(k, cache, 1, 0), slabRow(k, 'remote').shared]).toEqual([1, 12]);
    // The next one that node 0 takes when an array is empty is one of them.
    expect(objects.slice(0, 12)).toContain(cpus[1].kmem_cache_alloc(cache, GFP_KERNEL));
    expect(faults(k)).toEqual([]);
    expect(k.kmem_cache_shrink(cache)).toBe(1);
    expect(inAlien(k, cache, 1, 0)).toBe(0);
  });

  test('the reaper gives them back one node a round', () => {
    const { k, cpus, platform } = slabMachine();
    const cache = k.kmem_cache_create('remote', 200, 0, 0);
    cpus[2].kmem_cache_free(cache, k.kmem_cache_alloc(cache, GFP_KERNEL));
    for (let round = 0; round < 2; round++) {
      platform.time += 2000;
      cache_reap(cpus[2]);
    }
    expect(inAlien(k, cache, 1, 0)).toBe(0);
    expect(slabRow(k, 'remote').shared).toBe(1);
  });
});

describe('a node without memory', () => {
  test('gets objects of another one, and keeps none of them in its arrays', () => {
    const { k, cpus } = slabMachine();
    const cache = k.kmem_cache_create('elsewhere', 1000, 0, 0);
    const frames = exhaustNode(k, 0, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN);
    const objects = allocate(k, cache, 20);
    expect(objects.map((object) => nodeOf(k, object))).toEqual(new Array<number>(20).fill(1));
    expect(inArray(k, cache, 0)).toBe(0);
    // Only there, please: NULL.
    expect(k.kmem_cache_alloc_node(cache, GFP_NOWAIT | __GFP_THISNODE | __GFP_NOWARN, 0)).toBe(0);
    expect(nodeOf(k, k.kmem_cache_alloc_node(cache, GFP_KERNEL, 0))).toBe(1);
    freeAll(k, cache, objects);
    expect(inArray(k, cache, 0)).toBe(0);
    expect(faults(k)).toEqual([]);
    for (const pfn of frames) k.__free_page(pfn);
    expect(nodeOf(k, k.kmem_cache_alloc(cache, GFP_KERNEL))).toBe(0);
    expect(nodeOf(k, cpus[2].kmem_cache_alloc(cache, GFP_KERNEL))).toBe(1);
  });

  test('no memory at all is NULL; what is free in slabs is found on any node', () => {
    const { k, cpus } = slabMachine();
    const cache = k.kmem_cache_create('last', 1000, 0, 0);
    const remote = allocate(cpus[2], cache, 4);
    for (const node of [0, 1]) exhaustNode(k, node, GFP_ATOMIC | __GFP_THISNODE | __GFP_NOWARN);
    while (k.kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOWARN) !== 0);
    expect(k.kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOWARN)).toBe(0);
    expect(k.kmalloc(131072, GFP_KERNEL | __GFP_NOWARN)).toBe(0);
    freeAll(cpus[2], cache, remote.slice(0, 2));
    // They lie in the array of CPU 2: only when that is emptied others can have them.
    expect(k.kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOWARN)).toBe(0);
    expect(k.kmem_cache_shrink(cache)).toBe(1);
    const found = allocate(k, cache, 2, GFP_ATOMIC | __GFP_NOWARN);
    expect(new Set(found)).toEqual(new Set(remote.slice(0, 2)));
    expect(k.kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOWARN)).toBe(0);
    expect(faults(k)).toEqual([]);
  });
});

test('a cache with SLAB_CACHE_DMA has memory below 16 MiB, and wants to be asked for it', () => {
  const { k } = slabMachine();
  const cache = k.kmem_cache_create('dma', 3000, 0, SLAB_CACHE_DMA);
  for (let i = 0; i < 50; i++)
    expect(k.kmem_cache_alloc(cache, GFP_KERNEL | GFP_DMA) - k.space.PAGE_OFFSET).toBeLessThan(16 << 20);
  expect(bugOf(() => allocate(k, cache, 100))).toContain('lacks GFP_DMA');
  const plain = k.kmem_cache_create('plain', 3000, 0, 0);
  expect(bugOf(() => k.kmem_cache_alloc(plain, GFP_KERNEL | GFP_DMA))).toContain('not SLAB_CACHE_DMA');
});

test('slabs begin at different cache lines, one after another', () => {
  const { k } = slabMachine();
  // Five objects in two pages leave 672 bytes, 68 of which describe the slab.
  const cache = k.kmem_cache_create('coloured', 1500, 0, 0);
  const colours = k.i32[cache + KMEM_CACHE.at.colour];
  expect([colours, k.i32[cache + KMEM_CACHE.at.colour_off]]).toEqual([9, 64]);
  const starts: number[] = [];
  for (let slab = 0; slab < colours + 2; slab++) {
    const objects = allocate(k, cache, 5);
    starts.push(Math.min(...objects.map((object) => (object - k.space.PAGE_OFFSET) % 8192)));
  }
  expect(starts.map((start) => (start - starts[0]) / 64)).toEqual([...Array(colours).keys(), 0, 1]);
});

test('a node keeps empty slabs up to its limit, and gives those back that are more', () => {
  const { k } = slabMachine();
  const cache = k.kmem_cache_create('limited', 2000, 0, 0);
  const { batchcount, perSlab } = slabRow(k, 'limited');
  const limit = listField(k, cache, 0, 'free_limit');
  expect(limit).toBe((1 + 2) * batchcount + perSlab);
  freeAll(k, cache, allocate(k, cache, 400));
  // The own array is full, the shared one, too; what is left in slabs is within the limit.
  const kept = inArray(k, cache, 0) + slabRow(k, 'limited').shared;
  const free = listField(k, cache, 0, 'free_objects');
  expect(free).toBeLessThanOrEqual(limit);
  expect(free).toBeGreaterThan(limit - perSlab - 1);
  expect(slabRow(k, 'limited').objects).toBe(kept + free);
  expect(faults(k)).toEqual([]);
});

describe('the reaper', () => {
  test('gives a part of what lies idle back each round, as the clock ticks', () => {
    const { k, platform } = slabMachine();
    const cache = k.kmem_cache_create('idle', 100, 0, 0);
    const kept = k.kmem_cache_create('kept', 100, 0, SLAB_NO_REAP);
    for (const each of [cache, kept]) freeAll(k, each, allocate(k, each, 200));
    const before = inArray(k, cache, 0);
    const seen: number[] = [];
    const rounds = (count: number): void => {
      for (let round = 0; round < count; round++) {
        platform.time += 2000;
        raiseInterrupt(k, 0, IRQ_TIMER);
        k.poll();
        seen.push(inArray(k, cache, 0));
      }
    };
    rounds(3);
    // The first round only notes that the array is no longer used; each other one frees a fifth of what fits.
    expect(seen).toEqual([before, before - 24, before - 48]);
    rounds(25);
    expect(seen.at(-1)).toBe(0);
    expect(slabRow(k, 'idle')).toMatchObject({ activeObjects: 0, slabs: 0, shared: 0 });
    // What was not to be reaped is all there.
    expect(inArray(k, kept, 0)).toBe(before);
    expect(slabRow(k, 'kept').slabs).toBeGreaterThan(4);
    expect(faults(k)).toEqual([]);
  });

  test('lets arrays and slabs be that are in use', () => {
    const { k, platform } = slabMachine();
    const cache = k.kmem_cache_create('busy', 100, 0, 0);
    freeAll(k, cache, allocate(k, cache, 100));
    const before = inArray(k, cache, 0);
    for (let round = 0; round < 10; round++) {
      k.kmem_cache_free(cache, k.kmem_cache_alloc(cache, GFP_KERNEL));
      platform.time += 2000;
      cache_reap(k);
    }
    expect(inArray(k, cache, 0)).toBe(before);
  });
});

describe('a CPU that goes away', () => {
  test('leaves its objects to the slabs, the last of a node also what that shares', () => {
    const { k, cpus } = slabMachine();
    const cache = k.kmem_cache_create('gone', 200, 0, 0);
    for (const cpu of cpus) {
      const objects = allocate(cpu, cache, 200);
      freeAll(cpu, cache, objects.slice(6));
      freeAll(cpus[3 - cpu.cpu], cache, objects.slice(0, 6));
    }
    const console = k.as(4);
    takeCpuDown(console, 3);
    expect([inArray(k, cache, 3), inAlien(k, cache, 1, 0)]).toEqual([0, 12]);
    expect(faults(k)).toEqual([]);
    takeCpuDown(console, 2);
    expect([inArray(k, cache, 2), inAlien(k, cache, 1, 0)]).toEqual([0, 0]);
    expect(k.i32[listField(k, cache, 1, 'shared')]).toBe(0);
    expect(faults(k)).toEqual([]);
    // Other CPUs go on with what lies there, and it does when it is back.
    k.kmem_cache_free(cache, k.kmem_cache_alloc_node(cache, GFP_KERNEL, 1));
    setCpuState(k, 3, CPU_ONLINE);
    expect(nodeOf(k, cpus[3].kmem_cache_alloc(cache, GFP_KERNEL))).toBe(1);
    expect(faults(k)).toEqual([]);
  });
});

test('a machine of one CPU and one node has no arrays to share', () => {
  const { k } = slabMachine(
    twoNodes(32, {
      memory: [
        { start: 0, end: 0xa0000, node: 0 },
        { start: 1 << 20, end: 32 << 20, node: 0 },
      ],
      nodes: 1,
      cpuNodes: [0],
      distances: [[10]],
    }),
  );
  const cache = k.kmem_cache_create('alone', 100, 0, 0);
  expect(slabRow(k, 'alone')).toMatchObject({ sharedFactor: 0, limit: 120 });
  freeAll(k, cache, allocate(k, cache, 500));
  expect(slabRow(k, 'alone').shared).toBe(0);
  expect(k.kmem_cache_destroy(cache)).toBe(0);
  expect(faults(k)).toEqual([]);
});
