/**
 * Symbol numbers of kernel functions: what a function pointer in the image is. Numbers below
 * {@link FIRST_MODULE_SYMBOL} are the kernel's own; modules get theirs when they ask (see `module-symbols.ts`).
 */
export const SYM_DRAIN_LOCAL_PAGES = 1;
export const SYM_REFRESH_CPU_VM_STATS = 2;
export const SYM_PROCESS_TIMEOUT = 3;
export const SYM_CACHE_REAP = 4;
export const SYM_DO_DRAIN = 5;
export const SYM_DO_CCUPDATE_LOCAL = 6;
export const SYM_MEMPOOL_ALLOC_SLAB = 7;
export const SYM_MEMPOOL_FREE_SLAB = 8;
export const SYM_MEMPOOL_ALLOC_PAGES = 9;
export const SYM_MEMPOOL_FREE_PAGES = 10;
export const SYM_MEMPOOL_KMALLOC = 11;
export const SYM_MEMPOOL_KFREE = 12;
/** The number after the last of the kernel's own. */
export const END_OF_KERNEL_SYMBOLS = 13;
export const FIRST_MODULE_SYMBOL = 1024;
