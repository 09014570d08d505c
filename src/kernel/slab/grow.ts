import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { local_irq_disable, local_irq_enable } from '../core/irqflags.js';
import { list_add_tail } from '../core/list.js';
import { ownsCpu } from '../cpu/ownership.js';
import { spin_lock, spin_unlock } from '../sync/spinlock.js';
import {
  __GFP_DMA,
  __GFP_DMA32,
  __GFP_HIGHMEM,
  __GFP_NO_GROW,
  __GFP_THISNODE,
  __GFP_WAIT,
  type gfp_t,
} from '../mm/gfp.js';
import { allocSlot } from './alloc.js';
import { isPoisoned } from './debug-poison.js';
import { freeSlot } from './free.js';
import {
  BUFCTL_END,
  CACHE_STATISTICS,
  KMEM_CACHE,
  KMEM_LIST3,
  nodeList,
  SLAB,
  slab_bufctl,
} from './kmem-cache.js';
import { CFLGS_OFF_SLAB, SLAB_CTOR_ATOMIC, SLAB_CTOR_CONSTRUCTOR } from './slab-flags.js';
import { debugConstruct, isDebugged, slab_destroy_debugcheck } from './slab-debug.js';
import { kmem_freepages, kmem_getpages, slab_map_pages } from './slab-pages.js';
import { frameSlot, slotAddress, slotFrame, slotWord, wordSlot } from './slot.js';
import { countEvent } from './statistics.js';

/** Slabs that come into a cache, and go (facts file, section 3.5). */

const {
  flags: FLAGS,
  gfpflags: GFPFLAGS,
  num: NUM,
  buffer_size: BUFFER_SIZE,
  obj_offset: OBJ_OFFSET,
  colour: COLOUR,
  colour_off: COLOUR_OFF,
  slab_size: SLAB_SIZE,
  slabp_cache: SLABP_CACHE,
  ctor: CTOR,
  dtor: DTOR,
} = KMEM_CACHE.at;
const {
  list_lock: LOCK,
  slabs_free: FREE,
  free_objects: FREE_OBJECTS,
  colour_next: COLOUR_NEXT,
} = KMEM_LIST3.at;

/**
 * Adds a slab to a cache, at the end of its node's empty ones (cache_grow). Interrupts are off; with `__GFP_WAIT` they are
 * on in between, and the task may find itself on another CPU afterwards.
 *
 * @param node where the slab is to be
 * @param frame pages that the caller has got for it there by {@link kmem_getpages}, or 0
 * @returns whether there is a new one
 */
export function cache_grow(k: Cpu, cache: number, gfp: gfp_t, node: number, frame = 0): boolean {
  checkMask(k, cache, gfp);
  if ((gfp & __GFP_NO_GROW) !== 0) return false;
  const offset = nextColour(k, cache, node);
  const mayWait = (gfp & __GFP_WAIT) !== 0;
  if (mayWait) local_irq_enable(k);
  const slab = makeSlab(k, cache, gfp, node, frame, offset);
  if (slab !== 0) constructOrDrop(k, cache, slab, mayWait);
  if (mayWait) local_irq_disable(k);
  if (slab === 0) return false;
  const { i32 } = k;
  const list = nodeList(k, cache, node);
  spin_lock(k, list + LOCK);
  list_add_tail(i32, slab, list + FREE);
  i32[list + FREE_OBJECTS] += i32[cache + NUM];
  countEvent(k, cache, CACHE_STATISTICS.at.grown);
  spin_unlock(k, list + LOCK);
  return true;
}

/** A mask that asks for other memory than the cache's objects lie in is the caller's mistake (kmem_flagcheck). */
function checkMask(k: Cpu, cache: number, gfp: gfp_t): void {
  if ((gfp & (__GFP_HIGHMEM | __GFP_DMA32)) !== 0)
    BUG(k, `a slab cannot lie in high memory: mask 0x${(gfp >>> 0).toString(16)}`);
  const isDma = (k.i32[cache + GFPFLAGS] & __GFP_DMA) !== 0;
  if (isDma !== ((gfp & __GFP_DMA) !== 0)) {
    BUG(
      k,
      isDma
        ? 'a request to a SLAB_CACHE_DMA cache lacks GFP_DMA'
        : 'GFP_DMA, but the cache is not SLAB_CACHE_DMA',
    );
  }
}

/** Bytes at which the next slab begins to be used: different slabs use different lines of the processor's cache. */
function nextColour(k: Cpu, cache: number, node: number): number {
  const { i32 } = k;
  const list = nodeList(k, cache, node);
  spin_lock(k, list + LOCK);
  const colour = i32[list + COLOUR_NEXT];
  i32[list + COLOUR_NEXT] = colour + 1 >= i32[cache + COLOUR] ? 0 : colour + 1;
  spin_unlock(k, list + LOCK);
  return colour * i32[cache + COLOUR_OFF];
}

/** Pages and a description of them (alloc_slabmgmt); 0 when there is no memory. Frees `frame` then. */
function makeSlab(k: Cpu, cache: number, gfp: gfp_t, node: number, frame: number, offset: number): number {
  const { i32 } = k;
  const pfn = frame !== 0 ? frame : kmem_getpages(k, cache, gfp, node);
  if (pfn === 0) return 0;
  const start = frameSlot(pfn);
  const isOff = (i32[cache + FLAGS] & CFLGS_OFF_SLAB) !== 0;
  let slab: number;
  if (isOff) {
    const slot = allocSlot(k, i32[cache + SLABP_CACHE], gfp & ~(__GFP_THISNODE | __GFP_DMA), node);
    if (slot === 0) {
      kmem_freepages(k, cache, pfn);
      return 0;
    }
    slab = slotWord(k, slot);
  } else slab = slotWord(k, start) + offset / 4;
  const used = isOff ? offset : offset + i32[cache + SLAB_SIZE];
  i32[slab + SLAB.at.colouroff] = used;
  i32[slab + SLAB.at.s_mem] = start + used / 4;
  i32[slab + SLAB.at.inuse] = 0;
  i32[slab + SLAB.at.free] = 0;
  i32[slab + SLAB.at.nodeid] = node;
  chainAll(k, cache, slab);
  // Last: pages that say which slab they are of are those of a whole one, wherever a thread may have died.
  slab_map_pages(k, cache, pfn, slab);
  return slab;
}

/** Chains all objects of a slab as free. */
function chainAll(k: Cpu, cache: number, slab: number): void {
  const { i32 } = k;
  const num = i32[cache + NUM];
  const bufctl = slab_bufctl(k, slab);
  for (let i = 0; i < num; i++) i32[bufctl + i] = i + 1;
  i32[bufctl + num - 1] = BUFCTL_END;
}

/** Constructs all objects. If the constructor throws, the slab goes again, without the destructor. */
function constructOrDrop(k: Cpu, cache: number, slab: number, mayWait: boolean): void {
  try {
    constructAll(k, cache, slab, mayWait);
  } catch (error) {
    // When the machine stops, the thread may be no CPU any more.
    if (ownsCpu(k)) dropSlab(k, cache, slab);
    throw error;
  }
}

/** Constructs all objects (cache_init_objs). */
function constructAll(k: Cpu, cache: number, slab: number, mayWait: boolean): void {
  const { i32 } = k;
  const ctor = i32[cache + CTOR];
  const flags = SLAB_CTOR_CONSTRUCTOR | (mayWait ? 0 : SLAB_CTOR_ATOMIC);
  if (isDebugged(k, cache)) {
    for (let i = 0; i < i32[cache + NUM]; i++) debugConstruct(k, cache, slab, i, flags);
    return;
  }
  if (ctor === 0) return;
  for (let i = 0; i < i32[cache + NUM]; i++) k.call(ctor, objectAddress(k, cache, slab, i), cache, flags);
}

/** The kernel address of an object of a slab, as its user knows it. */
function objectAddress(k: Cpu, cache: number, slab: number, index: number): number {
  const slot = k.i32[slab + SLAB.at.s_mem] + (index * k.i32[cache + BUFFER_SIZE]) / 4;
  return slotAddress(k, slot) + k.i32[cache + OBJ_OFFSET];
}

/** Ends a slab that nobody uses and that is in no list: destroys its objects, gives its pages back (slab_destroy). */
export function slab_destroy(k: Cpu, cache: number, slab: number): void {
  const { i32 } = k;
  if (isDebugged(k, cache)) slab_destroy_debugcheck(k, cache, slab);
  const dtor = i32[cache + DTOR];
  // With poison there is nothing in the objects: they were destroyed when they were freed.
  if (dtor !== 0 && !isPoisoned(k, cache)) {
    for (let i = 0; i < i32[cache + NUM]; i++) k.call(dtor, objectAddress(k, cache, slab, i), cache, 0);
  }
  dropSlab(k, cache, slab);
}

/** Gives the pages of a slab back, and what describes it. */
function dropSlab(k: Cpu, cache: number, slab: number): void {
  const { i32 } = k;
  const pfn = slotFrame(i32[slab + SLAB.at.s_mem] - i32[slab + SLAB.at.colouroff] / 4);
  // Pages whose slab is described by a free object are no slab any more, wherever a thread may have died.
  if ((i32[cache + FLAGS] & CFLGS_OFF_SLAB) !== 0) freeSlot(k, i32[cache + SLABP_CACHE], wordSlot(k, slab));
  kmem_freepages(k, cache, pfn);
}
