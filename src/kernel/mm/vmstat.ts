import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { PER_CPU_PAGESET, ZONE } from './zone.js';

/**
 * Zone statistics with per-CPU deltas (facts file, section 1.15): a CPU collects its changes in its own page set and
 * folds them into the zone when they exceed a threshold, or when its clock ticks. So readers of `vm_stat` see
 * values off by up to CPUs times threshold; {@link zonePageStateExact} adds what is not folded yet.
 */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const PAGESET = ZONE.at.pageset;
const VM_STAT = ZONE.at.vm_stat;
const DIFF = PER_CPU_PAGESET.at.vm_stat_diff;
const THRESHOLD = PER_CPU_PAGESET.at.stat_threshold;

/** Changes a statistic of a zone. Interrupts are off. */
export function __mod_zone_page_state(k: Cpu, zone: number, item: number, delta: number): void {
  const { i32 } = k;
  const pageset = i32[zone + PAGESET + k.cpu];
  const threshold = i32[pageset + THRESHOLD];
  let diff = i32[pageset + DIFF + item] + delta;
  if (diff > threshold || diff < -threshold) {
    Atomics.add(i32, zone + VM_STAT + item, diff);
    diff = 0;
  }
  i32[pageset + DIFF + item] = diff;
}

/** A statistic as the kernel sees it: without what CPUs have not folded yet, never negative. Any context. */
export function zone_page_state(k: Cpu, zone: number, item: number): number {
  const value = readOnce(k, zone + VM_STAT + item);
  return value < 0 ? 0 : value;
}

/** A statistic with every CPU's unfolded part: exact when all CPUs are quiet, else a deliberate race. */
export function zonePageStateExact(k: Cpu, zone: number, item: number, cpus: number): number {
  let value = Atomics.load(k.i32, zone + VM_STAT + item);
  for (let cpu = 0; cpu < cpus; cpu++) value += readOnce(k, k.i32[zone + PAGESET + cpu] + DIFF + item);
  return value;
}
