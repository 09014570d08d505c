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
/** The number after the last of the kernel's own. */
export const END_OF_KERNEL_SYMBOLS = 7;
export const FIRST_MODULE_SYMBOL = 1024;
