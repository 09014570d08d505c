import { KERNEL } from '../core/kernel-data.js';
import { SYM_MEMPOOL_ALLOC_PAGES, SYM_MEMPOOL_ALLOC_SLAB, SYM_MEMPOOL_KMALLOC } from '../core/symbols.js';
import { ZERO_SIZE_PTR } from '../slab/general-caches.js';
import { KMEM_CACHE } from '../slab/kmem-cache.js';
import { doubleAt, MEMPOOL, MEMPOOL_MAGIC, poolData } from '../slab/mempool-chain.js';
import { walkLinks } from './audit-links.js';
import { COMPOUND, IN_USE, TWICE, UNCLEAR } from './audit-place.js';
import { IN_POOL, type SlabLook } from './audit-slab-look.js';
import type { ViolationOf } from './audit-violation.js';
import { checkLock } from './audit-zone-state.js';

const { chain: CHAIN, magic: MAGIC, min_nr: MIN_NR, curr_nr: CURR_NR, elements: ELEMENTS } = MEMPOOL.at;

/** Checks the memory pools: their chain, that their memory is theirs, and what is in their reserves. After all slabs and arrays. */
export function auditMempools(look: SlabLook): void {
  const { run } = look;
  // A kernel that was booted without pools.
  if (run.k.i32[KERNEL.mempools] === 0 && run.k.i32[KERNEL.mempools + 1] === 0) return;
  checkLock(run, 'mempools_lock', KERNEL.mempools_lock);
  const { entries, broken } = walkLinks(run, KERNEL.mempools, CHAIN, MEMPOOL.words);
  for (const { entry, link, value } of broken)
    run.report({ kind: 'mempool-chain', pool: entry === KERNEL.mempools ? 0 : entry - CHAIN, link, value });
  for (const entry of entries) auditPool(look, entry - CHAIN);
}

function auditPool(look: SlabLook, pool: number): void {
  const { run } = look;
  const { i32 } = run.k;
  const wrong = (field: ViolationOf<'mempool-field'>['field'], value: number): void => {
    run.report({ kind: 'mempool-field', pool, field, value });
  };
  if (i32[pool + MAGIC] !== MEMPOOL_MAGIC) {
    wrong('magic', i32[pool + MAGIC]);
    return;
  }
  claim(look, `memory pool ${pool}`, pool, MEMPOOL.words);
  checkLock(run, `memory pool ${pool}, lock`, pool + MEMPOOL.at.lock);
  const minNr = i32[pool + MIN_NR];
  const currNr = i32[pool + CURR_NR];
  const elements = i32[pool + ELEMENTS];
  if (minNr < 0) wrong('min_nr', minNr);
  else if (!(currNr >= 0 && currNr <= minNr)) wrong('curr_nr', currNr);
  else if (claim(look, `memory pool ${pool}, elements`, elements, 2 * minNr))
    for (let i = 0; i < currNr; i++) auditElement(look, pool, i, run.k.f64[doubleAt(elements) + i]);
}

/** Notes memory of kmalloc that a pool has, so that nobody else can have it; whether it is that, and large enough. */
function claim(look: SlabLook, what: string, word: number, words: number): boolean {
  const slot = look.slotOf(word);
  const object = slot < 0 ? 'no object' : look.userObjectAt(slot);
  if (object === 'unclear') return false;
  if (object === 'no object' || words * 4 > look.run.k.i32[object.slab.cache.word + KMEM_CACHE.at.obj_size]) {
    look.reportStructure(what, word, 'lies in no object');
    return false;
  }
  look.mark(object, IN_POOL);
  return true;
}

function auditElement(look: SlabLook, pool: number, entry: number, value: number): void {
  const problem = value === 0 ? 'is NULL' : problemOfElement(look, pool, value);
  if (problem !== undefined) look.run.report({ kind: 'mempool-element', pool, entry, value, problem });
}

type ElementProblem = ViolationOf<'mempool-element'>['problem'];

/** Of pools with functions of their own, nothing is known of elements. */
function problemOfElement(look: SlabLook, pool: number, element: number): ElementProblem | undefined {
  const { k } = look.run;
  const alloc = k.i32[pool + MEMPOOL.at.alloc];
  if (alloc === SYM_MEMPOOL_ALLOC_PAGES)
    return isBlock(look.run.places[element]) ? undefined : 'is no block in use';
  if (alloc !== SYM_MEMPOOL_ALLOC_SLAB && alloc !== SYM_MEMPOOL_KMALLOC) return undefined;
  // 0 bytes of kmalloc.
  if (alloc === SYM_MEMPOOL_KMALLOC && element === ZERO_SIZE_PTR && k.i32[KERNEL.kmalloc_zero_size] !== 0)
    return undefined;
  const slot = (element - k.space.PAGE_OFFSET) / 4;
  const object = slot >= 0 && slot < look.slots ? look.userObjectAt(slot) : 'no object';
  if (object === 'unclear') return undefined;
  if (object === 'no object') return 'is no object';
  if (alloc === SYM_MEMPOOL_ALLOC_SLAB && object.slab.cache.word !== poolData(k, pool))
    return 'is of another cache';
  look.mark(object, IN_POOL);
  return undefined;
}

/** Whether a frame may be the first of a block in use. What was reported already may be anything. */
function isBlock(place: number | undefined): boolean {
  if (place === undefined) return false;
  return place === IN_USE || place === COMPOUND || place === UNCLEAR || (place & TWICE) !== 0;
}
