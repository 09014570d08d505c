import { PAGE_SHIFT } from '../../arch/page.js';
import { BUG_ON } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { MAX_GENERAL_CACHES } from '../core/limits.js';
import { INIT_LIST_HEAD, list_add } from '../core/list.js';
import { mutex_init } from '../sched/mutex.js';
import { drain_local_pages } from '../mm/page-sets.js';
import { lock_class } from '../sync/lockdep.js';
import { spin_lock_init } from '../sync/spinlock.js';
import { GFP_KERNEL } from '../mm/gfp.js';
import { allocSlot } from './alloc.js';
import { initArray } from './array-cache.js';
import { chainCache, firstCache, nextCache } from './cache-chain.js';
import { describeCache, effectiveFlags, slabMachine } from './cache-create.js';
import { nameCache } from './cache-name.js';
import { GENERAL_SIZES, sizeClass } from './general-caches.js';
import { slabGeometry } from './geometry.js';
import { kmallocWords } from './internal-memory.js';
import { cacheWords, ENTRY, KMEM_CACHE, KMEM_LIST3, nodeList, setArray } from './kmem-cache.js';
import { initList3, useList3 } from './list3.js';
import { initLockClasses } from './lock-classes.js';
import { SLAB_CACHE_DMA } from './slab-flags.js';
import { slotWord } from './slot.js';
import { enable_cpucache } from './tune.js';

/**
 * The allocator makes itself (kmem_cache_init): caches are objects of a cache, and its arrays and lists are objects of the
 * general caches. So the cache of caches, and the two general caches that give the first arrays and lists, begin with some in
 * boot memory; the others then find what they need. In the end all get their proper arrays.
 */

/** Up to this much memory, slabs are of one page where possible. Bytes. */
const SMALL_MACHINE = 32 << 20;

/** Entries of the arrays that caches begin with. */
const BOOT_ENTRIES = 1;
const BOOT_ARRAY_WORDS = ENTRY + BOOT_ENTRIES;
/** Caches that begin in boot memory, at most. */
const BOOT_CACHES = 3;

/** Words of boot memory that {@link kmem_cache_init} needs, in `slab_boot`. */
export function slabBootWords(k: Cpu): number {
  const lists = k.i32[KERNEL.nr_nodes] * (KMEM_LIST3.words + 1);
  return BOOT_CACHES * (BOOT_ARRAY_WORDS + 1 + lists) + cacheWords(k);
}

/** Boot memory that is given out piece by piece. */
interface BootMemory {
  next: number;
}

/**
 * Makes the allocator. Boot CPU, once, when there are pages.
 *
 * @param largest bytes that kmalloc gives at most, one of GENERAL_SIZES
 */
export function kmem_cache_init(k: Cpu, largest: number, zeroSizePointer: boolean): void {
  const { i32 } = k;
  initLockClasses(k);
  mutex_init(k, KERNEL.cache_chain_mutex);
  spin_lock_init(k, KERNEL.cache_chain_lock, lock_class(k, 'cache_chain_lock'));
  INIT_LIST_HEAD(i32, KERNEL.cache_chain);
  i32[KERNEL.kmalloc_max] = largest;
  i32[KERNEL.kmalloc_zero_size] = zeroSizePointer ? 1 : 0;
  i32[KERNEL.slab_break_order] = i32[KERNEL.totalram_pages] > SMALL_MACHINE >>> PAGE_SHIFT ? 1 : 0;
  i32[KERNEL.slab_max_order] = Math.log2(largest) - PAGE_SHIFT;
  const boot = { next: i32[KERNEL.slab_boot] };
  makeCacheCache(k, boot);
  makeGeneralCaches(k, boot);
  moveOutOfBoot(k);
  for (let cache = firstCache(k); cache !== 0; cache = nextCache(k, cache)) {
    BUG_ON(k, enable_cpucache(k, cache) !== 0, 'no memory for the slab allocator');
  }
  // The lists of the boot CPU are as if nothing had been: memory is what the boot left, in large blocks.
  drain_local_pages(k);
}

/** The cache of caches. */
function makeCacheCache(k: Cpu, boot: BootMemory): void {
  const words = cacheWords(k);
  const cache = take(boot, words);
  // Never debugged by flags: descriptors fill whole slots, and hold doubles, so that no words go between them; and poison would
  // hide that a cache was destroyed, see cache-handle.ts.
  const flags = 0;
  const geometry = slabGeometry(slabMachine(k), words * 4, 64, flags, true);
  if (geometry === undefined) throw new Error('a cache does not fit into a slab');
  describeCache(k, cache, geometry, words * 4, flags);
  nameCache(k, cache, 'kmem_cache');
  beginInBoot(k, boot, cache);
  k.i32[KERNEL.cache_cache] = cache;
  list_add(k.i32, cache + KMEM_CACHE.at.next, KERNEL.cache_chain);
}

/** First those that the first arrays and lists come from, then all in ascending order. */
function makeGeneralCaches(k: Cpu, boot: BootMemory): void {
  const arrays = sizeClass(BOOT_ARRAY_WORDS * 4);
  const lists = sizeClass(KMEM_LIST3.words * 4);
  makeGeneral(k, boot, arrays, 0);
  if (lists !== arrays) makeGeneral(k, boot, lists, 0);
  for (let i = 0; i < GENERAL_SIZES.length && GENERAL_SIZES[i] <= k.i32[KERNEL.kmalloc_max]; i++) {
    if (i !== arrays && i !== lists) makeGeneral(k, undefined, i, 0);
    makeGeneral(k, undefined, i, SLAB_CACHE_DMA);
  }
}

/** @param boot where the first arrays and lists come from; undefined: the general caches */
function makeGeneral(k: Cpu, boot: BootMemory | undefined, index: number, dma: number): void {
  const size = GENERAL_SIZES[index];
  const flags = effectiveFlags(k, size, dma);
  const geometry = slabGeometry(slabMachine(k), size, Math.min(size, 64), flags, boot !== undefined);
  if (geometry === undefined) throw new Error(`no slab holds ${size} bytes`);
  const slot = allocSlot(k, k.i32[KERNEL.cache_cache], GFP_KERNEL, -1);
  BUG_ON(k, slot === 0, 'no memory for the slab allocator');
  const cache = slotWord(k, slot);
  k.i32.fill(0, cache, cache + cacheWords(k));
  describeCache(k, cache, geometry, size, flags);
  nameCache(k, cache, `size-${size}${dma === 0 ? '' : '(DMA)'}`);
  beginInBoot(k, boot, cache);
  k.i32[KERNEL.malloc_caches + index + (dma === 0 ? 0 : MAX_GENERAL_CACHES)] = cache;
  chainCache(k, cache);
}

/** Gives a cache its first array, of the boot CPU, and its lists. */
function beginInBoot(k: Cpu, boot: BootMemory | undefined, cache: number): void {
  const words = (count: number): number =>
    boot === undefined ? kmallocWords(k, count, GFP_KERNEL, -1) : take(boot, count);
  const array = words(BOOT_ARRAY_WORDS);
  initArray(k, array, BOOT_ENTRIES, 1);
  setArray(k, cache, k.cpu, array);
  for (let node = 0; node < k.i32[KERNEL.nr_nodes]; node++) {
    const list = words(KMEM_LIST3.words);
    initList3(k, list);
    useList3(k, cache, node, list);
  }
}

function take(boot: BootMemory, words: number): number {
  const at = boot.next;
  boot.next += words + (words & 1);
  return at;
}

/** Lists in boot memory move into objects, with the slabs in them (init_list). Arrays are exchanged anyway. */
function moveOutOfBoot(k: Cpu): void {
  for (let cache = firstCache(k); cache !== 0; cache = nextCache(k, cache)) {
    for (let node = 0; node < k.i32[KERNEL.nr_nodes]; node++) moveList(k, cache, node);
  }
}

function moveList(k: Cpu, cache: number, node: number): void {
  const { i32 } = k;
  const list = kmallocWords(k, KMEM_LIST3.words, GFP_KERNEL, node);
  BUG_ON(k, list === 0, 'no memory for the slab allocator');
  // From here on nothing is allocated until the lists have moved.
  const old = nodeList(k, cache, node);
  i32.copyWithin(list, old, old + KMEM_LIST3.words);
  for (const head of [KMEM_LIST3.at.slabs_partial, KMEM_LIST3.at.slabs_full, KMEM_LIST3.at.slabs_free]) {
    const next = i32[old + head];
    const prev = i32[old + head + 1];
    if (next === old + head) INIT_LIST_HEAD(i32, list + head);
    else {
      i32[list + head] = next;
      i32[list + head + 1] = prev;
      i32[next + 1] = list + head;
      i32[prev] = list + head;
    }
  }
  useList3(k, cache, node, list);
}
