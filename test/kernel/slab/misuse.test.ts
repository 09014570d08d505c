import { describe, expect, test } from 'vitest';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { mempool_alloc_slab, mempool_free_slab } from '../../../src/kernel/slab/mempool-kinds.js';
import { audit } from '../../../src/kernel/debug/audit.js';
import { bugOf, debugMachine } from './debug-scene.js';
import { allocate, faults, slabMachine } from './slab-scene.js';

/** What JavaScript lets a caller give for a number. */
const text = '64' as unknown as number;
const nothing = undefined as unknown as number;
const GIB = 2 ** 30;

/** The message of the BUG that a call ends with. */
function messageOf(call: () => unknown): string {
  return /kernel BUG: (.*)/.exec(bugOf(call))?.[1] ?? '';
}

/** A cache that is no more, whose CPU had objects in its array. */
function destroyed(k: Kernel): number {
  const cache = k.kmem_cache_create('gone', 64, 0, 0);
  for (const object of allocate(k, cache, 3)) k.kmem_cache_free(cache, object);
  expect(k.kmem_cache_destroy(cache)).toBe(0);
  return cache;
}

describe.each([
  ['without debugging', slabMachine],
  ['with debug.slab', debugMachine],
])('misuse is told by the long ways, %s:', (_, boot) => {
  const { k, cpus } = boot();

  test.each<[string, (k: Kernel) => number]>([
    ['NULL', () => 0],
    ['a number that is none', () => 12345],
    ['a fraction', () => 12345.5],
    ['a text', () => 'inode' as unknown as number],
    ['nothing', () => nothing],
    ['a cache that was destroyed', destroyed],
  ])('%s, instead of a cache', (_, make) => {
    const cache = make(k);
    const shown = typeof cache === 'string' ? '"inode"' : String(cache);
    const none = (what: string) => `${what}: ${shown} is no cache, or one that was destroyed`;
    expect(messageOf(() => k.kmem_cache_alloc(cache, GFP_KERNEL))).toBe(none('kmem_cache_alloc'));
    expect(messageOf(() => cpus[2].kmem_cache_alloc(cache, GFP_KERNEL))).toBe(none('kmem_cache_alloc'));
    expect(messageOf(() => k.kmem_cache_zalloc(cache, GFP_KERNEL))).toBe(none('kmem_cache_alloc'));
    expect(messageOf(() => k.kmem_cache_alloc_node(cache, GFP_KERNEL, 1))).toBe(none('kmem_cache_alloc'));
    expect(messageOf(() => k.kmem_cache_size(cache))).toBe(none('kmem_cache_size'));
    expect(messageOf(() => k.kmem_cache_name(cache))).toBe(none('kmem_cache_name'));
    expect(messageOf(() => k.kmem_cache_shrink(cache))).toBe(none('kmem_cache_shrink'));
    expect(messageOf(() => k.kmem_cache_destroy(cache))).toBe(none('kmem_cache_destroy'));
    const object = k.kmalloc(64, GFP_KERNEL);
    expect(messageOf(() => k.kmem_cache_free(cache, object))).toBe(none('kmem_cache_free'));
    k.kfree(object);
    expect(faults(k)).toEqual([]);
  });

  test('a pool of a cache that is none', () => {
    expect(messageOf(() => k.mempool_create(2, mempool_alloc_slab, mempool_free_slab, 0))).toBe(
      'kmem_cache_alloc: 0 is no cache, or one that was destroyed',
    );
  });

  test.each<[string, () => unknown]>([
    ['kmalloc of -1 bytes: must be an integer, 0 or more', () => k.kmalloc(-1, GFP_KERNEL)],
    ['kmalloc of NaN bytes: must be an integer, 0 or more', () => k.kmalloc(NaN, GFP_KERNEL)],
    ['kmalloc of Infinity bytes: must be an integer, 0 or more', () => k.kmalloc(Infinity, GFP_KERNEL)],
    ['kmalloc of "64" bytes: must be an integer, 0 or more', () => k.kzalloc(text, GFP_KERNEL)],
    ['kmalloc of -64 bytes: must be an integer, 0 or more', () => k.kcalloc(1, -64, GFP_KERNEL)],
    ['kcalloc of -1 elements: must be an integer, 0 or more', () => k.kcalloc(-1, -64, GFP_KERNEL)],
    ['kcalloc of 0.5 elements: must be an integer, 0 or more', () => k.kcalloc(0.5, 64, GFP_KERNEL)],
    ['kmalloc_node: there is no node 2', () => k.kmalloc_node(64, GFP_KERNEL, 2)],
    ['kmalloc_node: there is no node 0.5', () => k.kmalloc_node(64, GFP_KERNEL, 0.5)],
    ['kmalloc_node: there is no node undefined', () => k.kmalloc_node(64, GFP_KERNEL, nothing)],
    ['kmem_cache_create(f): size "64": must be an integer from 8 to 131072', create('f', text)],
    ['kmem_cache_create(f): align NaN: must be a power of two, or 0', create('f', 64, NaN)],
    ['kmem_cache_create(f): flags NaN: must be SLAB_* bits, or 0', create('f', 64, 0, NaN)],
    [
      'kmem_cache_create(undefined): a name is a text, or the address of one in kernel memory',
      create(undefined, 64),
    ],
    ['kmem_cache_create(5): a name is a text, or the address of one in kernel memory', create(5, 64)],
    [`kmem_cache_create(${'ä'.repeat(32)}): a name has less than 64 bytes`, create('ä'.repeat(32), 64)],
  ])('%s', (message, call) => {
    expect(messageOf(call)).toBe(message);
  });

  function create(name: unknown, size: number, align = 0, flags = 0): () => unknown {
    return () => k.kmem_cache_create(name as string, size, align, flags);
  }

  test('a mask that is none, as soon as the array of the CPU is empty', () => {
    const cache = k.kmem_cache_create('mask', 64, 0, 0);
    const alloc = k.kmem_cache_alloc.bind(k, cache) as (gfp?: unknown) => number;
    expect(messageOf(() => alloc())).toBe('mask undefined: must be __GFP_* bits, such as GFP_KERNEL');
    expect(messageOf(() => alloc('GFP_KERNEL'))).toContain('mask "GFP_KERNEL": must be ');
  });

  test('an address that is that of no object, for who asks its size or changes it', () => {
    const p = k.kmalloc(100, GFP_KERNEL);
    const inside =
      /^slab: [0-9a-f]{16} is not the start of an object of cache 'size-128': it lies 8 bytes behind/;
    expect(messageOf(() => k.ksize(p + 8))).toMatch(inside);
    expect(messageOf(() => k.krealloc(p + 8, 300, GFP_KERNEL))).toMatch(inside);
    expect(messageOf(() => k.krealloc(p, -1, GFP_KERNEL))).toMatch(/^kmalloc of -1 bytes/);
    expect(messageOf(() => k.krealloc(p, 0.5, GFP_KERNEL))).toMatch(/^kmalloc of 0.5 bytes/);
    expect(messageOf(() => k.ksize(p + 16 * GIB))).toMatch(/^kfree_debugcheck: bad ptr /);
    k.kfree(p);
    expect(faults(k)).toEqual([]);
  });
});

test('without debugging the audit sees a second free while both copies are free, and what lies in a wrong array', () => {
  const { k } = slabMachine();
  const p = k.kmalloc(64, GFP_KERNEL);
  k.kfree(p);
  k.kfree(p);
  expect(audit(k).violations.map(({ kind }) => kind)).toEqual(['object-twice']);
  expect([k.kmalloc(64, GFP_KERNEL), k.kmalloc(64, GFP_KERNEL)]).toEqual([p, p]);
  expect(audit(k).violations).toEqual([]);
  k.kfree(p + 3);
  k.kfree(k.kmalloc(64, GFP_KERNEL) + 16 * GIB);
  expect(audit(k).violations).toEqual([]);
  const small = k.kmem_cache_create('small', 64, 0, 0);
  const large = k.kmem_cache_create('large', 128, 0, 0);
  const object = k.kmem_cache_alloc(small, GFP_KERNEL);
  k.kmem_cache_free(large, object);
  k.kfree(k.kmalloc(64, GFP_KERNEL) + 8);
  expect(audit(k).violations.map(({ kind }) => kind)).toEqual(['array-entry', 'array-entry']);
});

test('with debug.slab, kfree does not take an address for one that is 16 GiB below', () => {
  const { k } = debugMachine();
  const p = k.kmalloc(100, GFP_KERNEL);
  for (const distance of [-16 * GIB, 16 * GIB, 64 * GIB, 1024 * GIB]) {
    const bad = BigInt.asUintN(64, BigInt(p + distance)).toString(16);
    expect(messageOf(() => k.kfree(p + distance))).toBe(`kfree_debugcheck: bad ptr ${bad}h.`);
  }
  k.kfree(p);
  expect(faults(k)).toEqual([]);
});

test('when both copies of an object that was freed twice are back in their slab, a CPU stops instead of looping', () => {
  const { k } = slabMachine();
  const cache = k.kmem_cache_create('twice', 64, 0, 0);
  // Two others stay out, so that the slab is not freed.
  const [object] = allocate(k, cache, 3);
  k.kmem_cache_free(cache, object);
  k.kmem_cache_free(cache, object);
  k.kmem_cache_shrink(cache);
  const takeAll = () => {
    for (let i = 0; i < 1000; i++) k.kmem_cache_alloc(cache, GFP_KERNEL);
  };
  expect(takeAll).toThrow(/Internal list corruption detected in cache 'twice'/);
});
