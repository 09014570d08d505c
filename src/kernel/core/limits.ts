/** Limits of the kernel's static tables. */

/** CPUs a machine can have. */
export const NR_CPUS = 256;
/** Nodes a machine can have (CONFIG_NODES_SHIFT 6). */
export const MAX_NUMNODES = 64;
/** Combinations of the four zone modifiers of an allocation mask. */
export const ZONE_MODIFIER_SETS = 16;
/**
 * Bytes of the static per-CPU area of a CPU: the kernel's own variables, and behind them those of modules. As up to
 * 2.6.20 on i386; later kernels add 8192 bytes for modules to what the kernel itself has.
 */
export const PERCPU_ENOUGH_ROOM = 32768;
/** Static per-CPU variables that modules and the kernel can define by name. */
export const MAX_PERCPU_VARS = 128;
/** Chunks of dynamic per-CPU memory; see `mm/percpu-alloc.ts`. */
export const MAX_PERCPU_CHUNKS = 16;
/** Words of a CPU or node bit map. */
export const CPUMASK_WORDS = NR_CPUS / 32;
export const NODEMASK_WORDS = MAX_NUMNODES / 32;
/** Locks one CPU can hold at a time. */
export const MAX_LOCKS_HELD = 16;
/** Lock classes the order checker tells apart. */
export const MAX_LOCK_CLASSES = 64;
/** Bytes of a task's or lock class's name (TASK_COMM_LEN). */
export const COMM_BYTES = 16;
/** Bytes of the kernel log ring (LOG_BUF_LEN). */
export const LOG_BUF_BYTES = 1 << 17;
/** Functions of loaded modules that can be called by number. */
export const MAX_MODULE_SYMBOLS = 256;
/** Bytes of a module symbol's text: `name@url`. */
export const MODULE_SYMBOL_BYTES = 512;
/** Tasks with a thread of their own that can exist at a time. */
export const MAX_KTHREADS = 256;
/** Sizes of the general caches of kmalloc. */
export const MAX_GENERAL_CACHES = 20;
/** Sections that an image can have. */
export const IMAGE_SECTIONS = 1024;
/** Lines that one task can wait in at a time. */
export const MAX_WAITS = 4;
