import { PAGE_SIZE } from '../../arch/page.js';
import { BUG, BUG_ON, panic, WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { describeValue } from '../core/describe-value.js';
import { DEBUG_FAULTS, DEBUG_SLAB, KERNEL } from '../core/kernel-data.js';
import { in_interrupt } from '../core/preempt.js';
import { printk } from '../core/printk.js';
import { checkSymbol } from '../cpu/module-symbols.js';
import { virt_addr_valid } from '../mm/address.js';
import { GFP_DMA, GFP_KERNEL } from '../mm/gfp.js';
import { mutex_lock, mutex_unlock } from '../sched/mutex.js';
import { allocSlot } from './alloc.js';
import { chainCache, firstCache, nextCache } from './cache-chain.js';
import { cacheName, kmem_cache_name, nameCache } from './cache-name.js';
import { destroyDescriptor } from './cache-destroy.js';
import { makeDepot } from './debug-users.js';
import { generalCache } from './general-caches.js';
import { type Geometry, geometryFlags, slabGeometry, type SlabMachine } from './geometry.js';
import { ARRAYS, BUFCTL_BYTES, CACHE_NAME_BYTES, cacheWords, KMEM_CACHE, slabBytes } from './kmem-cache.js';
import {
  CREATE_MASK,
  LOOKED_AT_MASK,
  SLAB_CACHE_DMA,
  SLAB_DESTROY_BY_RCU,
  SLAB_PANIC,
  SLAB_POISON,
  SLAB_RED_ZONE,
  SLAB_STORE_USER,
} from './slab-flags.js';
import { slotWord } from './slot.js';
import { enable_cpucache } from './tune.js';

/** The creation of a cache (facts file, sections 3.1 and 3.3). */

const AT = KMEM_CACHE.at;

/**
 * Makes a cache of objects of one size.
 *
 * @param name not that of another cache; a text of less than CACHE_NAME_BYTES in UTF-8, or the address of one in kernel memory,
 *   of which the pointer is kept
 * @param size bytes of an object: a word up to the largest size of kmalloc
 * @param align bytes, a power of two; 0 for the default: a word, or a cache line with SLAB_HWCACHE_ALIGN. NULL when it is so
 *   large that no slab holds an object
 * @param flags SLAB_* bits
 * @param ctor symbol number of `(k, object, cache, SLAB_CTOR_* bits)`, called for each object of a new slab; 0: none
 * @param dtor the same, called for each object of a slab that is freed; only with a constructor; 0: none
 * @returns word index of the cache; 0 (NULL) without memory. May sleep; process context
 * @throws KernelBug for an argument that is none of that, and in an interrupt. KernelPanic instead of NULL with SLAB_PANIC
 */
export function kmem_cache_create(
  k: Cpu,
  name: string | number,
  size: number,
  align: number,
  flags: number,
  ctor = 0,
  dtor = 0,
): number {
  checkArguments(k, name, size, align, flags, ctor, dtor);
  mutex_lock(k, KERNEL.cache_chain_mutex);
  let cache = 0;
  try {
    checkNames(k, name);
    cache = makeCache(k, name, size, align, flags, ctor, dtor);
  } finally {
    mutex_unlock(k, KERNEL.cache_chain_mutex);
  }
  if (cache === 0 && (flags & SLAB_PANIC) !== 0)
    panic(k, `kmem_cache_create(): failed to create slab \`${name}'`);
  return cache;
}

function checkArguments(
  k: Cpu,
  name: string | number,
  size: number,
  align: number,
  flags: number,
  ctor: number,
  dtor: number,
): void {
  const shown = typeof name === 'string' ? name : describeValue(name);
  const wrong = (problem: string): never => BUG(k, `kmem_cache_create(${shown}): ${problem}`);
  if (name === '' || name === 0) wrong('a cache needs a name');
  if (typeof name !== 'string' && !(Number.isInteger(name) && virt_addr_valid(k, name)))
    wrong('a name is a text, or the address of one in kernel memory');
  if (typeof name === 'string' && new TextEncoder().encode(name).length >= CACHE_NAME_BYTES)
    wrong(`a name has less than ${CACHE_NAME_BYTES} bytes`);
  if (typeof name === 'string' && name.includes('\0')) wrong('a name has no NUL in it');
  if (in_interrupt(k)) wrong('called in an interrupt');
  const least = k.space.bits / 8;
  if (!(Number.isInteger(size) && size >= least && size <= k.i32[KERNEL.kmalloc_max]))
    wrong(`size ${describeValue(size)}: must be an integer from ${least} to ${k.i32[KERNEL.kmalloc_max]}`);
  if (!(Number.isInteger(align) && align >= 0 && (align & (align - 1)) === 0))
    wrong(`align ${describeValue(align)}: must be a power of two, or 0`);
  if ((flags | 0) !== flags) wrong(`flags ${describeValue(flags)}: must be SLAB_* bits, or 0`);
  if ((flags & ~CREATE_MASK) !== 0) wrong(`unknown flags 0x${((flags & ~CREATE_MASK) >>> 0).toString(16)}`);
  if (dtor !== 0 && ctor === 0) wrong('a destructor without a constructor');
  if (ctor !== 0) checkSymbol(k, ctor);
  if (dtor !== 0) checkSymbol(k, dtor);
}

/** No two caches have one name. Caches whose name has vanished meanwhile are told. */
function checkNames(k: Cpu, name: string | number): void {
  if ((k.debug & DEBUG_SLAB) !== 0 && typeof name === 'string' && /\s/.test(name))
    WARN(k, `kmem_cache_create: there is a blank in the name '${name}'`);
  for (let cache = firstCache(k); cache !== 0; cache = nextCache(k, cache)) {
    const other = cacheName(k, cache);
    if (other === undefined)
      printk(k, `SLAB: cache with size ${k.i32[cache + AT.buffer_size]} has lost its name`);
    BUG_ON(k, other !== undefined && other === name, `kmem_cache_create: duplicate cache ${String(name)}`);
  }
}

/** Under cache_chain_mutex, or at boot. */
function makeCache(
  k: Cpu,
  name: string | number,
  size: number,
  align: number,
  flags: number,
  ctor: number,
  dtor: number,
): number {
  const geometry = slabGeometry(slabMachine(k), size, align, effectiveFlags(k, size, flags));
  if (geometry === undefined) {
    printk(k, `kmem_cache_create: couldn't create cache ${String(name)}.`);
    return 0;
  }
  const slot = allocSlot(k, k.i32[KERNEL.cache_cache], GFP_KERNEL, -1);
  if (slot === 0) return 0;
  const cache = slotWord(k, slot);
  k.i32.fill(0, cache, cache + cacheWords(k));
  describeCache(k, cache, geometry, size, effectiveFlags(k, size, flags));
  k.i32[cache + AT.ctor] = ctor;
  k.i32[cache + AT.dtor] = dtor;
  nameCache(k, cache, name);
  if ((k.i32[cache + AT.flags] & SLAB_STORE_USER) !== 0) makeDepot(k, kmem_cache_name(k, cache));
  if (enable_cpucache(k, cache) !== 0) {
    destroyDescriptor(k, cache);
    return 0;
  }
  chainCache(k, cache);
  return cache;
}

/** With debug.slab all caches are debugged in which that costs no page more for each object, as with CONFIG_DEBUG_SLAB. */
export function effectiveFlags(k: Cpu, size: number, flags: number): number {
  if ((k.debug & DEBUG_SLAB) === 0) return flags;
  const words = (3 * k.space.bits) / 8;
  const isCheap = size < PAGE_SIZE || Math.clz32(size - 1) === Math.clz32(size - 1 + words);
  const poison = (flags & SLAB_DESTROY_BY_RCU) === 0 ? SLAB_POISON : 0;
  return flags | (isCheap ? SLAB_RED_ZONE | SLAB_STORE_USER : 0) | poison;
}

/** Writes what follows from the geometry into a cleared descriptor. */
export function describeCache(k: Cpu, cache: number, geometry: Geometry, size: number, flags: number): void {
  const { i32 } = k;
  i32[cache + AT.flags] = flags | geometryFlags(geometry);
  i32[cache + AT.looked_at] = (flags & LOOKED_AT_MASK) | (k.debug & (DEBUG_SLAB | DEBUG_FAULTS));
  i32[cache + AT.gfpflags] = (flags & SLAB_CACHE_DMA) !== 0 ? GFP_DMA : 0;
  i32[cache + ARRAYS + i32[KERNEL.nr_cpus]] = KERNEL.no_array;
  i32[cache + AT.gfporder] = geometry.order;
  i32[cache + AT.num] = geometry.num;
  i32[cache + AT.buffer_size] = geometry.size;
  i32[cache + AT.obj_size] = size;
  i32[cache + AT.obj_offset] = geometry.offset;
  i32[cache + AT.align] = geometry.align;
  i32[cache + AT.colour] = geometry.colour;
  i32[cache + AT.colour_off] = geometry.colourOff;
  i32[cache + AT.slab_size] = geometry.slabSize;
  if (geometry.offSlab) i32[cache + AT.slabp_cache] = generalCache(k, geometry.slabSize, 0);
}

/** What geometry needs to know of this machine. */
export function slabMachine(k: Cpu): SlabMachine {
  return {
    word: k.space.bits / 8,
    slab: slabBytes(k),
    bufctl: BUFCTL_BYTES,
    breakOrder: k.i32[KERNEL.slab_break_order],
    maxOrder: k.i32[KERNEL.slab_max_order],
  };
}
