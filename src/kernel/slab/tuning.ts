import { PAGE_SIZE } from '../../arch/page.js';

/** How many objects the arrays of CPUs hold, by the size of the objects (facts file, section 3.4). */

export interface Tuning {
  /** Objects in a CPU's array. */
  readonly limit: number;
  /** Objects that go between a CPU's array and the node's slabs at a time. */
  readonly batchcount: number;
  /** The array that the CPUs of a node share has so many batches; 0: there is none. */
  readonly shared: number;
}

/** Most objects in the array of a CPU with debugging. */
const DEBUG_LIMIT = 32;

/** Entries of an array for objects of another node. */
export const ALIEN_LIMIT = 12;

/**
 * @param size bytes from one object to the next
 * @param smp whether the machine has more than one CPU
 */
export function tuningOf(size: number, smp: boolean, debug: boolean): Tuning {
  let limit = 120;
  if (size > 131072) limit = 1;
  else if (size > PAGE_SIZE) limit = 8;
  else if (size > 1024) limit = 24;
  else if (size > 256) limit = 54;
  if (debug && limit > DEBUG_LIMIT) limit = DEBUG_LIMIT;
  return { limit, batchcount: (limit + 1) >>> 1, shared: smp && size <= PAGE_SIZE ? 8 : 0 };
}
