import { describe, expect, test } from 'vitest';
import { KernelPanic } from '../../../src/kernel/core/errors.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { __GFP_NOWARN, __GFP_THISNODE, GFP_ATOMIC, GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { SLAB_CTOR_ATOMIC, SLAB_CTOR_CONSTRUCTOR, SLAB_PANIC } from '../../../src/kernel/slab/slab-flags.js';
import type { LoneMachine } from '../../support/boot-in-process.js';
import { bugOf, logOf } from './debug-scene.js';
import { allocate, cacheCalled, exhaustNode, faults, register, slabMachine, slabRow } from './slab-scene.js';

/** Frees objects, as one CPU. */
function freeAll(k: Kernel, cache: number, objects: readonly number[]): void {
  for (const object of objects) k.kmem_cache_free(cache, object);
}

describe('names', () => {
  test('a text is copied, of an address the pointer is kept', () => {
    const { k } = slabMachine();
    const name = k.kmalloc(32, GFP_KERNEL);
    k.bytes(name, 6).set(new TextEncoder().encode('inode\0'));
    const cache = k.kmem_cache_create(name, 100, 0, 0);
    expect([k.kmem_cache_name(cache), k.kmem_cache_size(cache)]).toEqual(['inode', 100]);
    k.bytes(name, 6).set(new TextEncoder().encode('imode\0'));
    expect(slabRow(k, 'imode').size).toBe(104);
    expect(k.kmem_cache_name(k.kmem_cache_create('dentry', 50, 0, 0))).toBe('dentry');
    expect(faults(k)).toEqual([]);
  });

  test('whose memory has gone are reported when another cache is made', () => {
    const { k } = slabMachine();
    const page = k.get_zeroed_page(GFP_KERNEL);
    k.bytes(page, 6).set(new TextEncoder().encode('module'));
    k.kmem_cache_create(page, 600, 0, 0);
    k.kmem_cache_create('before', 64, 0, 0);
    expect(logOf(k)).not.toContain('lost its name');
    k.free_page(page);
    k.drain_local_pages();
    expect(k.cat('/proc/slabinfo')).toMatch(/^<lost> +0 +0 +600 /m);
    k.kmem_cache_create('after', 64, 0, 0);
    expect(logOf(k)).toContain('SLAB: cache with size 600 has lost its name');
  });

  test('are not given twice; the old cache goes on', () => {
    const { k } = slabMachine();
    const cache = k.kmem_cache_create('once', 100, 0, 0);
    expect(bugOf(() => k.kmem_cache_create('once', 200, 0, 0))).toContain('duplicate cache once');
    expect(bugOf(() => k.kmem_cache_create('size-64', 200, 0, 0))).toContain('duplicate cache size-64');
    expect(k.kmem_cache_alloc(cache, GFP_KERNEL)).not.toBe(0);
  });
});

describe('what nobody can ask for is a BUG', () => {
  const { k } = slabMachine();
  const symbol = k.module_symbol('test', 'ctor');
  test.each<[string, (k: Kernel) => unknown, string]>([
    ['no name', () => k.kmem_cache_create('', 64, 0, 0), 'a cache needs a name'],
    ['NULL', () => k.kmem_cache_create(0, 64, 0, 0), 'a cache needs a name'],
    ['a word is the least', () => k.kmem_cache_create('x', 4, 0, 0), 'from 8 to 131072'],
    ['128 KiB is the most', () => k.kmem_cache_create('x', 131073, 0, 0), 'from 8 to 131072'],
    ['unknown flags', () => k.kmem_cache_create('x', 64, 0, 1), 'unknown flags 0x1'],
    ['an alignment that is none', () => k.kmem_cache_create('x', 64, 48, 0), 'a power of two'],
    ['a destructor alone', () => k.kmem_cache_create('x', 64, 0, 0, 0, symbol), 'without a constructor'],
    ['a function that is none', () => k.kmem_cache_create('x', 64, 0, 0, 999), 'symbol'],
  ])('%s', (_, create, message) => {
    expect(bugOf(() => create(k))).toContain(message);
    expect(cacheCalled(k, 'x')).toBe(0);
  });
});

describe('constructors', () => {
  /** A machine whose constructor counts, and notes the flags that it sees. */
  function counting(): {
    machine: LoneMachine;
    calls: Map<number, number>;
    objects: Set<number>;
    ctor: number;
  } {
    const machine = slabMachine();
    const calls = new Map<number, number>();
    const objects = new Set<number>();
    const ctor = register(machine, 'count', (k, object, cache, flags) => {
      calls.set(flags!, (calls.get(flags!) ?? 0) + 1);
      if ((flags! & SLAB_CTOR_CONSTRUCTOR) !== 0) {
        objects.add(object);
        (k as Kernel).write32(object, 0x1234);
      } else objects.delete(object);
      expect(cache).toBeGreaterThan(0);
    });
    return { machine, calls, objects, ctor };
  }

  test.each([
    ['a small object', 100],
    ['one whose slab is described elsewhere', 1000],
  ])('that throw cost no memory: %s', (_, size) => {
    const machine = slabMachine();
    const { k } = machine;
    let calls = 0;
    const ctor = register(machine, 'fail', () => {
      if (++calls % 3 === 0) throw new Error('not in the mood');
    });
    const cache = k.kmem_cache_create('moody', size, 0, 0, ctor);
    for (let i = 0; i < 3; i++)
      expect(() => k.kmem_cache_alloc(cache, GFP_KERNEL)).toThrow('not in the mood');
    expect(slabRow(k, 'moody')).toMatchObject({ objects: 0, slabs: 0 });
    expect(faults(k)).toEqual([]);
    expect(k.kmem_cache_destroy(cache)).toBe(0);
  });

  test('run for all objects when a slab comes, one function as destructor when it goes', () => {
    const { machine, calls, objects, ctor } = counting();
    const { k } = machine;
    const cache = k.kmem_cache_create('made', 100, 0, 0, ctor, ctor);
    expect(calls.size).toBe(0);
    const held = allocate(k, cache, 100);
    const { perSlab, slabs } = slabRow(k, 'made');
    expect([...calls]).toEqual([[SLAB_CTOR_CONSTRUCTOR, perSlab * slabs]]);
    expect(held.every((object) => objects.has(object) && k.read32(object) === 0x1234)).toBe(true);
    freeAll(k, cache, held);
    const again = allocate(k, cache, 100);
    expect(new Set(again)).toEqual(new Set(held));
    freeAll(k, cache, again);
    expect(calls.get(SLAB_CTOR_CONSTRUCTOR)).toBe(perSlab * slabs);
    expect(calls.has(0)).toBe(false);
    expect(k.kmem_cache_shrink(cache)).toBe(0);
    expect(calls.get(0)).toBe(perSlab * slabs);
    expect(objects.size).toBe(0);
    expect(k.kmem_cache_destroy(cache)).toBe(0);
    expect(faults(k)).toEqual([]);
  });

  test('are told when they must not sleep', () => {
    const { machine, calls, ctor } = counting();
    const { k } = machine;
    const cache = k.kmem_cache_create('made', 2000, 0, 0, ctor);
    const held = [k.kmem_cache_alloc(cache, GFP_ATOMIC), k.kmem_cache_alloc(cache, GFP_KERNEL)];
    expect([...calls.keys()]).toEqual([SLAB_CTOR_CONSTRUCTOR | SLAB_CTOR_ATOMIC]);
    held.push(k.kmem_cache_alloc(cache, GFP_KERNEL));
    expect([...calls]).toEqual([
      [SLAB_CTOR_CONSTRUCTOR | SLAB_CTOR_ATOMIC, 2],
      [SLAB_CTOR_CONSTRUCTOR, 2],
    ]);
    freeAll(k, cache, held);
  });

  test('run with interrupts as the caller may have them', () => {
    const machine = slabMachine();
    const { k } = machine;
    const seen: boolean[] = [];
    const ctor = register(machine, 'look', (kernel) => seen.push((kernel as Kernel).irqs_disabled()));
    const cache = k.kmem_cache_create('made', 4000, 0, 0, ctor);
    k.kmem_cache_alloc(cache, GFP_KERNEL);
    k.kmem_cache_alloc(cache, GFP_ATOMIC);
    expect(seen).toEqual([false, true]);
  });
});

describe('the end of a cache', () => {
  test('fails while objects are out, says so, and leaves the cache as it was', () => {
    const machine = slabMachine();
    const { k } = machine;
    const cache = k.kmem_cache_create('held', 300, 0, 0);
    const object = k.kmem_cache_alloc(cache, GFP_KERNEL);
    expect(k.kmem_cache_shrink(cache)).toBe(1);
    expect(k.kmem_cache_destroy(cache)).toBe(1);
    expect(logOf(k)).toContain("slab error in kmem_cache_destroy(): cache `held': Can't free all objects");
    expect(slabRow(k, 'held')).toMatchObject({ activeObjects: 1, slabs: 1 });
    expect(k.kmem_cache_alloc(cache, GFP_KERNEL)).not.toBe(object);
    expect(faults(k)).toEqual([]);
  });

  test('leaves nothing behind', () => {
    const { k, cpus } = slabMachine();
    const used = (): number => k.cat('/proc/slabinfo').split('\n').slice(2, -1).length;
    const before = used();
    for (const size of [24, 600, 1500, 9000, 131072]) {
      const cache = k.kmem_cache_create(`temporary-${size}`, size, 0, 0);
      const held = cpus.map((cpu) => allocate(cpu, cache, 5));
      for (const cpu of cpus) freeAll(cpus[(cpu.cpu + 1) % 4], cache, held[cpu.cpu]);
      expect(k.kmem_cache_destroy(cache)).toBe(0);
    }
    expect(used()).toBe(before);
    expect(faults(k)).toEqual([]);
  });
});

test('without memory there is no cache: NULL, or the end of the machine with SLAB_PANIC', () => {
  const { k } = slabMachine();
  for (const node of [0, 1]) exhaustNode(k, node, GFP_ATOMIC | __GFP_THISNODE | __GFP_NOWARN);
  // What lies free in slabs is used up, too.
  for (let size = 32; size <= 4096; size *= 2) while (k.kmalloc(size, GFP_ATOMIC | __GFP_NOWARN) !== 0);
  expect(k.kmem_cache_create('late', 100, 0, 0)).toBe(0);
  expect(cacheCalled(k, 'late')).toBe(0);
  expect(faults(k)).toEqual([]);
  expect(() => k.kmem_cache_create('late', 100, 0, SLAB_PANIC)).toThrow(KernelPanic);
  expect(logOf(k)).toContain('kmem_cache_create(): failed to create slab `late');
});
