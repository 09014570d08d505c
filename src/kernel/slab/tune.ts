import type { Cpu } from '../core/cpu.js';
import { DEBUG_SLAB, KERNEL, SYSTEM_BOOTING } from '../core/kernel-data.js';
import { readOnce } from '../core/access-once.js';
import { SYM_DO_CCUPDATE_LOCAL } from '../core/symbols.js';
import { cpu_online } from '../core/cpu-mask.js';
import { borrowIdleCpu } from '../cpu/ownership.js';
import { releaseCpu } from '../cpu/dispatch.js';
import { on_each_cpu } from '../cpu/smp-call.js';
import { __GFP_WAIT, GFP_ATOMIC, GFP_KERNEL, type gfp_t } from '../mm/gfp.js';
import { spin_lock_irqsave, spin_unlock_irqrestore } from '../sync/spinlock.js';
import { allocAliens, allocArray, freeAliens } from './array-cache.js';
import { free_block } from './flush.js';
import { kfreeWords, kmallocWords } from './internal-memory.js';
import { ARRAY_CACHE, ENTRY, KMEM_CACHE, KMEM_LIST3, nodeList, ownArrays, setArray } from './kmem-cache.js';
import { addList3, freeLimit } from './list3.js';
import { DEBUG_MASK } from './slab-flags.js';
import { ALIEN_LIMIT, type Tuning, tuningOf } from './tuning.js';

/** The sizes of a cache's arrays (facts file, sections 3.4 and 3.7). Everything here holds cache_chain_mutex and may sleep. */

const { limit: LIMIT, batchcount: BATCH, shared: SHARED } = KMEM_CACHE.at;
const { avail: AVAIL } = ARRAY_CACHE.at;

const ENOMEM = 12;

/** Gives a cache the arrays that suit the size of its objects (enable_cpucache); 0, or -ENOMEM. */
export function enable_cpucache(k: Cpu, cache: number): number {
  const { i32 } = k;
  const isDebugged = (i32[cache + KMEM_CACHE.at.flags] & DEBUG_MASK) !== 0 || (k.debug & DEBUG_SLAB) !== 0;
  const size = i32[cache + KMEM_CACHE.at.buffer_size];
  const { limit, batchcount, shared } = tuningOf(size, i32[KERNEL.nr_cpus] > 1, isDebugged);
  return do_tune_cpucache(k, cache, limit, batchcount, shared);
}

/**
 * Exchanges the arrays of all CPUs and nodes for others. What was in them goes back to the slabs.
 *
 * @returns 0, or -ENOMEM: then all is as it was, or each part either old or new
 */
export function do_tune_cpucache(
  k: Cpu,
  cache: number,
  limit: number,
  batchcount: number,
  shared: number,
): number {
  return tune(k, cache, { limit, batchcount, shared }, GFP_KERNEL);
}

/**
 * {@link do_tune_cpucache} while all CPUs are stopped and nobody has cache_chain_mutex. Console only, as a CPU that is online,
 * with interrupts off there; does not sleep.
 */
export function tuneStopped(
  k: Cpu,
  cache: number,
  limit: number,
  batchcount: number,
  shared: number,
): number {
  return tune(k, cache, { limit, batchcount, shared }, GFP_ATOMIC);
}

/** @param gfp without `__GFP_WAIT`: no other CPU runs meanwhile */
function tune(k: Cpu, cache: number, { limit, batchcount, shared }: Tuning, gfp: gfp_t): number {
  const { i32 } = k;
  const cpus = i32[KERNEL.nr_cpus];
  // The cache, and the new array of each CPU, which the CPU itself exchanges for its old one.
  const update = kmallocWords(k, 1 + cpus, gfp, -1);
  if (update === 0) return -ENOMEM;
  i32[update] = cache;
  for (let cpu = 0; cpu < cpus; cpu++) {
    const array = allocArray(k, i32[KERNEL.cpu_node + cpu], limit, batchcount, gfp);
    i32[update + 1 + cpu] = array;
    if (array === 0) {
      for (let made = 0; made < cpu; made++) kfreeWords(k, i32[update + 1 + made]);
      kfreeWords(k, update);
      return -ENOMEM;
    }
  }
  i32[cache + LIMIT] = limit;
  i32[cache + BATCH] = batchcount;
  i32[cache + SHARED] = shared;
  // A CPU that is locked up may still do its part, at any time: then the old arrays are left alone.
  if (exchangeArrays(k, update, gfp)) freeOldArrays(k, cache, update);
  return alloc_kmemlist(k, cache, gfp);
}

/** Whether all CPUs have done it. */
function exchangeArrays(k: Cpu, update: number, gfp: gfp_t): boolean {
  const cpus = k.i32[KERNEL.nr_cpus];
  // During boot no other CPU runs, and of a new cache none knows.
  const isOurs =
    (gfp & __GFP_WAIT) === 0 ||
    readOnce(k, KERNEL.system_state) === SYSTEM_BOOTING ||
    k.i32[ownArrays(k, k.i32[update])] === 0;
  if (isOurs) {
    for (let cpu = 0; cpu < cpus; cpu++) exchangeArray(k, cpu, update);
    return true;
  }
  if (on_each_cpu(k, SYM_DO_CCUPDATE_LOCAL, update, true) !== 0) return false;
  for (let cpu = 0; cpu < cpus; cpu++) if (!cpu_online(k, cpu)) exchangeAsOffline(k, cpu, update);
  return true;
}

/** A CPU that is offline has no objects; it finds its new array when it comes. */
function exchangeAsOffline(k: Cpu, cpu: number, update: number): void {
  const gone = borrowIdleCpu(k, cpu);
  if (gone === undefined) return;
  exchangeArray(k, cpu, update);
  releaseCpu(gone);
}

/** What an inter-processor interrupt runs (do_ccupdate_local). Hardirq context. */
export function do_ccupdate_local(k: Cpu, update: number): void {
  exchangeArray(k, k.cpu, update);
}

function exchangeArray(k: Cpu, cpu: number, update: number): void {
  const { i32 } = k;
  const cache = i32[update];
  const old = i32[ownArrays(k, cache) + cpu];
  setArray(k, cache, cpu, i32[update + 1 + cpu]);
  i32[update + 1 + cpu] = old;
}

function freeOldArrays(k: Cpu, cache: number, update: number): void {
  const { i32 } = k;
  for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) {
    const old = i32[update + 1 + cpu];
    if (old === 0) continue;
    freeContents(k, cache, old, i32[KERNEL.cpu_node + cpu]);
    kfreeWords(k, old);
  }
  kfreeWords(k, update);
}

/** Puts what is in an array, which nobody else has any more, back into the slabs of its node. */
function freeContents(k: Cpu, cache: number, array: number, node: number): void {
  const list = nodeList(k, cache, node);
  const flags = spin_lock_irqsave(k, list + KMEM_LIST3.at.list_lock);
  free_block(k, cache, array + ENTRY, k.i32[array + AVAIL], list);
  k.i32[array + AVAIL] = 0;
  spin_unlock_irqrestore(k, list + KMEM_LIST3.at.list_lock, flags);
}

/** Gives every node its lists, an array that its CPUs share, and arrays for the objects of other nodes; 0, or -ENOMEM. */
function alloc_kmemlist(k: Cpu, cache: number, gfp: gfp_t): number {
  for (let node = 0; node < k.i32[KERNEL.nr_nodes]; node++) {
    const result = setUpNode(k, cache, node, gfp);
    if (result !== 0) return result;
  }
  return 0;
}

function setUpNode(k: Cpu, cache: number, node: number, gfp: gfp_t): number {
  const { i32 } = k;
  const list = nodeList(k, cache, node) || addList3(k, cache, node, gfp);
  if (list === 0) return -ENOMEM;
  const batch = i32[cache + BATCH];
  const batches = i32[cache + SHARED];
  const shared = batches === 0 ? 0 : allocArray(k, node, batches * batch, batch, gfp);
  const needsAliens = i32[KERNEL.nr_nodes] > 1 && i32[list + KMEM_LIST3.at.alien] === 0;
  const aliens = needsAliens
    ? allocAliens(k, cache, node, Math.min(i32[cache + LIMIT], ALIEN_LIMIT), gfp)
    : 0;
  if ((batches !== 0 && shared === 0) || (needsAliens && aliens === 0)) {
    kfreeWords(k, shared);
    freeAliens(k, aliens);
    return -ENOMEM;
  }
  const flags = spin_lock_irqsave(k, list + KMEM_LIST3.at.list_lock);
  const old = i32[list + KMEM_LIST3.at.shared];
  if (old !== 0) free_block(k, cache, old + ENTRY, i32[old + AVAIL], list);
  i32[list + KMEM_LIST3.at.shared] = shared;
  if (aliens !== 0) i32[list + KMEM_LIST3.at.alien] = aliens;
  i32[list + KMEM_LIST3.at.free_limit] = freeLimit(k, cache, node);
  spin_unlock_irqrestore(k, list + KMEM_LIST3.at.list_lock, flags);
  kfreeWords(k, old);
  return 0;
}
