import { GFP_ATOMIC, GFP_KERNEL, type Kernel, SLAB_CTOR_CONSTRUCTOR } from 'gfp';

/** What the tests of slab caches run on CPUs. */

/** An object that nobody uses has this number: the constructor writes it, and who frees the object. */
const UNUSED = 0x5eed;

export function construct(k: Kernel, object: number, _cache: number, flags: number): void {
  if ((flags & SLAB_CTOR_CONSTRUCTOR) !== 0) k.write32(object, UNUSED);
  else if (k.read32(object) !== UNUSED) throw new Error('an object was destroyed that somebody has');
}

/** Makes a cache; its number. */
export function createCache(k: Kernel, args: { readonly name: string; readonly size: number }): number {
  const ctor = k.module_symbol(import.meta.url, 'construct');
  return k.kmem_cache_create(args.name, args.size, 0, 0, ctor, ctor);
}

export function destroyCache(k: Kernel, cache: number): number {
  return k.kmem_cache_destroy(cache);
}

/** Allocates and frees objects of a cache, of both nodes, until the word is set; how many. Nobody else may have one of them. */
export function churnObjects(k: Kernel, args: { readonly cache: number; readonly stop: Int32Array }): number {
  const { cache, stop } = args;
  const held: number[] = [];
  let taken = 0;
  do {
    for (let i = 0; i < 150; i++) {
      const object =
        i % 5 === 0
          ? k.kmem_cache_alloc_node(cache, GFP_KERNEL, (k.numa_node_id() + 1) % 2)
          : k.kmem_cache_alloc(cache, i % 2 === 0 ? GFP_KERNEL : GFP_ATOMIC);
      if (k.read32(object) !== UNUSED) throw new Error('an object was given to two');
      k.write32(object, k.smp_processor_id());
      held.push(object);
    }
    taken += held.length;
    while (held.length > 0) {
      const object = held.pop()!;
      if (k.read32(object) !== k.smp_processor_id()) throw new Error('somebody else wrote into an object');
      k.write32(object, UNUSED);
      k.kmem_cache_free(cache, object);
    }
    k.kfree(k.kmalloc(1 + (taken % 5000), GFP_KERNEL));
  } while (Atomics.load(stop, 0) === 0);
  return taken;
}
