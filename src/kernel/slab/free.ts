import { PAGE_SHIFT, SECTION_PAGES_SHIFT } from '../../arch/page.js';
import { WORD_INDEX_MASK } from '../../image/memory-image.js';
import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { KERNEL } from '../core/kernel-data.js';
import { PAGE, PAGE_STRUCT_SHIFT, pageOf, page_to_nid, PG_slab, PG_ZONE_SHIFT } from '../mm/page.js';
import { virt_addr_valid, virt_to_page } from '../mm/address.js';
import { cache_flusharray, freeToOtherNode } from './flush.js';
import { ARRAY_CACHE, ARRAYS, ENTRY } from './kmem-cache.js';
import { ownArray } from './array-cache.js';
import { ZERO_SIZE_PTR } from './general-caches.js';
import { cache_free_debugcheck, debugFreedInternal, isDebugged } from './slab-debug.js';
import { slotCache, slotFrame } from './slot.js';

/**
 * Free of objects (facts file, sections 3.1 and 3.5). An object of this CPU's node goes on top of this CPU's array; one of
 * another node is collected for that node. As in allocation, the short way is a few plain accesses with no poll in between.
 */

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const INDEX = WORD_INDEX_MASK;
const ARRAY_TABLE = ARRAYS;
const AVAIL = ARRAY_CACHE.at.avail;
const LIMIT = ARRAY_CACHE.at.limit;
const FIRST = ENTRY;
const IRQS_DISABLED = CPU_AREA.at.irqs_disabled;
const PENDING = CPU_AREA.at.pending;
const SECTION_MEM_MAP = KERNEL.section_mem_map;
const FRAME_SHIFT = PAGE_SHIFT - 2;
const SECTION_SHIFT = FRAME_SHIFT + SECTION_PAGES_SHIFT;
const STRUCT_SHIFT = PAGE_STRUCT_SHIFT;
const FLAGS = PAGE.at.flags;
const LRU = PAGE.at.lru;
const SLAB_BIT = 1 << PG_slab;
const NODE_SHIFT = PG_ZONE_SHIFT + 3;
const SLAB_AND_NODE = SLAB_BIT | (-1 << NODE_SHIFT);

/**
 * Gives an object back to the cache that it came from. Any context.
 *
 * @param cache the cache of the object; another one is noticed with debugging only
 * @param object as the allocation returned it; NULL is not allowed
 */
export function kmem_cache_free(k: Cpu, cache: number, object: number): void {
  const slot = ((object - k.space.PAGE_OFFSET) * 0.25) >>> 0;
  if (localSlabPage(k, slot) === 0 || !push(k, cache & INDEX, slot)) freeLong(k, cache, object, slot);
}

/**
 * Frees what `kmalloc` gave; NULL is ignored. Any context.
 *
 * @param object as kmalloc returned it
 * @throws KernelBug when it is no object of the slab allocator
 */
export function kfree(k: Cpu, object: number): void {
  const slot = ((object - k.space.PAGE_OFFSET) * 0.25) >>> 0;
  const page = localSlabPage(k, slot);
  if (page === 0 || !push(k, k.i32[page + LRU] & INDEX, slot)) kfreeLong(k, object, slot);
}

/** Word index of the struct page of a slot, if that is a page of a slab on this node; else 0. */
function localSlabPage(k: Cpu, slot: number): number {
  const { i32 } = k;
  const map = i32[SECTION_MEM_MAP + (slot >>> SECTION_SHIFT)];
  if (map === 0) return 0;
  const page = (map + ((slot >>> FRAME_SHIFT) << STRUCT_SHIFT)) & INDEX;
  return (i32[page + FLAGS] & SLAB_AND_NODE) === ((k.node << NODE_SHIFT) | SLAB_BIT) ? page : 0;
}

/** Puts an object on top of this CPU's array; false if that is full. */
function push(k: Cpu, cache: number, slot: number): boolean {
  const { i32 } = k;
  const array = i32[cache + ARRAY_TABLE + k.cpu] & INDEX;
  const avail = i32[array + AVAIL];
  if (avail >= i32[array + LIMIT]) return false;
  i32[array + FIRST + avail] = slot;
  i32[array + AVAIL] = avail + 1;
  const area = k.area & INDEX;
  if (k.platform.poll(area + PENDING, i32) !== 0 && i32[area + IRQS_DISABLED] === 0) k.do_IRQ();
  return true;
}

/** {@link kfree}, the long way. */
function kfreeLong(k: Cpu, object: number, slot: number): void {
  if (object === 0 || (object === ZERO_SIZE_PTR && k.i32[KERNEL.kmalloc_zero_size] !== 0)) return;
  checkSlabObject(k, object);
  freeLong(k, slotCache(k, slot), object, slot);
}

/** The long way: everything that the short one leaves alone. */
function freeLong(k: Cpu, cache: number, object: number, slot: number): void {
  checkSlabObject(k, object);
  const isLookedAt = isDebugged(k, cache) || isDebugged(k, slotCache(k, slot));
  putSlot(k, cache, isLookedAt ? cache_free_debugcheck(k, cache, object) : slot);
}

/** @throws KernelBug when no slab lies at an address */
export function checkSlabObject(k: Cpu, object: number): void {
  const isMemory = Number.isInteger(object) && virt_addr_valid(k, object);
  const isSlab = isMemory && (k.i32[pageOf(k.i32, virt_to_page(k, object)) + FLAGS] & SLAB_BIT) !== 0;
  if (!isSlab) BUG(k, `kfree_debugcheck: bad ptr ${badPointer(k, object)}h.`);
}

function badPointer(k: Cpu, object: number): string {
  return Number.isInteger(object)
    ? BigInt.asUintN(k.space.bits, BigInt(object)).toString(16)
    : String(object);
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
    if (i32[array + AVAIL] >= i32[array + LIMIT]) cache_flusharray(k, cache, array);
    i32[array + FIRST + i32[array + AVAIL]] = slot;
    i32[array + AVAIL]++;
  } else freeToOtherNode(k, cache, slot, node);
  local_irq_restore(k, flags);
}
