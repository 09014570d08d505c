import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { depotText } from '../core/stack-depot.js';
import { spin_lock_irqsave, spin_unlock_irqrestore } from '../sync/spinlock.js';
import { allocationTrace } from './debug-users.js';
import { objectAt } from './debug-layout.js';
import { BUFCTL_ACTIVE, KMEM_CACHE, KMEM_LIST3, nodeList, SLAB } from './kmem-cache.js';
import { isDebugged } from './slab-debug.js';

/** Who has the objects of debugged caches: users, not the allocator itself. */

/** How many objects were allocated from one place. */
export interface SlabOwner {
  readonly count: number;
  /** The call trace; empty where users are not tracked. */
  readonly trace: string;
}

/**
 * The owners of a cache's objects, most objects first. Any context; takes the list_lock of each node.
 *
 * @param isStopped nothing runs any more: no lock is taken, which a dead thread may have
 */
export function slabOwners(k: Cpu, cache: number, isStopped = false): SlabOwner[] {
  const counts = new Map<number, number>();
  if (!isDebugged(k, cache)) return [];
  for (let node = 0; node < k.i32[KERNEL.nr_nodes]; node++) {
    const list = nodeList(k, cache, node);
    const flags = isStopped ? 0 : spin_lock_irqsave(k, list + KMEM_LIST3.at.list_lock);
    countList(k, cache, list + KMEM_LIST3.at.slabs_full, counts);
    countList(k, cache, list + KMEM_LIST3.at.slabs_partial, counts);
    if (!isStopped) spin_unlock_irqrestore(k, list + KMEM_LIST3.at.list_lock, flags);
  }
  const owners: SlabOwner[] = [];
  for (const [handle, count] of counts) owners.push({ count, trace: depotText(k, handle) });
  return owners.sort((a, b) => b.count - a.count || (a.trace < b.trace ? -1 : 1));
}

/** Adds the objects of a list of slabs by the handle of their trace. A list that a dead thread has left broken may end late. */
function countList(k: Cpu, cache: number, head: number, counts: Map<number, number>): void {
  const { i32 } = k;
  let left = i32[KERNEL.max_pfn];
  for (let slab = i32[head]; slab !== head && slab !== 0 && left > 0; slab = i32[slab + SLAB.at.list]) {
    left--;
    for (let index = 0; index < i32[cache + KMEM_CACHE.at.num]; index++) {
      const object = objectAt(k, cache, slab, index);
      if (readOnce(k, object.bufctl) !== BUFCTL_ACTIVE) continue;
      const handle = allocationTrace(k, object);
      counts.set(handle, (counts.get(handle) ?? 0) + 1);
    }
  }
}

/** Where a trace begins, for lists: `function [file:line]`. */
export function siteOf(trace: string): string {
  const match = /^ \[<([^>]+)>\] (.+)/.exec(trace);
  return match === null ? '<unknown>' : `${match[2]} [${match[1]}]`;
}
