import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { cpu_online } from '../core/cpu-mask.js';
import { spin_lock_irqsave, spin_unlock_irqrestore } from '../sync/spinlock.js';
import { firstCache, nextCache } from './cache-chain.js';
import { do_drain, drain_alien_cache, drainShared } from './drain.js';

/**
 * Empties the arrays of a CPU that goes away; if it is the last of its node, also what the node's CPUs share. On the console,
 * as that CPU, with interrupts off there.
 */
export function drainSlabArrays(k: Cpu): void {
  const isLast = isLastOfNode(k);
  const flags = spin_lock_irqsave(k, KERNEL.cache_chain_lock);
  try {
    for (let cache = firstCache(k); cache !== 0; cache = nextCache(k, cache)) {
      do_drain(k, cache);
      if (!isLast) continue;
      drain_alien_cache(k, cache, k.node);
      drainShared(k, cache, k.node);
    }
  } finally {
    // The console gives up a wait for a lock that takes too long; what is drained by then stays drained.
    spin_unlock_irqrestore(k, KERNEL.cache_chain_lock, flags);
  }
}

function isLastOfNode(k: Cpu): boolean {
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    if (cpu !== k.cpu && k.i32[KERNEL.cpu_node + cpu] === k.node && cpu_online(k, cpu)) return false;
  }
  return true;
}
