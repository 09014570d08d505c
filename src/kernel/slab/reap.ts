import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { TIMER_LIST } from '../core/interrupt-data.js';
import { local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { KERNEL } from '../core/kernel-data.js';
import { SYM_CACHE_REAP } from '../core/symbols.js';
import { HZ, jiffies } from '../cpu/jiffies.js';
import { add_timer_on, del_timer, mod_timer, setup_deferrable_timer } from '../cpu/timer.js';
import { spin_lock, spin_trylock, spin_unlock } from '../sync/spinlock.js';
import { firstCache, nextCache } from './cache-chain.js';
import { drain_array, drain_freelist, drainAlienOf } from './drain.js';
import { CACHE_STATISTICS, KMEM_CACHE, KMEM_LIST3, nodeList } from './kmem-cache.js';
import { LIST_REAP_SECONDS } from './list3.js';
import { SLAB_NO_REAP } from './slab-flags.js';
import { countEvent } from './statistics.js';

/**
 * The reaper: every CPU looks at all caches every two seconds, and gives back what was not used meanwhile (facts file, section
 * 3.5). In Linux a task of each CPU does it; here a timer, so that no CPU needs a thread more: destructors that it
 * calls must not sleep. A CPU that is idle is not woken for it.
 */

/** Seconds between two rounds of a CPU. */
const REAP_SECONDS = 2;

const TIMER = CPU_AREA.at.reap_timer;
const REAP_NODE = CPU_AREA.at.reap_node;

/** Sets the reaper of an online CPU going (start_cpu_timer), if there is a slab allocator. At the end of boot, or the console. */
export function startReaper(k: Cpu, cpu: number): void {
  if (k.i32[KERNEL.cache_cache] === 0) return;
  const timer = k.i32[KERNEL.cpu_area + cpu] + TIMER;
  setup_deferrable_timer(k, timer, SYM_CACHE_REAP);
  // CPUs come one after another, not all at once.
  k.i32[timer + TIMER_LIST.at.expires] = (jiffies(k) + REAP_SECONDS * HZ(k) + 3 * cpu) | 0;
  add_timer_on(k, timer, cpu);
}

/** The reaper of a CPU that goes away stops. Console only. */
export function stopReaper(k: Cpu, cpu: number): void {
  del_timer(k, k.i32[KERNEL.cpu_area + cpu] + TIMER);
}

/** A round (cache_reap): what the timer runs, in softirq context. When caches are being made or ended, it is left out. */
export function cache_reap(k: Cpu): void {
  const flags = local_irq_save(k);
  if (spin_trylock(k, KERNEL.cache_chain_lock)) {
    for (let cache = firstCache(k); cache !== 0; cache = nextCache(k, cache)) {
      if ((k.i32[cache + KMEM_CACHE.at.flags] & SLAB_NO_REAP) === 0) reapCache(k, cache);
    }
    spin_unlock(k, KERNEL.cache_chain_lock);
  }
  k.i32[k.area + REAP_NODE] = (k.i32[k.area + REAP_NODE] + 1) % k.i32[KERNEL.nr_nodes];
  local_irq_restore(k, flags);
  mod_timer(k, k.area + TIMER, (jiffies(k) + REAP_SECONDS * HZ(k)) | 0);
}

function reapCache(k: Cpu, cache: number): void {
  const { i32 } = k;
  const list = nodeList(k, cache, k.node);
  // One other node a round.
  drainAlienOf(k, cache, k.node, i32[k.area + REAP_NODE]);
  drain_array(k, cache, list, false);
  const due = slabsToReap(k, cache, list);
  if (due < 0) return;
  drain_array(k, cache, list, true);
  countEvent(k, cache, CACHE_STATISTICS.at.reaped, drain_freelist(k, cache, list, due));
}

/** How many empty slabs of a node are to be freed now; -1: it is too early to look at what its CPUs share. */
function slabsToReap(k: Cpu, cache: number, list: number): number {
  const { i32 } = k;
  const now = jiffies(k);
  // On most rounds it is: that needs no lock. Of two CPUs that find it due, one is first.
  if (((readOnce(k, list + KMEM_LIST3.at.next_reap) - now) | 0) > 0) return -1;
  spin_lock(k, list + KMEM_LIST3.at.list_lock);
  let due = -1;
  if (((i32[list + KMEM_LIST3.at.next_reap] - now) | 0) <= 0) {
    i32[list + KMEM_LIST3.at.next_reap] = (now + LIST_REAP_SECONDS * HZ(k)) | 0;
    const num = i32[cache + KMEM_CACHE.at.num];
    const fifth = Math.floor((i32[list + KMEM_LIST3.at.free_limit] + 5 * num - 1) / (5 * num));
    due = i32[list + KMEM_LIST3.at.free_touched] !== 0 ? 0 : fifth;
    i32[list + KMEM_LIST3.at.free_touched] = 0;
  }
  spin_unlock(k, list + KMEM_LIST3.at.list_lock);
  return due;
}
