import { readOnce, writeOnce } from '../core/access-once.js';
import { callTrace } from '../core/call-trace.js';
import type { Cpu } from '../core/cpu.js';
import { printk } from '../core/printk.js';
import {
  DEPOT_BYTES,
  depotInit,
  depotText,
  HANDLE_STEP,
  hasDepot,
  saveTraceText,
} from '../core/stack-depot.js';
import { frameWord } from '../mm/address.js';
import { alloc_pages_node } from '../mm/alloc-api.js';
import { __GFP_NOWARN, __GFP_ZERO, GFP_KERNEL } from '../mm/gfp.js';
import { get_order } from '../mm/get-order.js';
import { hasUser, paddedSize, type SlabObject, userWord } from './debug-layout.js';
import { KMEM_CACHE } from './kmem-cache.js';

/**
 * Who has an object, and who had it (SLAB_STORE_USER). One word of 32 bits for each object has it all: its lower half is the
 * call trace of the allocation, as a handle of the stack depot in steps of HANDLE_STEP; its upper half is, of an object that
 * is out, how many bytes at its end the user did not ask for, and of a free one the call trace of the free.
 *
 * The word belongs to who has the object. Listings read it meanwhile, a deliberate race.
 */

const HALF = 0xffff;

/** Functions of the allocator: a trace begins with who called them. */
const FILES = /^ \[<(?:debug-\w+|slab-debug|alloc|free|kmalloc|short-ways|slab-face)\.[jt]s:\d+>\] /;
const FUNCTIONS =
  /\] (?:\w+\.)?(?:kmem_cache_(?:z?alloc|alloc_node|free)|k[mz]alloc|kmalloc_node|kmallocLong|kmallocOdd|kcalloc|krealloc|kfree|kfreeLong|allocLong|freeLong|debugAllocated|cache_free_debugcheck|freeChecked|store\w+|resized|userTrace)$/;

/**
 * Notes who allocates an object, and how many bytes of its padded size were not asked for.
 *
 * @param trace from {@link userTrace}
 */
export function storeAllocation(k: Cpu, object: SlabObject, trace: number, slack: number): void {
  if (hasUser(k, object.cache)) writeOnce(k, userWord(k, object), trace | (slack << 16));
}

/** Notes who frees an object. */
export function storeFree(k: Cpu, object: SlabObject): void {
  if (!hasUser(k, object.cache)) return;
  const at = userWord(k, object);
  writeOnce(k, at, (readOnce(k, at) & HALF) | (userTrace(k, object.cache) << 16));
}

/** An object that is the allocator's own, or that nobody had yet, has no user. */
export function storeNoUser(k: Cpu, object: SlabObject): void {
  if (hasUser(k, object.cache)) writeOnce(k, userWord(k, object), 0);
}

/** Bytes at the end of an object that is out, up to its padded size, that its user did not ask for. */
export function slackOf(k: Cpu, object: SlabObject): number {
  if (hasUser(k, object.cache)) return readOnce(k, userWord(k, object)) >>> 16;
  return paddedSize(k, object.cache) - k.i32[object.cache + KMEM_CACHE.at.obj_size];
}

/** Changes {@link slackOf}. */
export function storeSlack(k: Cpu, object: SlabObject, slack: number): void {
  if (!hasUser(k, object.cache)) return;
  const at = userWord(k, object);
  writeOnce(k, at, (readOnce(k, at) & HALF) | (slack << 16));
}

/** Depot handle of the trace of an object's allocation; 0: it is not known. */
export function allocationTrace(k: Cpu, object: SlabObject): number {
  return hasUser(k, object.cache) ? (readOnce(k, userWord(k, object)) & HALF) * HANDLE_STEP : 0;
}

/** What is known of an object's users, for reports: lines that each begin on a new one; empty if nothing is. */
export function describeUsers(k: Cpu, object: SlabObject, isFree: boolean): string {
  const allocated = depotText(k, allocationTrace(k, object));
  const upper = hasUser(k, object.cache) ? readOnce(k, userWord(k, object)) >>> 16 : 0;
  const freed = isFree ? depotText(k, upper * HANDLE_STEP) : '';
  return (
    (allocated === '' ? '' : `\nallocated at:\n${allocated}`) + (freed === '' ? '' : `\nfreed at:\n${freed}`)
  );
}

/** Handle, in steps, of who called the allocator, for a cache that notes it; else 0. It waits for the lock of the depot. */
export function userTrace(k: Cpu, cache: number): number {
  if (!hasUser(k, cache) || !hasDepot(k)) return 0;
  const lines = callTrace(2).split('\n');
  let first = 0;
  while (first < lines.length - 1 && FILES.test(lines[first]) && FUNCTIONS.test(lines[first])) first++;
  return saveTraceText(k, lines.slice(first).join('\n')) / HANDLE_STEP;
}

/** Sees to it that there is a place for traces. Under cache_chain_mutex; may sleep. */
export function makeDepot(k: Cpu, name: string): void {
  if (hasDepot(k)) return;
  const pfn = alloc_pages_node(k, -1, GFP_KERNEL | __GFP_NOWARN | __GFP_ZERO, get_order(DEPOT_BYTES));
  if (pfn === 0) printk(k, `slab: no memory for call traces: users of cache ${name} are not known`);
  else depotInit(k, frameWord(k, pfn));
}
