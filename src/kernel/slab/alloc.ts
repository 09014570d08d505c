import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { describeValue } from '../core/describe-value.js';
import { local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { DEBUG_FAULTS, DEBUG_SLEEP, KERNEL } from '../core/kernel-data.js';
import { in_interrupt } from '../core/preempt.js';
import { might_sleep } from '../cpu/might-sleep.js';
import { __GFP_WAIT, __GFP_ZERO, type gfp_t } from '../mm/gfp.js';
import { slab_node } from '../mm/mempolicy.js';
import { checkCache } from './cache-handle.js';
import { should_failslab } from './failslab.js';
import { KMEM_CACHE } from './kmem-cache.js';
import { takeLocal } from './refill.js';
import { takeFromNode } from './remote.js';
import { debugAllocated, debugAllocatedInternal, isDebugged } from './slab-debug.js';
import { slotAddress, slotWord } from './slot.js';

/** Allocation of objects (facts file, sections 3.1 and 3.5): all that the short ways leave alone. */

const MEMPOLICY = CPU_AREA.at.mempolicy;
const WAIT_BIT = __GFP_WAIT;
const ZERO_BIT = __GFP_ZERO;
const SLEEP_BIT = DEBUG_SLEEP;
const FAULTS_BIT = DEBUG_FAULTS;

/**
 * An object. Kernel.kmem_cache_alloc tries the short way first, which see.
 *
 * @returns its kernel address, or 0 (NULL). Context: may sleep if the mask has `__GFP_WAIT`, else any
 */
export function kmem_cache_alloc(k: Cpu, cache: number, gfp: gfp_t): number {
  return allocLong(k, cache, gfp, -1);
}

/**
 * An object in memory of a node; elsewhere when that has none.
 *
 * @param nid below 0: as {@link kmem_cache_alloc}
 */
export function kmem_cache_alloc_node(k: Cpu, cache: number, gfp: gfp_t, nid: number): number {
  if (nid < 0) return kmem_cache_alloc(k, cache, gfp);
  if (!(Number.isInteger(nid) && nid < k.i32[KERNEL.nr_nodes]))
    BUG(k, `kmem_cache_alloc_node: there is no node ${describeValue(nid)}`);
  return allocLong(k, cache, gfp, nid);
}

/** {@link kmem_cache_alloc} of a cleared object. */
export function kmem_cache_zalloc(k: Cpu, cache: number, gfp: gfp_t): number {
  return kmem_cache_alloc(k, cache, gfp | ZERO_BIT);
}

/**
 * The long way: everything that the short one leaves alone.
 *
 * @param size bytes that the user asks for: with debugging the others must stay as they are
 * @throws KernelBug for what is no cache, or no mask
 */
export function allocLong(
  k: Cpu,
  cache: number,
  gfp: gfp_t,
  node: number,
  size = k.i32[cache + KMEM_CACHE.at.obj_size],
): number {
  checkCache(k, cache, 'kmem_cache_alloc');
  if ((gfp | 0) !== gfp) BUG(k, `mask ${describeValue(gfp)}: must be __GFP_* bits, such as GFP_KERNEL`);
  if ((gfp & WAIT_BIT) !== 0 && (k.debug & SLEEP_BIT) !== 0) might_sleep(k);
  const slot = takeSlot(k, cache, gfp & ~ZERO_BIT, node);
  if (slot === 0) return 0;
  if (isDebugged(k, cache)) return debugAllocated(k, cache, slot, gfp, size);
  if ((gfp & ZERO_BIT) !== 0) {
    const start = slotWord(k, slot);
    k.i32.fill(0, start, start + k.i32[cache + KMEM_CACHE.at.buffer_size] / 4);
  }
  return slotAddress(k, slot);
}

/**
 * An object for the allocator itself.
 *
 * @param node below 0: as the task's memory policy says, else this CPU's
 * @returns its slot, or 0. Context: by the mask
 */
export function allocSlot(k: Cpu, cache: number, gfp: gfp_t, node: number): number {
  const slot = takeSlot(k, cache, gfp, node);
  if (slot !== 0 && isDebugged(k, cache)) debugAllocatedInternal(k, cache, slot);
  return slot;
}

/** The slot of an object that nobody has looked at, or 0. */
function takeSlot(k: Cpu, cache: number, gfp: gfp_t, node: number): number {
  if ((k.debug & FAULTS_BIT) !== 0 && should_failslab(k, cache, gfp)) return 0;
  const flags = local_irq_save(k);
  const wanted = node >= 0 || k.i32[k.area + MEMPOLICY] === 0 || in_interrupt(k) ? node : slab_node(k);
  let slot = 0;
  if (wanted < 0 || wanted === k.node) slot = takeLocal(k, cache, gfp);
  if (slot === 0) slot = takeFromNode(k, cache, gfp, wanted < 0 ? k.node : wanted);
  local_irq_restore(k, flags);
  return slot;
}
