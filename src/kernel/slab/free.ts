import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { describeValue } from '../core/describe-value.js';
import { local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { KERNEL } from '../core/kernel-data.js';
import { PAGE, pageOf, page_to_nid, PG_slab } from '../mm/page.js';
import { virt_addr_valid, virt_to_page } from '../mm/address.js';
import { cache_flusharray, freeToOtherNode } from './flush.js';
import { ARRAY_CACHE, CACHE_STATISTICS, ENTRY } from './kmem-cache.js';
import { ownArray } from './array-cache.js';
import { checkCache } from './cache-handle.js';
import { ZERO_SIZE_PTR } from './general-caches.js';
import { cache_free_debugcheck, debugFreedInternal, isDebugged } from './slab-debug.js';
import { addressSlot, slotCache, slotFrame } from './slot.js';
import { countEvent } from './statistics.js';

/**
 * Free of objects (facts file, sections 3.1 and 3.5): an object of this CPU's node goes on top of this CPU's array, one of
 * another node is collected for that node.
 */

const AVAIL = ARRAY_CACHE.at.avail;
const LIMIT = ARRAY_CACHE.at.limit;
const FIRST = ENTRY;
const FLAGS = PAGE.at.flags;
const SLAB_BIT = 1 << PG_slab;
const { freehit: FREEHIT, freemiss: FREEMISS } = CACHE_STATISTICS.at;

/** Gives an object back. Kernel.kmem_cache_free tries the short way first, which see. Any context. */
export function kmem_cache_free(k: Cpu, cache: number, object: number): void {
  freeLong(k, cache, object, addressSlot(k, object));
}

/** Frees what kmalloc gave. Kernel.kfree tries the short way first, which see. Any context. */
export function kfree(k: Cpu, object: number): void {
  kfreeLong(k, object, addressSlot(k, object));
}

/** {@link kfree}, the long way. */
export function kfreeLong(k: Cpu, object: number, slot: number): void {
  if (object === 0 || (object === ZERO_SIZE_PTR && k.i32[KERNEL.kmalloc_zero_size] !== 0)) return;
  checkSlabObject(k, object);
  freeLong(k, slotCache(k, slot), object, slot);
}

/**
 * The long way: everything that the short one leaves alone.
 *
 * @throws KernelBug when the cache is none or not that of the object, or no slab lies at the address
 */
export function freeLong(k: Cpu, cache: number, object: number, slot: number): void {
  checkCache(k, cache, 'kmem_cache_free');
  checkSlabObject(k, object);
  const own = slotCache(k, slot);
  const isLookedAt = own !== cache || isDebugged(k, cache);
  putSlot(k, cache, isLookedAt ? cache_free_debugcheck(k, cache, object) : slot);
}

/** @throws KernelBug when no slab lies at an address */
export function checkSlabObject(k: Cpu, object: number): void {
  const isMemory = Number.isInteger(object) && virt_addr_valid(k, object);
  const isSlab = isMemory && (k.i32[pageOf(k.i32, virt_to_page(k, object)) + FLAGS] & SLAB_BIT) !== 0;
  if (!isSlab) BUG(k, `kfree_debugcheck: bad ptr ${badPointer(k, object)}`);
}

function badPointer(k: Cpu, object: number): string {
  return Number.isInteger(object)
    ? `${BigInt.asUintN(k.space.bits, BigInt(object)).toString(16)}h.`
    : describeValue(object);
}

/** Frees an object that the allocator itself had. Any context. */
export function freeSlot(k: Cpu, cache: number, slot: number): void {
  if (isDebugged(k, cache)) debugFreedInternal(k, cache, slot);
  putSlot(k, cache, slot);
}

/** Frees an object that has been looked at (__cache_free). */
function putSlot(k: Cpu, cache: number, slot: number): void {
  const { i32 } = k;
  const flags = local_irq_save(k);
  const node = page_to_nid(k, slotFrame(slot));
  if (node === k.node) {
    const array = ownArray(k, cache);
    const isFull = i32[array + AVAIL] >= i32[array + LIMIT];
    countEvent(k, cache, isFull ? FREEMISS : FREEHIT);
    if (isFull) cache_flusharray(k, cache, array);
    i32[array + FIRST + i32[array + AVAIL]] = slot;
    i32[array + AVAIL]++;
  } else freeToOtherNode(k, cache, slot, node);
  local_irq_restore(k, flags);
}
