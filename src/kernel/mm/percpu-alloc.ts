import { PAGE_SHIFT, PAGE_SIZE, PAGE_WORDS } from '../../arch/page.js';
import { type FieldType, WORD_BYTES } from '../../image/struct.js';
import { readOnce } from '../core/access-once.js';
import { BUG, WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { DEBUG_SLEEP, KERNEL } from '../core/kernel-data.js';
import { MAX_PERCPU_CHUNKS, NR_CPUS } from '../core/limits.js';
import { might_sleep } from '../cpu/might-sleep.js';
import { spin_lock_irqsave, spin_unlock_irqrestore } from '../sync/spinlock.js';
import { frameWord } from './address.js';
import { alloc_pages_node } from './alloc-api.js';
import { __GFP_NOWARN, __GFP_ZERO, GFP_KERNEL } from './gfp.js';
import { __free_pages } from './page-free.js';
import { per_cpu_ptr, PERCPU_CHUNK_SHIFT, type PerCpuPointer } from './percpu-access.js';
import { allFree, blockWords, giveBlock, initBlocks, takeBlock } from './percpu-blocks.js';

/**
 * Dynamic per-CPU memory. The kernel of 2.6.10 makes every copy with kmalloc and keeps a table of pointers for each
 * variable; this is built on pages alone, so that kmalloc may itself have per-CPU data. Copies lie in chunks: a chunk is
 * 16 KiB of each possible CPU, on the CPU's own node as far as that has memory, and first fit divides it, once for all
 * CPUs. So a variable is one offset, as a static one is, and small variables of one CPU share its cache lines and never
 * those of another CPU. Chunks come when they are needed, up to {@link MAX_PERCPU_CHUNKS}, and go when they are empty.
 */

export const PERCPU_CHUNK_WORDS = 1 << PERCPU_CHUNK_SHIFT;
const CHUNK_ORDER = PERCPU_CHUNK_SHIFT + 2 - PAGE_SHIFT;
const CHUNKS = CPU_AREA.at.percpu_chunks;
const CHUNK_BLOCKS = KERNEL.percpu_chunk_blocks;

/**
 * A chunk's own page: how the chunk is divided, then the frame of the page itself and the first frame of each CPU's part.
 * Constant but for the division, which percpu_lock protects; until the chunk has a number, its maker's alone.
 */
export const PERCPU_CHUNK_ROOM = PAGE_WORDS - NR_CPUS - 1;
const OWN_FRAME = PERCPU_CHUNK_ROOM;
const CPU_FRAMES = PERCPU_CHUNK_ROOM + 1;

const CHUNK_GFP = GFP_KERNEL | __GFP_NOWARN | __GFP_ZERO;

/** The largest variable, and the strictest alignment, in bytes. */
export const PERCPU_MAX_BYTES = PERCPU_CHUNK_WORDS * WORD_BYTES;
export const PERCPU_MAX_ALIGN = PAGE_SIZE;

/**
 * A copy of `type` for every possible CPU, zeroed. May sleep.
 *
 * @returns what `per_cpu_ptr` takes; 0 (NULL) when memory or the space for such variables is used up
 */
export function alloc_percpu(k: Cpu, type: FieldType): PerCpuPointer {
  return __alloc_percpu(k, type.words * WORD_BYTES, type.align * WORD_BYTES);
}

/**
 * `size` bytes for every possible CPU, zeroed. May sleep.
 *
 * @param size bytes, up to {@link PERCPU_MAX_BYTES}; copies begin at words
 * @param align bytes, a power of two up to a page
 * @returns what `per_cpu_ptr` takes; 0 (NULL) when memory or the space for such variables is used up
 */
export function __alloc_percpu(k: Cpu, size: number, align: number): PerCpuPointer {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  const isSize = Number.isInteger(size) && size > 0 && size <= PERCPU_MAX_BYTES;
  const isAlign = align > 0 && align <= PERCPU_MAX_ALIGN && (align & (align - 1)) === 0;
  if (!isSize || !isAlign) {
    WARN(k, `illegal size (${size}) or align (${align}) for percpu allocation`);
    return 0;
  }
  const words = Math.ceil(size / WORD_BYTES);
  const alignWords = Math.max(1, align / WORD_BYTES);
  let pointer = takeSpace(k, words, alignWords, 0);
  if (pointer === 0) {
    // Pages are allocated without the lock, so others may add a chunk meanwhile.
    const page = makeChunk(k);
    pointer = takeSpace(k, words, alignWords, page);
    if (pointer === 0) return 0;
  }
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    const copy = per_cpu_ptr(k, pointer, cpu);
    k.i32.fill(0, copy, copy + words);
  }
  return pointer;
}

/**
 * Frees all copies of a variable; NULL is allowed. Any context.
 *
 * @throws KernelBug when `alloc_percpu` gave no such pointer, or it is free already
 */
export function free_percpu(k: Cpu, pointer: PerCpuPointer): void {
  if (pointer === 0) return;
  const { i32 } = k;
  const offset = ~pointer;
  const chunk = offset >>> PERCPU_CHUNK_SHIFT;
  const flags = spin_lock_irqsave(k, KERNEL.percpu_lock);
  const blocks = chunk < MAX_PERCPU_CHUNKS ? i32[CHUNK_BLOCKS + chunk] : 0;
  const freed = blocks === 0 ? 0 : giveBlock(i32, blocks, offset & (PERCPU_CHUNK_WORDS - 1));
  const removed = freed !== 0 && allFree(i32, blocks) ? removeChunk(k, chunk) : 0;
  spin_unlock_irqrestore(k, KERNEL.percpu_lock, flags);
  if (removed !== 0) freeFrames(k, removed);
  if (freed === 0) BUG(k, `free_percpu: ${pointer} is no dynamic per-CPU variable`);
}

/** Bytes of a variable, whole words; 0 when there is none. For tests and reports: all CPUs quiet. */
export function percpuBytes(k: Cpu, pointer: PerCpuPointer): number {
  const offset = ~pointer;
  const chunk = offset >>> PERCPU_CHUNK_SHIFT;
  const blocks = chunk < MAX_PERCPU_CHUNKS ? k.i32[CHUNK_BLOCKS + chunk] : 0;
  return blocks === 0 ? 0 : blockWords(k.i32, blocks, offset & (PERCPU_CHUNK_WORDS - 1)) * WORD_BYTES;
}

/** The pointer that would stand for a word of a CPU's chunks, 0 for a word elsewhere. Any thread: for reports. */
export function percpuPointerAt(k: Cpu, area: number, index: number): number {
  for (let chunk = 0; chunk < MAX_PERCPU_CHUNKS; chunk++) {
    const start = readOnce(k, area + CHUNKS + chunk);
    if (start !== 0 && index >= start && index < start + PERCPU_CHUNK_WORDS) {
      return ~((chunk << PERCPU_CHUNK_SHIFT) + index - start);
    }
  }
  return 0;
}

/**
 * Space for a variable in the first chunk that has it.
 *
 * @param page a new chunk, 0: none. It gets a number if no other chunk has space, and there is one left; else it is freed
 * @returns the variable's pointer, or 0
 */
function takeSpace(k: Cpu, words: number, align: number, page: number): PerCpuPointer {
  const irq = spin_lock_irqsave(k, KERNEL.percpu_lock);
  let pointer = findSpace(k, words, align);
  const installed = pointer === 0 && page !== 0 && installChunk(k, page);
  if (installed) pointer = findSpace(k, words, align);
  spin_unlock_irqrestore(k, KERNEL.percpu_lock, irq);
  if (page !== 0 && !installed) freeFrames(k, page);
  return pointer;
}

/** Takes space from the first chunk that has it; the pointer, or 0. Under percpu_lock. */
function findSpace(k: Cpu, words: number, align: number): PerCpuPointer {
  const { i32 } = k;
  for (let chunk = 0; chunk < MAX_PERCPU_CHUNKS; chunk++) {
    const blocks = i32[CHUNK_BLOCKS + chunk];
    if (blocks === 0) continue;
    const offset = takeBlock(i32, blocks, PERCPU_CHUNK_ROOM, words, align);
    if (offset >= 0) return ~((chunk << PERCPU_CHUNK_SHIFT) + offset);
  }
  return 0;
}

/** Makes an empty chunk without a number; its own page, or 0: there is not enough memory. May sleep. */
function makeChunk(k: Cpu): number {
  const cpus = k.i32[KERNEL.nr_cpus];
  const own = alloc_pages_node(k, -1, CHUNK_GFP, 0);
  if (own === 0) return 0;
  const page = frameWord(k, own);
  k.i32[page + OWN_FRAME] = own;
  let complete = true;
  for (let cpu = 0; cpu < cpus && complete; cpu++) {
    const pfn = alloc_pages_node(k, k.i32[KERNEL.cpu_node + cpu], CHUNK_GFP, CHUNK_ORDER);
    k.i32[page + CPU_FRAMES + cpu] = pfn;
    complete = pfn !== 0;
  }
  initBlocks(k.i32, page, PERCPU_CHUNK_WORDS);
  if (complete) return page;
  freeFrames(k, page);
  return 0;
}

/** Gives a chunk a number; whether there was one left. Under percpu_lock. */
function installChunk(k: Cpu, page: number): boolean {
  const { i32 } = k;
  let chunk = 0;
  while (chunk < MAX_PERCPU_CHUNKS && i32[CHUNK_BLOCKS + chunk] !== 0) chunk++;
  if (chunk === MAX_PERCPU_CHUNKS) return false;
  for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) {
    i32[i32[KERNEL.cpu_area + cpu] + CHUNKS + chunk] = frameWord(k, i32[page + CPU_FRAMES + cpu]);
  }
  i32[CHUNK_BLOCKS + chunk] = page;
  return true;
}

/** Takes a number away from its chunk, which is empty; the page with its division. Under percpu_lock. */
function removeChunk(k: Cpu, chunk: number): number {
  const { i32 } = k;
  const page = i32[CHUNK_BLOCKS + chunk];
  i32[CHUNK_BLOCKS + chunk] = 0;
  for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) i32[i32[KERNEL.cpu_area + cpu] + CHUNKS + chunk] = 0;
  return page;
}

/** Frees all pages of a chunk without a number. Any context. */
function freeFrames(k: Cpu, page: number): void {
  const { i32 } = k;
  for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) {
    const pfn = i32[page + CPU_FRAMES + cpu];
    if (pfn !== 0) __free_pages(k, pfn, CHUNK_ORDER);
  }
  __free_pages(k, i32[page + OWN_FRAME], 0);
}
