/** What a cache can be asked for at its creation, with the numbers of 2.6.10 (facts file, section 3.1). */

/** Check the free chains when slabs are freed. */
export const SLAB_DEBUG_FREE = 0x100;
/** Call the constructor as a verifier. */
export const SLAB_DEBUG_INITIAL = 0x200;
/** A word before and after each object tells who has it; overwritten words are reported. */
export const SLAB_RED_ZONE = 0x400;
/** Fill free objects with a pattern, and report what has changed when they are handed out. */
export const SLAB_POISON = 0x800;
/** The reaper leaves the cache alone. */
export const SLAB_NO_REAP = 0x1000;
/** Objects begin at a cache line, small ones at a fraction of one. */
export const SLAB_HWCACHE_ALIGN = 0x2000;
/** Objects lie in ZONE_DMA; who allocates must ask for GFP_DMA, too. */
export const SLAB_CACHE_DMA = 0x4000;
/** As SLAB_HWCACHE_ALIGN, in debugging, too. */
export const SLAB_MUST_HWCACHE_ALIGN = 0x8000;
/** Remember who allocated each object, and who freed it. */
export const SLAB_STORE_USER = 0x10000;
/** Objects can be taken back under pressure: their pages are grouped with such. */
export const SLAB_RECLAIM_ACCOUNT = 0x20000;
/** A cache that cannot be made stops the machine. */
export const SLAB_PANIC = 0x40000;
/** Memory of objects goes back to the page allocator only when nobody looks any more. */
export const SLAB_DESTROY_BY_RCU = 0x80000;

/** All that `kmem_cache_create` accepts. */
export const CREATE_MASK =
  SLAB_DEBUG_FREE |
  SLAB_DEBUG_INITIAL |
  SLAB_RED_ZONE |
  SLAB_POISON |
  SLAB_NO_REAP |
  SLAB_HWCACHE_ALIGN |
  SLAB_CACHE_DMA |
  SLAB_MUST_HWCACHE_ALIGN |
  SLAB_STORE_USER |
  SLAB_RECLAIM_ACCOUNT |
  SLAB_PANIC |
  SLAB_DESTROY_BY_RCU;

/** Those with which every allocation and free is looked at. */
export const DEBUG_MASK = SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER;

/** Those with which objects do not go the short ways. */
export const LOOKED_AT_MASK = DEBUG_MASK | SLAB_DEBUG_FREE | SLAB_DEBUG_INITIAL;

/** Internal: what describes a slab does not lie in the slab itself. */
export const CFLGS_OFF_SLAB = 0x80000000 | 0;

/** Passed to a constructor always; a destructor is called without. One function can serve as both. */
export const SLAB_CTOR_CONSTRUCTOR = 1;
/** The constructor must not sleep. */
export const SLAB_CTOR_ATOMIC = 2;
/** The constructor is to check an object that should be in constructed state. */
export const SLAB_CTOR_VERIFY = 4;
