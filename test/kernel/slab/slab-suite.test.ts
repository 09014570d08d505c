import { describe, expect, it } from 'vitest';
import { GFP_KERNEL, __GFP_ZERO } from '../../../src/kernel/mm/gfp.js';
import { SLAB_POISON, SLAB_RED_ZONE, SLAB_STORE_USER } from '../../../src/kernel/slab/slab-flags.js';
import { debugMachine, logOf, reportsOf, shown } from './debug-scene.js';

/**
 * The cases of the kernel's own suite for slab allocators, by their names. Where the kernel calls validate_slab_cache(), here
 * the object is used again or its slab is freed, which is when this allocator looks at it.
 */
const plain = () => debugMachine({ slab: false });

/** Allocates from a cache until it gets an object again. */
function takeAgain(k: ReturnType<typeof plain>['k'], cache: number, object: number): void {
  expect(k.kmem_cache_alloc(cache, GFP_KERNEL)).toBe(object);
}

describe("the kernel's slab suite", () => {
  it('clobber_zone: a byte behind an object', () => {
    const machine = plain();
    const { k } = machine;
    const cache = k.kmem_cache_create('TestSlub_RZ_alloc', 64, 0, SLAB_RED_ZONE);
    const p = k.kmem_cache_alloc(cache, GFP_KERNEL);
    k.write8(p + 64, 0x12);
    const reports = reportsOf(machine, () => {
      k.kmem_cache_free(cache, p);
    });
    expect(reports).toHaveLength(1);
    expect(reports[0]).toContain(
      "slab error in verify_redzone_free(): cache `TestSlub_RZ_alloc': " +
        'double free, or memory outside object was overwritten\n' +
        `${shown(k, p)}: redzone 1:0xd84156c5635688c0, redzone 2:0xd84156c563568812\n`,
    );
    // The object itself is fine.
    expect(
      reportsOf(machine, () => {
        takeAgain(k, cache, p);
        k.kmem_cache_free(cache, p);
      }),
    ).toEqual([]);
  });

  it('next_pointer: the link from a free object to the next', () => {
    const machine = plain();
    const { k } = machine;
    const cache = k.kmem_cache_create('TestSlub_next_ptr_free', 64, 0, SLAB_POISON);
    const p = k.kmem_cache_alloc(cache, GFP_KERNEL);
    k.kmem_cache_free(cache, p);
    // Links lie beside the objects here: who writes to a free one, wherever, cannot break the chain.
    k.write64(p + 32, BigInt.asUintN(64, BigInt(p + 12)));
    const reports = reportsOf(machine, () => {
      expect(k.kmem_cache_shrink(cache)).toBe(0);
    });
    expect(reports).toHaveLength(1);
    expect(reports[0]).toContain(`Slab corruption: start=${shown(k, p)}, len=64\n`);
    expect(k.kmem_cache_destroy(cache)).toBe(0);
  });

  it('first_word: the first byte of a free object', () => {
    const machine = plain();
    const { k } = machine;
    const cache = k.kmem_cache_create('TestSlub_1th_word_free', 64, 0, SLAB_POISON);
    const p = k.kmem_cache_alloc(cache, GFP_KERNEL);
    k.kmem_cache_free(cache, p);
    k.write8(p, 0x78);
    const reports = reportsOf(machine, () => {
      takeAgain(k, cache, p);
    });
    expect(reports).toHaveLength(1);
    expect(reports[0]).toContain(`Slab corruption: start=${shown(k, p)}, len=64\n`);
    expect(reports[0]).toContain('\n000: 78 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b\n');
  });

  it('clobber_50th_byte: a byte in the middle of a free object', () => {
    const machine = plain();
    const { k } = machine;
    const cache = k.kmem_cache_create('TestSlub_50th_word_free', 64, 0, SLAB_POISON);
    const p = k.kmem_cache_alloc(cache, GFP_KERNEL);
    k.kmem_cache_free(cache, p);
    k.write8(p + 50, 0x9a);
    const reports = reportsOf(machine, () => {
      takeAgain(k, cache, p);
    });
    expect(reports).toHaveLength(1);
    expect(reports[0]).toContain('\n030: 6b 6b 9a 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b a5\n');
  });

  it('clobber_redzone_free: a byte behind a free object', () => {
    const machine = plain();
    const { k } = machine;
    const cache = k.kmem_cache_create('TestSlub_RZ_free', 64, 0, SLAB_RED_ZONE);
    const p = k.kmem_cache_alloc(cache, GFP_KERNEL);
    k.kmem_cache_free(cache, p);
    k.write8(p + 64, 0xab);
    const problem = 'double free, or memory outside object was overwritten';
    const reports = reportsOf(machine, () => {
      takeAgain(k, cache, p);
    });
    expect(reports).toHaveLength(1);
    expect(reports[0]).toContain(
      `slab error in cache_alloc_debugcheck_after(): cache \`TestSlub_RZ_free': ${problem}\n` +
        `${shown(k, p)}: redzone 1:0x9f911029d74e35b, redzone 2:0x9f911029d74e3ab\n`,
    );
    k.kmem_cache_free(cache, p);
    k.write8(p - 1, 0xab);
    k.write8(p + 64, 0xab);
    const atDestroy = reportsOf(machine, () => k.kmem_cache_destroy(cache));
    expect(atDestroy).toHaveLength(2);
    const destroyed = "slab error in slab_destroy_objs(): cache `TestSlub_RZ_free': ";
    expect(atDestroy[0]).toContain(`${destroyed}start of a freed object was overwritten\n`);
    expect(atDestroy[1]).toContain(`${destroyed}end of a freed object was overwritten\n`);
  });

  it('kmalloc_redzone_access: bytes of a kmalloc object that were not asked for', () => {
    const machine = debugMachine();
    const { k } = machine;
    const p = k.kmalloc(18, GFP_KERNEL);
    k.memset(p, 0xff, 18);
    k.write8(p + 18, 0xab);
    k.write8(p + 19, 0xab);
    const reports = reportsOf(machine, () => {
      k.kfree(p);
    });
    expect(reports).toHaveLength(1);
    expect(reports[0]).toContain(
      "slab error in verify_redzone_free(): cache `size-32': double free, or memory outside object was overwritten\n",
    );
    expect(reports[0]).toContain('\nbyte 18 was written to, of an object of 18 bytes\nallocated at:\n');
  });

  it('leak_destroy: a cache that is destroyed while an object is out', () => {
    const machine = plain();
    const { k } = machine;
    const cache = k.kmem_cache_create('TestSlub_kmem_cache_destroy', 64, 0, SLAB_STORE_USER);
    const leaky = () => k.kmem_cache_alloc(cache, GFP_KERNEL);
    const [first] = [leaky(), leaky()];
    const reports = reportsOf(machine, () => {
      expect(k.kmem_cache_destroy(cache)).toBe(1);
    });
    expect(reports).toHaveLength(1);
    expect(reports[0]).toContain(
      "slab error in kmem_cache_destroy(): cache `TestSlub_kmem_cache_destroy': Can't free all objects\n",
    );
    expect(logOf(k)).toMatch(
      /slab: leak of 2 objects of cache `TestSlub_kmem_cache_destroy', allocated at:\n \[<slab-suite\.test\.ts:\d+>\] leaky\n/,
    );
    k.kmem_cache_free(cache, first);
  });

  it('krealloc_redzone_zeroing: what krealloc clears, and what it leaves to the red zone', () => {
    const machine = debugMachine();
    const { k } = machine;
    const bytes = (p: number, from: number, to: number) => [...new Set(k.bytes(p, to).slice(from))];
    let p = k.kmalloc(48, GFP_KERNEL | __GFP_ZERO);
    k.memset(p, 0xff, 48);
    const small = k.krealloc(p, 40, GFP_KERNEL | __GFP_ZERO);
    expect(small).toBe(p);
    expect(bytes(p, 0, 40)).toEqual([0xff]);
    expect(bytes(p, 40, 64)).toEqual([0xcc]);
    expect(k.krealloc(p, 56, GFP_KERNEL | __GFP_ZERO)).toBe(p);
    expect(bytes(p, 0, 40)).toEqual([0xff]);
    expect(bytes(p, 40, 56)).toEqual([0]);
    expect(bytes(p, 56, 64)).toEqual([0xcc]);
    k.memset(p, 0xff, 56);
    p = k.krealloc(p, 112, GFP_KERNEL | __GFP_ZERO);
    expect(bytes(p, 0, 56)).toEqual([0xff]);
    expect(bytes(p, 56, 112)).toEqual([0]);
    expect(bytes(p, 112, 128)).toEqual([0xcc]);
    k.kfree(p);
    expect(machine.platform.reports).toEqual([]);
  });
});
