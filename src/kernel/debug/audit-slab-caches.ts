import { KERNEL } from '../core/kernel-data.js';
import { MAX_GENERAL_CACHES } from '../core/limits.js';
import { END_OF_KERNEL_SYMBOLS, FIRST_MODULE_SYMBOL } from '../core/symbols.js';
import { GFP_DMA } from '../mm/gfp.js';
import { MAX_ORDER } from '../mm/zone.js';
import { GENERAL_SIZES, sizeClass } from '../slab/general-caches.js';
import { type Geometry, slabGeometry, type SlabMachine } from '../slab/geometry.js';
import { BUFCTL_BYTES, KMEM_CACHE, SLAB_BYTES_32, SLAB_BYTES_64 } from '../slab/kmem-cache.js';
import { CFLGS_OFF_SLAB, CREATE_MASK, SLAB_CACHE_DMA, SLAB_RECLAIM_ACCOUNT } from '../slab/slab-flags.js';
import { walkLinks } from './audit-links.js';
import type { SlabLook } from './audit-slab-look.js';

const AT = KMEM_CACHE.at;
const NEXT = AT.next;

type CacheField = keyof typeof KMEM_CACHE.at;

/** Follows the chain of caches, and checks of each whether it is what it was asked to be. */
export function auditCaches(look: SlabLook): void {
  const walked = walkLinks(look.run, KERNEL.cache_chain, NEXT, look.cacheWords());
  for (const { entry, link, value } of walked.broken) {
    const cache = entry === KERNEL.cache_chain ? '' : look.nameOf(entry - NEXT);
    look.run.report({ kind: 'cache-chain', cache, link, value });
  }
  look.complete &&= walked.complete;
  for (const entry of walked.entries) auditCache(look, entry - NEXT);
  if (walked.complete) checkKnownCaches(look);
}

function auditCache(look: SlabLook, word: number): void {
  const { i32 } = look.run.k;
  const name = look.nameOf(word);
  const flags = i32[word + AT.flags];
  const isClear = checkCache(look, word, name);
  const cache = {
    word,
    name,
    num: i32[word + AT.num],
    words: i32[word + AT.buffer_size] / 4,
    order: i32[word + AT.gfporder],
    isOffSlab: (flags & CFLGS_OFF_SLAB) !== 0,
    isReclaimable: (flags & SLAB_RECLAIM_ACCOUNT) !== 0,
    isClear,
  };
  look.caches.push(cache);
  look.cacheAt.set(word, cache);
  // The cache of caches begins in boot memory.
  if (word !== i32[KERNEL.cache_cache]) {
    look.own.push({ word, words: look.cacheWords(), what: `cache ${name}` });
  }
}

/** Whether the geometry of a cache is right. */
function checkCache(look: SlabLook, word: number, name: string): boolean {
  const { i32 } = look.run.k;
  const report = (field: CacheField, expected: number): boolean => {
    const stored = i32[word + AT[field]];
    const isRight = stored === expected;
    if (!isRight)
      look.run.report({ kind: 'cache-field', field: `cache ${name}, ${field}`, stored, expected });
    return isRight;
  };
  const isAsked = checkAsked(look, word, name);
  const flags = i32[word + AT.flags];
  report('gfpflags', (flags & SLAB_CACHE_DMA) === 0 ? 0 : GFP_DMA);
  checkFunctions(look, word, name);
  checkTunables(look, word, name);
  if (!isAsked) return false;
  const geometry = expectedGeometry(look, word);
  if (geometry === undefined) {
    look.run.report({
      kind: 'cache-field',
      field: `cache ${name}, num`,
      stored: i32[word + AT.num],
      expected: 0,
    });
    return false;
  }
  const offSlab = geometry.offSlab ? CFLGS_OFF_SLAB : 0;
  const slabpCache = geometry.offSlab ? i32[KERNEL.malloc_caches + sizeClass(geometry.slabSize)] : 0;
  let isRight = report('flags', (flags & CREATE_MASK) | offSlab);
  isRight = report('gfporder', geometry.order) && isRight;
  isRight = report('num', geometry.num) && isRight;
  isRight = report('buffer_size', geometry.size) && isRight;
  isRight = report('obj_offset', geometry.offset) && isRight;
  isRight = report('align', geometry.align) && isRight;
  isRight = report('colour', geometry.colour) && isRight;
  isRight = report('colour_off', geometry.colourOff) && isRight;
  isRight = report('slab_size', geometry.slabSize) && isRight;
  return report('slabp_cache', slabpCache) && isRight;
}

/** Whether what the geometry follows from can have been asked for. */
function checkAsked(look: SlabLook, word: number, name: string): boolean {
  const { i32, space } = look.run.k;
  const least = space.bits / 8;
  const size = i32[word + AT.obj_size];
  const align = i32[word + AT.align];
  const most = GENERAL_SIZES[GENERAL_SIZES.length - 1];
  if (!(size >= least && size <= most)) {
    look.run.report({ kind: 'cache-field', field: `cache ${name}, obj_size`, stored: size, expected: least });
    return false;
  }
  if (!(align >= least && (align & (align - 1)) === 0)) {
    look.run.report({ kind: 'cache-field', field: `cache ${name}, align`, stored: align, expected: least });
    return false;
  }
  return true;
}

/**
 * The geometry that a cache must have. The alignment that it got leads to itself. The caches that were there first describe
 * their slabs in the slabs, whatever their size.
 */
function expectedGeometry(look: SlabLook, word: number): Geometry | undefined {
  const { i32 } = look.run.k;
  const size = i32[word + AT.obj_size];
  const align = i32[word + AT.align];
  const flags = i32[word + AT.flags] & CREATE_MASK;
  const machine = slabMachine(look);
  const usual = slabGeometry(machine, size, align, flags);
  const isEarly = (i32[word + AT.flags] & CFLGS_OFF_SLAB) === 0 && isKnownCache(look, word);
  return usual?.offSlab === true && isEarly ? slabGeometry(machine, size, align, flags, true) : usual;
}

/** As `slabMachine`, but with numbers that lead to an end. */
function slabMachine(look: SlabLook): SlabMachine {
  const { i32, space } = look.run.k;
  return {
    word: space.bits / 8,
    slab: space.bits === 64 ? SLAB_BYTES_64 : SLAB_BYTES_32,
    bufctl: BUFCTL_BYTES,
    breakOrder: i32[KERNEL.slab_break_order],
    maxOrder: Math.min(i32[KERNEL.slab_max_order], MAX_ORDER - 1),
  };
}

function isKnownCache(look: SlabLook, word: number): boolean {
  const { i32 } = look.run.k;
  if (word === i32[KERNEL.cache_cache]) return true;
  for (let i = 0; i < MAX_GENERAL_CACHES; i++) if (i32[KERNEL.malloc_caches + i] === word) return true;
  return false;
}

function checkFunctions(look: SlabLook, word: number, name: string): void {
  const { i32 } = look.run.k;
  for (const field of ['ctor', 'dtor'] as const) {
    const value = i32[word + AT[field]];
    const isKernel = value >= 0 && value < END_OF_KERNEL_SYMBOLS;
    const module = value - FIRST_MODULE_SYMBOL;
    if (!isKernel && !(module >= 0 && module < i32[KERNEL.nr_module_symbols]))
      look.reportStructure(`cache ${name}, ${field}`, value, 'is the number of no function');
  }
}

function checkTunables(look: SlabLook, word: number, name: string): void {
  const { i32 } = look.run.k;
  const limit = i32[word + AT.limit];
  const batchcount = i32[word + AT.batchcount];
  const shared = i32[word + AT.shared];
  const report = (field: CacheField, stored: number, expected: number): void =>
    look.run.report({ kind: 'cache-field', field: `cache ${name}, ${field}`, stored, expected });
  if (limit < 1) report('limit', limit, 1);
  else if (batchcount < 1 || batchcount > limit) report('batchcount', batchcount, limit);
  if (shared < 0) report('shared', shared, 0);
}

/** The caches that the kernel itself knows are in the chain, and are of their size. */
function checkKnownCaches(look: SlabLook): void {
  const { i32 } = look.run.k;
  const { cacheAt } = look;
  if (!cacheAt.has(i32[KERNEL.cache_cache])) look.reportStructure('cache_cache', i32[KERNEL.cache_cache]);
  for (let i = 0; i < 2 * MAX_GENERAL_CACHES; i++) {
    const number = i % MAX_GENERAL_CACHES;
    const size = number < GENERAL_SIZES.length ? GENERAL_SIZES[number] : Infinity;
    const value = i32[KERNEL.malloc_caches + i];
    const isThere = size <= i32[KERNEL.kmalloc_max];
    const isRight = isThere ? cacheAt.has(value) && i32[value + AT.obj_size] === size : value === 0;
    // A size that was reported already.
    if (!isRight && !(isThere && cacheAt.get(value)?.isClear === false))
      look.reportStructure(`malloc_caches[${i}]`, value, 'is not the cache of that size');
  }
}
