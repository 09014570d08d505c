import { SLAB_HWCACHE_ALIGN } from '../kernel/slab/slab-flags.js';

/** The cache line of the traced kernel's processor (bytes). */
const TRACED_LINE = 64;

/** Objects are aligned to this at least (bytes), and as long is the pointer that a free object may carry. */
const WORD = 8;

/** The largest alignment that a cache may have asked for (bytes): a page. */
const MAX_ALIGN = 4096;

/** How the objects of a cache are to be laid out, as `kmem_cache_create` wants to know it. */
export interface CacheLayout {
  /** bytes */
  readonly size: number;
  /** bytes; 0: as the flags say */
  readonly align: number;
  /** `SLAB_*` */
  readonly flags: number;
}

/**
 * What the traced kernel's cache was created with, guessed from what its events tell. What was asked for is the size.
 * What was given beyond it is the traced allocator's own affair (the pointer that chains free objects, where it may
 * not overlap the object), unless an alignment explains it: then the object needs that here too. Where both explain
 * it, the alignment is believed, so that this slab is not measured with less than was wanted.
 *
 * @param requested size of an object (bytes)
 * @param allocated what each took (bytes)
 */
export function cacheLayout(requested: number, allocated: number): CacheLayout {
  const size = Math.max(requested, WORD);
  const isWordAligned = allocated <= roundUp(size, WORD);
  if (isWordAligned) return { size, align: 0, flags: 0 };
  let line = TRACED_LINE;
  while (size <= line / 2) line /= 2;
  if (allocated === roundUp(size, line) || allocated === roundUp(roundUp(size, WORD) + WORD, line)) {
    return line > WORD ? { size, align: 0, flags: SLAB_HWCACHE_ALIGN } : { size, align: 0, flags: 0 };
  }
  const isFreePointer = allocated === roundUp(size, WORD) + WORD;
  for (let align = 2 * WORD; align <= MAX_ALIGN && !isFreePointer; align *= 2) {
    if (allocated === roundUp(size, align)) return { size, align, flags: 0 };
  }
  return { size, align: 0, flags: 0 };
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
