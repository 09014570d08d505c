import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { MAX_GENERAL_CACHES } from '../core/limits.js';
import { __GFP_DMA, type gfp_t } from '../mm/gfp.js';

/** The general caches, size-N and size-N(DMA), from which kmalloc serves (facts file, section 4). */

/** Sizes of their objects: powers of two, and 192, which fills whole cache lines, too. 96 would not. */
export const GENERAL_SIZES: readonly number[] = [
  32, 64, 128, 192, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576,
  2097152, 4194304,
];

/** What `kmalloc(0)` gives from 2.6.23 on: not NULL, and no memory. */
export const ZERO_SIZE_PTR = 16;

/** Up to this size the class stands in a table, in steps of 2^CLASS_SHIFT bytes. */
const TABLE_LIMIT = 1024;
export const CLASS_SHIFT = 5;
/** Class of a request that no cache serves: of 0 bytes. The cache in its place has nothing. */
const NO_CLASS = MAX_GENERAL_CACHES - 1;

/** The class of each size up to TABLE_LIMIT, by the number of steps, rounded up. */
export const CLASS_TABLE = makeTable();

function makeTable(): Uint8Array {
  const table = new Uint8Array((TABLE_LIMIT >> CLASS_SHIFT) + 1);
  table[0] = NO_CLASS;
  let sizeClass = 0;
  for (let i = 1; i < table.length; i++) {
    if (i << CLASS_SHIFT > GENERAL_SIZES[sizeClass]) sizeClass++;
    table[i] = sizeClass;
  }
  return table;
}

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const SMALL = TABLE_LIMIT;
const ROUND = (1 << CLASS_SHIFT) - 1;
/** Class of 1024 is 6, of 2048 7, and so on: 32 - clz32 of one less than those sizes is 10, 11, ... */
const LARGE_OFFSET = 4;
const CACHES = KERNEL.malloc_caches;
const DMA_OFFSET = MAX_GENERAL_CACHES;
const DMA_BIT = __GFP_DMA;

/** The number in GENERAL_SIZES of the smallest size that holds `size` bytes. */
export function sizeClass(size: number): number {
  return size <= SMALL
    ? CLASS_TABLE[(size + ROUND) >>> CLASS_SHIFT]
    : 32 - Math.clz32(size - 1) - LARGE_OFFSET;
}

/** The cache that serves a request of at most the machine's largest size; 0 while there is none yet. */
export function generalCache(k: Cpu, size: number, gfp: gfp_t): number {
  return k.i32[CACHES + sizeClass(size) + ((gfp & DMA_BIT) === 0 ? 0 : DMA_OFFSET)];
}
