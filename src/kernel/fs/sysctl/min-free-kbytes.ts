import type { Cpu } from '../../core/cpu.js';
import { KERNEL } from '../../core/kernel-data.js';
import { setup_per_zone_pages_min } from '../../mm/zone-setup.js';
import { parseIntegers } from './parse-integers.js';

/** /proc/sys/vm/min_free_kbytes: what the watermarks of all zones keep free together. */
export function minFreeKbytes(k: Cpu): string {
  return `${k.i32[KERNEL.min_free_kbytes]}\n`;
}

/**
 * Sets it and every zone's watermarks by the formula. Unlike the value that boot computes, it is not clamped; it leaves
 * lowmem_reserve alone. All other CPUs are stopped.
 */
export function writeMinFreeKbytes(k: Cpu, path: string, text: string): void {
  k.i32[KERNEL.min_free_kbytes] = parseIntegers(path, text, 1, 0)[0];
  setup_per_zone_pages_min(k);
}
