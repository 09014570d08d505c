import { NR_MEM_SECTIONS } from '../../arch/page.js';
import { MAX_NR_ZONES } from '../../arch/address-space.js';
import { array, bytes, double, lineStart, struct, word, WORD_BYTES } from '../../image/struct.js';
import { CPU_AREA } from './cpu-area.js';
import { FAULT_ATTR } from './fault-data.js';
import { KERNEL_IRQ } from './interrupt-data.js';
import {
  COMM_BYTES,
  CPUMASK_WORDS,
  IMAGE_SECTIONS,
  LOG_BUF_BYTES,
  MAX_GENERAL_CACHES,
  MAX_LOCK_CLASSES,
  MAX_MODULE_SYMBOLS,
  MAX_NUMNODES,
  MAX_PERCPU_CHUNKS,
  MAX_PERCPU_VARS,
  MODULE_SYMBOL_BYTES,
  NODEMASK_WORDS,
  NR_CPUS,
} from './limits.js';

/** A static per-CPU variable that is known by its name. */
export const PERCPU_VAR = struct('percpu_var', {
  /** Number of its name (`per_cpu__x`, of its module) among the module symbols. */
  symbol: word,
  /** Words from the beginning of a CPU's area. */
  offset: word,
  words: word,
  /** PERCPU_EXPORTED, PERCPU_EXPORTED_GPL or 0. */
  exported: word,
});

/**
 * The kernel's static data: what a real kernel has in .data and .bss. It lies where the kernel image lies, at
 * physical 1 MiB, so its fields have absolute word indices (`KERNEL.*`) and nobody needs a pointer to find them.
 */
const KERNEL_DATA = struct('kernel', {
  /**
   * SYSTEM_*: written by the boot CPU, by the console at halt, and once by whoever panics. Atomics; who only asks
   * whether boot is over reads it without, a deliberate race.
   */
  system_state: word,
  /** CPU that panicked, the last one if several do at once. Written before `system_state` becomes SYSTEM_PANIC. */
  panic_cpu: word,
  /** Constant after boot. */
  nr_cpus: word,
  nr_nodes: word,
  /** The `DEBUG_*` bits. Constant after boot. */
  debug: word,
  lock_hold_limit_ms: word,

  /** Bit maps; `possible` is constant, the others change with Atomics. */
  cpu_possible_map: array(word, CPUMASK_WORDS),
  cpu_online_map: array(word, CPUMASK_WORDS),
  /** CPUs whose thread died, each time. What they had just counted may be missing. Written by the console. */
  cpu_deaths: word,
  /** The same for tasks: what they were just making is lost. Written by the console. */
  task_deaths: word,
  /** Nodes with memory. Constant after boot. */
  node_memory_map: array(word, NODEMASK_WORDS),
  /** Word index of each CPU's area (the last is the console's), of each node's pg_data_t; node of each CPU. Constant after boot. */
  cpu_area: array(word, NR_CPUS + 1),
  cpu_node: array(word, NR_CPUS + 1),
  node_data: array(word, MAX_NUMNODES),
  /** Distances, a byte each: `u8[node_distance * 4 + from * MAX_NUMNODES + to]`. Constant after boot. */
  node_distance: bytes(MAX_NUMNODES * MAX_NUMNODES),

  /** For each section: word index of its memory, minus nothing; -1 where no memory is. Constant after boot. */
  section_memory: array(word, NR_MEM_SECTIONS),
  /** The other way round: the section that lies in each section of the image. Constant after boot. */
  image_sections: array(word, IMAGE_SECTIONS),
  /** For each section: word index that the struct page of frame 0 would have. 0: no memory map. Constant after boot. */
  section_mem_map: array(word, NR_MEM_SECTIONS),
  /** For each section: word index that the page_owner record of frame 0 would have; 0 without debug.pageOwner. */
  section_owner: array(word, NR_MEM_SECTIONS),
  /** Zone of a page: indexed by `flags >>> PG_ZONE_SHIFT`; 0 where there is no such zone. Constant after boot. */
  zone_table: array(word, MAX_NUMNODES * 8),
  /** First frame after the highest RAM; number of frames managed by zones (vm_total_pages). */
  max_pfn: word,
  /** First frame above low memory. */
  max_low_pfn: word,
  vm_total_pages: word,
  totalram_pages: word,
  totalreserve_pages: word,

  /** Tunables (sysctl vm.*). Written by the console, with every CPU stopped. */
  min_free_kbytes: word,
  lowmem_reserve_ratio: array(word, MAX_NR_ZONES),
  percpu_pagelist_fraction: word,
  numa_zonelist_order: word,
  page_group_by_mobility_disabled: word,
  /** 3 with grouping by mobility, 0 without: masks the migrate type of a request. Constant after boot. */
  migrate_mask: word,
  pageblock_order: word,
  /** 1, then 2 for ever: whether tasks have cpusets. Atomics; allocations read it without, a deliberate race. */
  number_of_cpusets: word,

  /** Boot allocator: 1 until free_all_bootmem. Word index of each node's bootmem_data. Boot CPU only. */
  bootmem_active: word,
  bootmem_data: array(word, MAX_NUMNODES),
  /** First word behind the kernel's static data, as a byte address: where the boot allocator may begin. */
  kernel_end: word,

  lockStart: lineStart,
  /** Protects the log ring. Taken with interrupts disabled; the innermost lock of all. */
  logbuf_lock: word,
  /**
   * Bytes ever written to the log; the ring holds the last LOG_BUF_BYTES. Changed under logbuf_lock, by Atomics after
   * the bytes are there: readers take no lock, since a dead CPU may have it.
   */
  log_end: word,
  /** printk_ratelimit: tokens used (in milliseconds), the time of the last call, messages dropped. Under logbuf_lock. */
  ratelimit_used: word,
  ratelimit_last: word,
  ratelimit_missed: word,

  callStart: lineStart,
  /**
   * smp_call_function: one call at a time, under call_lock. Its number, never 0; what it calls, read by the CPUs called
   * without the lock, a deliberate race: see `call_todo` of the CPUs.
   */
  call_lock: array(word, 2),
  call_number: word,
  call_function: word,
  /** A double: it may be a kernel address. */
  call_info: double,
  call_waiting: word,
  /** A bit per CPU that the caller waits for. Under call_lock. */
  call_awaited: array(word, CPUMASK_WORDS),
  /** Counts what CPUs have done of calls. Atomics; waited on. */
  call_progress: word,

  irqStart: lineStart,
  irq: KERNEL_IRQ,

  symbolStart: lineStart,
  /** Functions of modules that can be called by number. Under symbol_lock; an entry never changes again. */
  symbol_lock: word,
  nr_module_symbols: word,
  module_symbols: array(bytes(MODULE_SYMBOL_BYTES), MAX_MODULE_SYMBOLS),

  taskStart: lineStart,
  /**
   * The tasks: word index of the first, words from one to the next, how many. First the idle task of each CPU, then the
   * task of each CPU's own thread, then {@link MAX_KTHREADS} others. Constant after boot.
   */
  tasks: word,
  task_words: word,
  nr_tasks: word,
  /** The last pid given, and the last slot. Atomics. */
  last_pid: word,
  last_task: word,
  /** Tasks ever created, those of idle CPUs aside; wraps. Atomics. */
  total_forks: word,
  /** Milliseconds of sleep after which a task counts as hung that cannot be interrupted. Constant after boot. */
  hung_task_ms: word,
  /** Class of the locks of all wait queues, and of what else tasks wait in line for. Constant after boot. */
  wait_queue_class: word,

  percpuStart: lineStart,
  /**
   * Per-CPU variables: the static ones by name, how their area is divided (see `mm/percpu-blocks.ts`), and word indices
   * of the same for each chunk of dynamic memory, 0 where there is none. All under percpu_lock, interrupts off.
   */
  percpu_lock: array(word, 2),
  nr_percpu_vars: word,
  percpu_vars: array(PERCPU_VAR, MAX_PERCPU_VARS),
  percpu_blocks: array(word, 2 * MAX_PERCPU_VARS + 4),
  percpu_chunk_blocks: array(word, MAX_PERCPU_CHUNKS),
  /** All percpu_counters, a list_head, for CPUs that go away. Under percpu_counters_lock. */
  percpu_counters_lock: array(word, 2),
  percpu_counters: array(word, 2),
  /** Class of the locks of all percpu_counters. Constant after boot. */
  percpu_counter_class: word,

  slabStart: lineStart,
  /** The general caches by size class, those of ZONE_DMA behind them; the cache of caches. Constant after boot. */
  malloc_caches: array(word, 2 * MAX_GENERAL_CACHES),
  cache_cache: word,
  /** Word index of the boot memory that the first caches begin in. Constant after boot. */
  slab_boot: word,
  /** An array_cache without room and without objects, all zero. Constant. */
  no_array: array(word, 8),
  /** Bytes that kmalloc gives at most; whether it gives ZERO_SIZE_PTR for none. Constant after boot. */
  kmalloc_max: word,
  kmalloc_zero_size: word,
  /** Orders of slabs: where the search for a better one ends, and the largest. Constant after boot. */
  slab_break_order: word,
  slab_max_order: word,
  /** Classes of the locks of caches. Constant after boot. */
  slab_lock_classes: array(word, 4),
  /** Who changes the chain of caches, or what a cache consists of, has the mutex (6 words, see MUTEX). */
  cache_chain_mutex: array(word, 6),
  /** All caches, a list_head. Changed with the mutex under the lock; read under either. */
  cache_chain_lock: array(word, 2),
  cache_chain: array(word, 2),
  /** All memory pools, a list_head. Under mempools_lock. */
  mempools_lock: array(word, 2),
  mempools: array(word, 2),
  /** Class of the locks of all pools. Constant after boot. */
  mempool_class: word,

  lockdepStart: lineStart,
  /** Lock classes: their names, and the orders in which they were taken. Changed under lockdep_lock. */
  lockdep_lock: word,
  nr_lock_classes: word,
  lock_class_names: array(bytes(COMM_BYTES * 2), MAX_LOCK_CLASSES),
  /**
   * Traces of where an order was first seen: handles into the stack depot, per pair; only with debug.locks. Looked at
   * without the lock first: a deliberate race.
   */
  lock_order_trace: array(word, MAX_LOCK_CLASSES * MAX_LOCK_CLASSES),

  /**
   * Call traces, stored once each. `depot` is the word index of the table, 0 without debugging. `depot_end` changes
   * under depot_lock, by Atomics after the record is there: readers take no lock.
   */
  depot_lock: word,
  depot: word,
  depot_end: word,

  /** Requests that are made to fail, with debug.faults: of the slab allocator, and of the page allocator. */
  failslab: FAULT_ATTR,
  fail_page_alloc: FAULT_ATTR,

  bootAreaStart: lineStart,
  /** The area of the boot CPU until the per-CPU areas exist. */
  boot_cpu_area: CPU_AREA,
  log_buf: bytes(LOG_BUF_BYTES),
});

/** Physical address of the kernel image; the first section always begins at physical and image offset 0. */
export const KERNEL_START = 0x100000;
/** First byte behind the kernel's static data. */
export const KERNEL_END = KERNEL_START + KERNEL_DATA.words * WORD_BYTES;

const BASE = KERNEL_START / WORD_BYTES;

/** Absolute word indices of the kernel's static data. */
export const KERNEL = Object.fromEntries(
  Object.entries(KERNEL_DATA.at).map(([name, offset]) => [name, BASE + offset]),
) as typeof KERNEL_DATA.at;

/** The name of a word of the kernel's static data, or undefined when the word lies elsewhere. */
export function kernelDataName(index: number): string | undefined {
  const offset = index - BASE;
  return offset >= 0 && offset < KERNEL_DATA.words ? KERNEL_DATA.nameAt(offset).slice(1) : undefined;
}

export const SYSTEM_BOOTING = 0;
export const SYSTEM_RUNNING = 1;
export const SYSTEM_HALTED = 2;
export const SYSTEM_PANIC = 3;

export const DEBUG_LOCKS = 1;
export const DEBUG_SLEEP = 2;
export const DEBUG_PAGE_OWNER = 4;
export const DEBUG_VM = 8;
export const DEBUG_SLAB = 16;
export const DEBUG_FAULTS = 32;
