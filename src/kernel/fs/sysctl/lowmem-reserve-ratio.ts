import type { Cpu } from '../../core/cpu.js';
import { KERNEL } from '../../core/kernel-data.js';
import { setup_per_zone_lowmem_reserve } from '../../mm/zone-setup.js';
import { parseIntegers } from './parse-integers.js';

/** /proc/sys/vm/lowmem_reserve_ratio: a ratio for each zone type of the architecture but the highest. */
export function lowmemReserveRatio(k: Cpu): string {
  const { zoneTypes } = k.space;
  const ratios: number[] = [];
  for (let i = 0; i < zoneTypes.length - 1; i++) {
    ratios.push(k.i32[KERNEL.lowmem_reserve_ratio + zoneTypes[i]]);
  }
  return `${ratios.join('\t')}\n`;
}

/**
 * Sets the first ratios, as many as are written, and all zones' lowmem_reserve. A ratio below 1 counts, and reads back,
 * as 1 (later kernels take 0 for no reserve). All other CPUs are stopped.
 */
export function writeLowmemReserveRatio(k: Cpu, path: string, text: string): void {
  const { zoneTypes } = k.space;
  const ratios = parseIntegers(path, text, zoneTypes.length - 1, 0);
  for (let i = 0; i < ratios.length; i++) {
    k.i32[KERNEL.lowmem_reserve_ratio + zoneTypes[i]] = Math.max(1, ratios[i]);
  }
  setup_per_zone_lowmem_reserve(k);
}
