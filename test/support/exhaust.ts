import type { Kernel } from '../../src/kernel/kernel.js';
import { refresh_cpu_vm_stats } from '../../src/kernel/mm/vmstat-refresh.js';
import { labelOf } from './zones.js';

/** A stretch of allocations from one zone. */
export interface Run {
  readonly zone: string;
  count: number;
}

/**
 * Allocates until it fails, with exact statistics.
 *
 * @param allocate returns a frame or 0
 */
export function exhaust(k: Kernel, allocate: () => number): { frames: number[]; runs: Run[] } {
  const frames: number[] = [];
  const runs: Run[] = [];
  for (;;) {
    refresh_cpu_vm_stats(k);
    const pfn = allocate();
    if (pfn === 0) break;
    frames.push(pfn);
    const zone = labelOf(k, pfn);
    const last = runs.at(-1);
    if (last?.zone === zone) last.count++;
    else runs.push({ zone, count: 1 });
  }
  refresh_cpu_vm_stats(k);
  return { frames, runs };
}
