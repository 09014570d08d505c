import type { Kernel } from '../../src/kernel/kernel.js';
import { GFP_KERNEL } from '../../src/kernel/mm/gfp.js';

/** Mistakes that a stress run of objects must find. */

/** Memory that nobody frees. */
export function leak(k: Kernel): number {
  return k.kmalloc(100, GFP_KERNEL);
}

/** Writes into memory that it has freed, as long as nobody notices. */
export function useAfterFree(k: Kernel, buffer: SharedArrayBuffer): void {
  const stop = new Int32Array(buffer);
  // The stress leaves little memory: sooner or later there is some.
  let address = 0;
  while (address === 0) {
    address = k.kmalloc(256, GFP_KERNEL);
    k.cond_resched();
  }
  k.kfree(address);
  while (Atomics.load(stop, 0) === 0) {
    k.write32(address + 8, 0xbad);
    k.cond_resched();
  }
}
