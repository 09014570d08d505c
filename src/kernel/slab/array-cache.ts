import { WORD_INDEX_MASK } from '../../image/memory-image.js';
import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import type { gfp_t } from '../mm/gfp.js';
import { spin_lock_init } from '../sync/spinlock.js';
import { ARRAY_CACHE, ENTRY, ownArrays } from './kmem-cache.js';
import { kfreeWords, kmallocWords } from './internal-memory.js';
import { ALIEN_CLASS, lockClassOf } from './lock-classes.js';

/** Arrays of free objects. */

const { avail: AVAIL, limit: LIMIT, batchcount: BATCH, touched: TOUCHED, lock: LOCK } = ARRAY_CACHE.at;
const INDEX = WORD_INDEX_MASK;

/** The array of this CPU (cpu_cache_get). Who may be interrupted or preempted may find another CPU's later. */
export function ownArray(k: Cpu, cache: number): number {
  if (k.cpu === k.i32[KERNEL.nr_cpus]) BUG(k, 'the console is no CPU: it has no objects of its own');
  return k.i32[ownArrays(k, cache) + k.cpu] & INDEX;
}

/** Makes an array empty. */
export function initArray(k: Cpu, array: number, limit: number, batchcount: number, lockClass = 0): void {
  const { i32 } = k;
  i32[array + AVAIL] = 0;
  i32[array + LIMIT] = limit;
  i32[array + BATCH] = batchcount;
  i32[array + TOUCHED] = 0;
  spin_lock_init(k, array + LOCK, lockClass);
}

/**
 * A new array in memory of a node (alloc_arraycache). May sleep as the mask says.
 *
 * @returns word index, or 0
 */
export function allocArray(k: Cpu, node: number, limit: number, batchcount: number, gfp: gfp_t): number {
  const array = kmallocWords(k, ENTRY + limit, gfp, node);
  if (array !== 0) initArray(k, array, limit, batchcount);
  return array;
}

/**
 * A new table of arrays for the objects of all other nodes (alloc_alien_cache). May sleep as the mask says.
 *
 * @returns word index, or 0 when there is no memory
 */
export function allocAliens(k: Cpu, cache: number, node: number, limit: number, gfp: gfp_t): number {
  const nodes = k.i32[KERNEL.nr_nodes];
  const table = kmallocWords(k, nodes, gfp, node);
  if (table === 0) return 0;
  k.i32.fill(0, table, table + nodes);
  for (let other = 0; other < nodes; other++) {
    if (other === node) continue;
    const array = allocArray(k, node, limit, limit, gfp);
    if (array === 0) {
      freeAliens(k, table);
      return 0;
    }
    k.i32[array + LOCK + 1] = lockClassOf(k, cache, ALIEN_CLASS);
    k.i32[table + other] = array;
  }
  return table;
}

/** Frees a table of {@link allocAliens} and its arrays, which are empty; 0 is allowed. Any context. */
export function freeAliens(k: Cpu, table: number): void {
  if (table === 0) return;
  for (let node = 0; node < k.i32[KERNEL.nr_nodes]; node++) kfreeWords(k, k.i32[table + node]);
  kfreeWords(k, table);
}

/**
 * Moves the objects that one array got last to another one (transfer_objects). Both belong to the caller.
 *
 * @returns how many: at most `most`, and as many as there are and as fit
 */
export function transferObjects(k: Cpu, to: number, from: number, most: number): number {
  const { i32 } = k;
  const available = i32[from + AVAIL];
  const filled = i32[to + AVAIL];
  const count = Math.min(available, most, i32[to + LIMIT] - filled);
  if (count <= 0) return 0;
  const source = from + ENTRY + available - count;
  const target = to + ENTRY + filled;
  for (let i = 0; i < count; i++) i32[target + i] = i32[source + i];
  // In this order, a thread that dies in between leaves them in both.
  i32[to + AVAIL] = filled + count;
  i32[from + AVAIL] = available - count;
  i32[to + TOUCHED] = 1;
  return count;
}

/** Takes the objects that came first out of an array, which belongs to the caller: they are elsewhere now. */
export function dropFirst(k: Cpu, array: number, count: number): void {
  const { i32 } = k;
  const left = i32[array + AVAIL] - count;
  const first = array + ENTRY;
  for (let i = 0; i < left; i++) i32[first + i] = i32[first + count + i];
  i32[array + AVAIL] = left;
}
