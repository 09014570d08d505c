import type { Cpu } from '../core/cpu.js';
import { local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { spin_lock, spin_unlock } from '../sync/spinlock.js';
import { free_pages_bulk } from './page-sets.js';
import {
  NR_VM_ZONE_STAT_ITEMS,
  PCP_COLD,
  PCP_HOT,
  PER_CPU_PAGES,
  PER_CPU_PAGESET,
  populatedZones,
  ZONE,
} from './zone.js';

/** Ticks that an untouched remote page set keeps its pages. */
const EXPIRE_ROUNDS = 3;

const PAGESET = ZONE.at.pageset;
const LOCK = ZONE.at.lock;
const VM_STAT = ZONE.at.vm_stat;
const DIFF = PER_CPU_PAGESET.at.vm_stat_diff;

/**
 * Folds this CPU's deltas into the zones, and gives back one batch from each page set of another node's zone that
 * was not used for {@link EXPIRE_ROUNDS} rounds. Runs on every clock tick and when a CPU falls idle. Interrupts on
 * or off; takes zone->lock.
 */
export function refresh_cpu_vm_stats(k: Cpu): void {
  for (const zone of populatedZones(k)) {
    const flags = local_irq_save(k);
    const pageset = k.i32[zone + PAGESET + k.cpu];
    if (foldDiffs(k, zone, pageset)) k.i32[pageset + PER_CPU_PAGESET.at.expire] = EXPIRE_ROUNDS;
    else if (k.i32[zone + ZONE.at.node] !== k.node) expireRemotePages(k, zone, pageset);
    local_irq_restore(k, flags);
  }
}

/**
 * Folds the deltas of one page set; whether there were any. Interrupts are off.
 *
 * Nobody else changes the deltas, so the kernel needs no lock here. A thread that died between the two stores would
 * leave a count that nobody can put right; with the lock held its death stops the machine.
 */
function foldDiffs(k: Cpu, zone: number, pageset: number): boolean {
  if (!hasDiffs(k, pageset)) return false;
  const { i32 } = k;
  spin_lock(k, zone + LOCK);
  for (let item = 0; item < NR_VM_ZONE_STAT_ITEMS; item++) {
    const diff = i32[pageset + DIFF + item];
    if (diff === 0) continue;
    Atomics.add(i32, zone + VM_STAT + item, diff);
    i32[pageset + DIFF + item] = 0;
  }
  spin_unlock(k, zone + LOCK);
  return true;
}

function hasDiffs(k: Cpu, pageset: number): boolean {
  for (let item = 0; item < NR_VM_ZONE_STAT_ITEMS; item++)
    if (k.i32[pageset + DIFF + item] !== 0) return true;
  return false;
}

function expireRemotePages(k: Cpu, zone: number, pageset: number): void {
  const { i32 } = k;
  const expire = pageset + PER_CPU_PAGESET.at.expire;
  if (i32[expire] === 0) return;
  i32[expire]--;
  if (i32[expire] > 0) return;
  for (const list of [PCP_HOT, PCP_COLD]) {
    const pcp = pageset + list * PER_CPU_PAGES.words;
    const count = Math.min(i32[pcp + PER_CPU_PAGES.at.count], i32[pcp + PER_CPU_PAGES.at.batch]);
    if (count > 0) free_pages_bulk(k, zone, pcp, count);
  }
}

/** Folds everything of a CPU that goes away, and leaves no page on its lists. This thread is that CPU. */
export function fold_cpu(k: Cpu): void {
  const flags = local_irq_save(k);
  for (const zone of populatedZones(k)) foldDiffs(k, zone, k.i32[zone + PAGESET + k.cpu]);
  local_irq_restore(k, flags);
}
