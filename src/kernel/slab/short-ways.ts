import { PAGE_SHIFT, SECTION_PAGES_SHIFT } from '../../arch/page.js';
import { WORD_INDEX_MASK } from '../../image/memory-image.js';
import { readWordOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { KERNEL } from '../core/kernel-data.js';
import { __GFP_DMA, __GFP_WAIT, __GFP_ZERO, type gfp_t } from '../mm/gfp.js';
import { PAGE, PAGE_STRUCT_SHIFT, PG_slab, PG_ZONE_SHIFT } from '../mm/page.js';
import { allocLong } from './alloc.js';
import { freeLong, kfreeLong } from './free.js';
import { CLASS_SHIFT, CLASS_TABLE } from './general-caches.js';
import { kmallocLong } from './kmalloc.js';
import { ARRAY_CACHE, ARRAYS, ENTRY } from './kmem-cache.js';

/**
 * The short ways of the slab allocator (facts file, section 3.5): an object from this CPU's own array, and back into it. They
 * are a few plain accesses, between which nothing can come: interrupts are served and tasks change only where the kernel
 * polls, and here it does not. So interrupts need not be disabled, as on the long ways (`alloc.ts`, `free.ts`, `kmalloc.ts`),
 * to which whatever is unusual is left, with nothing changed.
 *
 * They are made for one image: for a function that finds the image's view in its surroundings, V8 takes the place and the size
 * of the memory as constants. That makes a pair of kmalloc and kfree almost twice as fast as with the view of a parameter.
 */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const readOnce = readWordOnce;
const INDEX = WORD_INDEX_MASK;
const ARRAY_TABLE = ARRAYS;
const AVAIL = ARRAY_CACHE.at.avail;
const LIMIT = ARRAY_CACHE.at.limit;
const TOUCHED = ARRAY_CACHE.at.touched;
const FIRST = ENTRY;
const PREEMPT_COUNT = CPU_AREA.at.preempt_count;
const IRQS_DISABLED = CPU_AREA.at.irqs_disabled;
const MEMPOLICY = CPU_AREA.at.mempolicy;
const PENDING = CPU_AREA.at.pending;
const OWN_ARRAYS = CPU_AREA.at.kmalloc_arrays;
const WAIT_BIT = __GFP_WAIT;
const LONG_BITS = __GFP_ZERO | __GFP_DMA;
const TABLE = CLASS_TABLE;
/** From this size on no class stands in the table. A comparison of the size itself: shifted, 4 GiB would be none. */
const CLASSES_END = (CLASS_TABLE.length - 1) << CLASS_SHIFT;
const SHIFT = CLASS_SHIFT;
const ROUND = (1 << CLASS_SHIFT) - 1;
const SECTION_MEM_MAP = KERNEL.section_mem_map;
const FRAME_SHIFT = PAGE_SHIFT - 2;
const SECTION_SHIFT = FRAME_SHIFT + SECTION_PAGES_SHIFT;
const STRUCT_SHIFT = PAGE_STRUCT_SHIFT;
const FLAGS = PAGE.at.flags;
const LRU = PAGE.at.lru;
const SLAB_BIT = 1 << PG_slab;
const NODE_SHIFT = PG_ZONE_SHIFT + 3;
const SLAB_AND_NODE = SLAB_BIT | (-1 << NODE_SHIFT);

export interface ShortWays {
  /**
   * An object of a cache from `kmem_cache_create`.
   *
   * @param gfp matters when the cache has to grow; with `__GFP_ZERO` the object is cleared
   * @returns its kernel address, or 0 (NULL). Context: may sleep if the mask has `__GFP_WAIT`, else any
   */
  kmem_cache_alloc(k: Cpu, cache: number, gfp: gfp_t): number;
  /**
   * Gives an object back to the cache that it came from. Any context.
   *
   * @param cache the cache of the object; another one is noticed with debugging only
   * @param object as the allocation returned it; NULL is not allowed
   */
  kmem_cache_free(k: Cpu, cache: number, object: number): void;
  /**
   * `size` bytes: contiguous, physically too, not cleared.
   *
   * @returns kernel address; 0 (NULL) without memory, and for more than the largest size (131072 bytes, or 4 MiB on machines
   *   of the later profile). Context: may sleep if the mask has `__GFP_WAIT`, else any
   */
  kmalloc(k: Cpu, size: number, gfp: gfp_t): number;
  /**
   * Frees what `kmalloc` gave; NULL is ignored. Any context.
   *
   * @throws KernelBug when it is no object of the slab allocator
   */
  kfree(k: Cpu, object: number): void;
}

/**
 * The short ways for one image.
 *
 * @param i32 the image
 * @param pageOffset PAGE_OFFSET of its architecture
 */
export function makeShortWays(i32: Int32Array, pageOffset: number): ShortWays {
  /**
   * Whether a request can be served from an array without further thought. With a pending interrupt the answer is no: on the
   * long way it is served, so that loops that allocate and free let interrupts in.
   */
  function isPlain(area: number, gfp: gfp_t): boolean {
    let odd = i32[area + MEMPOLICY] | readOnce(i32, area + PENDING) | (gfp & LONG_BITS);
    // Where might_sleep() could have something to report.
    if ((gfp & WAIT_BIT) !== 0) odd |= i32[area + PREEMPT_COUNT] | i32[area + IRQS_DISABLED];
    return odd === 0;
  }

  /** Word index of the struct page of a slot, if that is a page of a slab on this node; else 0. */
  function localSlabPage(k: Cpu, slot: number): number {
    const map = i32[SECTION_MEM_MAP + (slot >>> SECTION_SHIFT)];
    if (map === 0) return 0;
    const page = (map + ((slot >>> FRAME_SHIFT) << STRUCT_SHIFT)) & INDEX;
    return (i32[page + FLAGS] & SLAB_AND_NODE) === ((k.node << NODE_SHIFT) | SLAB_BIT) ? page : 0;
  }

  /** Puts an object on top of an array; false if that is full. */
  function push(array: number, slot: number): boolean {
    const avail = i32[array + AVAIL];
    if (avail >= i32[array + LIMIT]) return false;
    i32[array + FIRST + avail] = slot;
    i32[array + AVAIL] = avail + 1;
    return true;
  }

  return {
    kmem_cache_alloc(k, cache, gfp) {
      const array = i32[(cache & INDEX) + ARRAY_TABLE + k.cpu] & INDEX;
      const left = i32[array + AVAIL] - 1;
      if (left >= 0 && isPlain(k.area & INDEX, gfp)) {
        i32[array + AVAIL] = left;
        i32[array + TOUCHED] = 1;
        return (i32[array + FIRST + left] >>> 0) * 4 + pageOffset;
      }
      // Times 1 says that it is a number: for a result of unknown type, V8 would make an object of each short one, too.
      return allocLong(k, cache, gfp, -1) * 1;
    },

    kmem_cache_free(k, cache, object) {
      const slot = ((object - pageOffset) * 0.25) >>> 0;
      const array = i32[(cache & INDEX) + ARRAY_TABLE + k.cpu] & INDEX;
      if (localSlabPage(k, slot) === 0 || !push(array, slot)) freeLong(k, cache, object, slot);
    },

    kmalloc(k, size, gfp) {
      const area = k.area & INDEX;
      if (size < CLASSES_END) {
        const array = i32[area + OWN_ARRAYS + TABLE[(size + ROUND) >>> SHIFT]] & INDEX;
        const left = i32[array + AVAIL] - 1;
        if (left >= 0 && isPlain(area, gfp)) {
          i32[array + AVAIL] = left;
          i32[array + TOUCHED] = 1;
          return (i32[array + FIRST + left] >>> 0) * 4 + pageOffset;
        }
      }
      return kmallocLong(k, size, gfp, -1) * 1;
    },

    kfree(k, object) {
      const slot = ((object - pageOffset) * 0.25) >>> 0;
      const page = localSlabPage(k, slot);
      if (page === 0 || !push(i32[(i32[page + LRU] & INDEX) + ARRAY_TABLE + k.cpu] & INDEX, slot))
        kfreeLong(k, object, slot);
    },
  };
}
