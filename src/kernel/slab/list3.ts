import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { INIT_LIST_HEAD } from '../core/list.js';
import { HZ, jiffies } from '../cpu/jiffies.js';
import type { gfp_t } from '../mm/gfp.js';
import { spin_lock_init } from '../sync/spinlock.js';
import { KMEM_CACHE, KMEM_LIST3, nodeListsOf } from './kmem-cache.js';
import { kmallocWords } from './internal-memory.js';
import { LIST_CLASS, lockClassOf } from './lock-classes.js';

/** The lists of a cache's slabs on each node. */

/** Seconds between two looks of the reaper at what the CPUs of a node share, and at its empty slabs. */
export const LIST_REAP_SECONDS = 4;

/** Makes empty lists. */
export function initList3(k: Cpu, list: number): void {
  const { i32 } = k;
  i32.fill(0, list, list + KMEM_LIST3.words);
  spin_lock_init(k, list + KMEM_LIST3.at.list_lock);
  INIT_LIST_HEAD(i32, list + KMEM_LIST3.at.slabs_partial);
  INIT_LIST_HEAD(i32, list + KMEM_LIST3.at.slabs_full);
  INIT_LIST_HEAD(i32, list + KMEM_LIST3.at.slabs_free);
}

/**
 * Gives a cache lists for a node, empty ones. May sleep as the mask says.
 *
 * @returns word index, or 0 when there is no memory
 */
export function addList3(k: Cpu, cache: number, node: number, gfp: gfp_t): number {
  const list = kmallocWords(k, KMEM_LIST3.words, gfp, node);
  if (list === 0) return 0;
  initList3(k, list);
  useList3(k, cache, node, list);
  return list;
}

/** Makes lists those of a cache and node. Different caches are reaped at different times. */
export function useList3(k: Cpu, cache: number, node: number, list: number): void {
  k.i32[list + KMEM_LIST3.at.list_lock + 1] = lockClassOf(k, cache, LIST_CLASS);
  k.i32[list + KMEM_LIST3.at.next_reap] =
    (jiffies(k) + LIST_REAP_SECONDS * HZ(k) + (cache % (LIST_REAP_SECONDS * HZ(k)))) | 0;
  k.i32[nodeListsOf(k, cache) + node] = list;
}

/** How many free objects a node may keep: a batch for each of its CPUs, one more, and a slab. */
export function freeLimit(k: Cpu, cache: number, node: number): number {
  let cpus = 0;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    if (k.i32[KERNEL.cpu_node + cpu] === node) cpus++;
  }
  return (1 + cpus) * k.i32[cache + KMEM_CACHE.at.batchcount] + k.i32[cache + KMEM_CACHE.at.num];
}
