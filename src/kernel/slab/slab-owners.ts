import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { depotText } from '../core/stack-depot.js';
import { spin_lock_irqsave, spin_unlock_irqrestore } from '../sync/spinlock.js';
import { allocationTrace } from './debug-users.js';
import { objectAt } from './debug-layout.js';
import {
  BUFCTL_ACTIVE,
  BUFCTL_LEAKED,
  isUsers,
  KMEM_CACHE,
  KMEM_LIST3,
  nodeList,
  SLAB,
} from './kmem-cache.js';
import { isDebugged } from './slab-debug.js';

/** Who has the objects of debugged caches: users, not the allocator itself. */

/** How many objects were allocated from one place. */
export interface SlabOwner {
  readonly count: number;
  /** The call trace; empty where users are not tracked. */
  readonly trace: string;
}

/** The owners of a cache's objects, most objects first. Any context; takes the list_lock of each node. */
export function slabOwners(k: Cpu, cache: number): SlabOwner[] {
  return owners(k, cache, isOut, false);
}

/** {@link slabOwners} for a report, after which the objects are told ones. */
export function tellOwners(k: Cpu, cache: number): SlabOwner[] {
  return owners(k, cache, becomesTold, false);
}

/** {@link slabOwners} that were not told. Nothing runs any more: no lock is taken, which a dead thread may have. */
export function untoldOwners(k: Cpu, cache: number): SlabOwner[] {
  return owners(k, cache, isUntold, true);
}

/** Which objects are meant, by the word index of the bufctl. */
type Choice = (k: Cpu, bufctl: number) => boolean;

function isOut(k: Cpu, bufctl: number): boolean {
  return isUsers(readOnce(k, bufctl));
}

/** The user may free the object at this moment, although nobody should use the cache any more. */
function becomesTold(k: Cpu, bufctl: number): boolean {
  return isUsers(Atomics.compareExchange(k.i32, bufctl, BUFCTL_ACTIVE, BUFCTL_LEAKED));
}

function isUntold(k: Cpu, bufctl: number): boolean {
  return readOnce(k, bufctl) === BUFCTL_ACTIVE;
}

function owners(k: Cpu, cache: number, isMeant: Choice, isStopped: boolean): SlabOwner[] {
  const counts = new Map<number, number>();
  if (!isDebugged(k, cache)) return [];
  for (let node = 0; node < k.i32[KERNEL.nr_nodes]; node++) {
    const list = nodeList(k, cache, node);
    const flags = isStopped ? 0 : spin_lock_irqsave(k, list + KMEM_LIST3.at.list_lock);
    countList(k, cache, list + KMEM_LIST3.at.slabs_full, isMeant, counts);
    countList(k, cache, list + KMEM_LIST3.at.slabs_partial, isMeant, counts);
    if (!isStopped) spin_unlock_irqrestore(k, list + KMEM_LIST3.at.list_lock, flags);
  }
  const found: SlabOwner[] = [];
  for (const [handle, count] of counts) found.push({ count, trace: depotText(k, handle) });
  return found.sort((a, b) => b.count - a.count || (a.trace < b.trace ? -1 : 1));
}

/** Adds the objects of a list of slabs by the handle of their trace. A list that a dead thread has left broken may end late. */
function countList(k: Cpu, cache: number, head: number, isMeant: Choice, counts: Map<number, number>): void {
  const { i32 } = k;
  let left = i32[KERNEL.max_pfn];
  for (let slab = i32[head]; slab !== head && slab !== 0 && left > 0; slab = i32[slab + SLAB.at.list]) {
    left--;
    for (let index = 0; index < i32[cache + KMEM_CACHE.at.num]; index++) {
      const object = objectAt(k, cache, slab, index);
      if (!isMeant(k, object.bufctl)) continue;
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
