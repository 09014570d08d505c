import type { Cpu } from '../core/cpu.js';
import { local_irq_disable, local_irq_enable } from '../core/irqflags.js';
import { readOnce } from '../core/access-once.js';
import { spin_lock, spin_unlock } from '../sync/spinlock.js';
import { cpuset_zone_allowed_softwall } from '../mm/cpuset.js';
import {
  __GFP_HARDWALL,
  __GFP_NO_GROW,
  __GFP_THISNODE,
  __GFP_WAIT,
  GFP_THISNODE,
  type gfp_t,
} from '../mm/gfp.js';
import { node_zonelist, slab_node } from '../mm/mempolicy.js';
import { page_to_nid } from '../mm/page.js';
import { ZONE } from '../mm/zone.js';
import { ZONELIST } from '../mm/zonelist.js';
import { cache_grow } from './grow.js';
import { CACHE_STATISTICS, KMEM_CACHE, KMEM_LIST3, nodeList } from './kmem-cache.js';
import { fileSlab, slabWithObjects, takeFromSlab } from './refill.js';
import { kmem_getpages } from './slab-pages.js';
import { countEvent, countTaken } from './statistics.js';

/** Objects of a given node, and of any node when this one has no memory (facts file, section 3.5). */

const { list_lock: LOCK, free_objects: FREE_OBJECTS } = KMEM_LIST3.at;

/**
 * An object straight from the slabs of a node (____cache_alloc_node); without `__GFP_THISNODE` from elsewhere when that has no
 * memory. Interrupts are off, as for `takeLocal`.
 *
 * @returns its slot, or 0
 */
export function takeFromNode(k: Cpu, cache: number, gfp: gfp_t, node: number): number {
  const { i32 } = k;
  for (;;) {
    const list = nodeList(k, cache, node);
    spin_lock(k, list + LOCK);
    const slab = slabWithObjects(k, list);
    let slot = 0;
    if (slab !== 0) {
      slot = takeFromSlab(k, cache, slab) >>> 0;
      i32[list + FREE_OBJECTS]--;
      fileSlab(k, list, slab);
      countTaken(k, cache, 1);
      countEvent(k, cache, CACHE_STATISTICS.at.nodeallocs);
    }
    spin_unlock(k, list + LOCK);
    if (slot !== 0) return slot;
    if (cache_grow(k, cache, gfp | GFP_THISNODE, node)) continue;
    return (gfp & __GFP_THISNODE) === 0 ? fallback_alloc(k, cache, gfp) : 0;
  }
}

/** An object of whatever node has one, or has memory for one; the nearest first. */
function fallback_alloc(k: Cpu, cache: number, gfp: gfp_t): number {
  for (;;) {
    const slot = takeFromAnyNode(k, cache, gfp);
    if (slot !== 0 || (gfp & __GFP_NO_GROW) !== 0) return slot;
    const mayWait = (gfp & __GFP_WAIT) !== 0;
    if (mayWait) local_irq_enable(k);
    const pfn = kmem_getpages(k, cache, gfp, -1);
    if (mayWait) local_irq_disable(k);
    if (pfn === 0) return 0;
    const node = page_to_nid(k, pfn);
    // The caller's mask: what describes the slab may come from anywhere, and tasks on other CPUs may take all its objects.
    if (!cache_grow(k, cache, gfp, node, pfn)) return 0;
    const taken = takeFromNode(k, cache, gfp | GFP_THISNODE, node);
    if (taken !== 0) return taken;
  }
}

/** An object that some node has already. */
function takeFromAnyNode(k: Cpu, cache: number, gfp: gfp_t): number {
  const { i32 } = k;
  const zones = node_zonelist(k, slab_node(k), gfp | i32[cache + KMEM_CACHE.at.gfpflags]) + ZONELIST.at.zones;
  for (let i = 0; i32[zones + i] !== 0; i++) {
    const node = i32[i32[zones + i] + ZONE.at.node];
    const isWorthIt = readOnce(k, nodeList(k, cache, node) + FREE_OBJECTS) !== 0;
    if (!isWorthIt || !cpuset_zone_allowed_softwall(k, node, gfp | __GFP_HARDWALL)) continue;
    const slot = takeFromNode(k, cache, gfp | GFP_THISNODE | __GFP_NO_GROW, node);
    if (slot !== 0) return slot;
  }
  return 0;
}
