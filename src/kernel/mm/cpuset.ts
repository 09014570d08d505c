import { BUG_ON } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { KERNEL } from '../core/kernel-data.js';
import { NODEMASK_WORDS } from '../core/limits.js';
import { in_interrupt } from '../core/preempt.js';
import { __GFP_HARDWALL, __GFP_THISNODE, type gfp_t } from './gfp.js';

/** Cpusets: which nodes a task may take memory from (facts file, section 1.11). */

const MEMS_ALLOWED = CPU_AREA.at.mems_allowed;
const MEMS_EXCLUSIVE = CPU_AREA.at.mems_exclusive;

/**
 * Whether the running task may take memory of a node: in an interrupt or with THISNODE any; else its own nodes; and
 * without `__GFP_HARDWALL` also those of the nearest exclusive cpuset around it.
 */
export function cpuset_zone_allowed_softwall(k: Cpu, node: number, gfp_mask: gfp_t): boolean {
  if (in_interrupt(k) || (gfp_mask & __GFP_THISNODE) !== 0) return true;
  if (nodeIn(k, k.area + MEMS_ALLOWED, node)) return true;
  return (gfp_mask & __GFP_HARDWALL) === 0 && nodeIn(k, k.area + MEMS_EXCLUSIVE, node);
}

/**
 * Puts the running task into a cpuset.
 *
 * @param mems nodes it may use
 * @param exclusive nodes of the nearest mem_exclusive cpuset around it, a superset of `mems`; default: all nodes
 * @throws KernelBug when a node does not exist
 */
export function cpuset_set_mems(k: Cpu, mems: readonly number[], exclusive?: readonly number[]): void {
  checkNodes(k, mems);
  if (exclusive !== undefined) checkNodes(k, exclusive);
  writeNodes(k, k.area + MEMS_ALLOWED, mems);
  if (exclusive === undefined)
    k.i32.fill(-1, k.area + MEMS_EXCLUSIVE, k.area + MEMS_EXCLUSIVE + NODEMASK_WORDS);
  else writeNodes(k, k.area + MEMS_EXCLUSIVE, exclusive);
  // The count only switches the check on; it never goes back.
  Atomics.store(k.i32, KERNEL.number_of_cpusets, 2);
}

function checkNodes(k: Cpu, nodes: readonly number[]): void {
  for (const node of nodes) {
    const exists = Number.isInteger(node) && node >= 0 && node < k.i32[KERNEL.nr_nodes];
    BUG_ON(k, !exists, `cpuset_set_mems: there is no node ${node}`);
  }
}

/** Writes a node mask. */
export function writeNodes(k: Cpu, mask: number, nodes: readonly number[]): void {
  k.i32.fill(0, mask, mask + NODEMASK_WORDS);
  for (const node of nodes) k.i32[mask + (node >>> 5)] |= 1 << (node & 31);
}

/** Whether a node is in a mask. */
export function nodeIn(k: Cpu, mask: number, node: number): boolean {
  return ((k.i32[mask + (node >>> 5)] >>> (node & 31)) & 1) !== 0;
}
