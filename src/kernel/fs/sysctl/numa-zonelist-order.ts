import type { Cpu } from '../../core/cpu.js';
import { KERNEL } from '../../core/kernel-data.js';
import { build_all_zonelists, ZONELIST_ORDERS } from '../../mm/zonelist.js';
import { EINVAL, FileError } from '../file-error.js';

/** /proc/sys/vm/numa_zonelist_order: what was asked for, not what `default` came to. */
export function numaZonelistOrder(k: Cpu): string {
  return `${ZONELIST_ORDERS[k.i32[KERNEL.numa_zonelist_order]] ?? '?'}\n`;
}

/**
 * Sets the order and, if that changes it, builds all zonelists anew. Takes the words or their first letters; the kernel
 * looks at the first letter only and takes any word that begins with it. All other CPUs are stopped.
 */
export function writeNumaZonelistOrder(k: Cpu, path: string, text: string): void {
  const asked = text.trim().toLowerCase();
  for (let order = 0; order < ZONELIST_ORDERS.length; order++) {
    const name = ZONELIST_ORDERS[order] ?? '';
    if (asked !== name && asked !== name.slice(0, 1)) continue;
    if (k.i32[KERNEL.numa_zonelist_order] === order) return;
    k.i32[KERNEL.numa_zonelist_order] = order;
    build_all_zonelists(k);
    return;
  }
  throw new FileError(
    path,
    EINVAL,
    `"${text.trim()}" is no zonelist order; write ${ZONELIST_ORDERS.join(', ')} or the first letter`,
  );
}
