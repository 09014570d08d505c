import { PAGE_SIZE } from '../../arch/page.js';
import { CACHE_LINE_WORDS, WORD_BYTES } from '../../image/struct.js';
import {
  CFLGS_OFF_SLAB,
  SLAB_HWCACHE_ALIGN,
  SLAB_MUST_HWCACHE_ALIGN,
  SLAB_RECLAIM_ACCOUNT,
  SLAB_RED_ZONE,
  SLAB_STORE_USER,
} from './slab-flags.js';

/** How a slab is divided (facts file, section 3.3). Pure numbers: no memory is touched. All sizes in bytes. */

/** Bytes of a line of the processor's first cache (L1_CACHE_BYTES). */
export const CACHE_LINE = CACHE_LINE_WORDS * WORD_BYTES;

/** From this size on, what describes a slab is kept elsewhere: in the slab it would cost too many objects. */
export const OFF_SLAB_SIZE = PAGE_SIZE / 8;

/** A slab that leaves no more than this part of it unused is good enough. */
const ACCEPTABLE_WASTE = 8;

/** What depends on the machine. */
export interface SlabMachine {
  /** Bytes of a pointer: objects are aligned to it. */
  readonly word: number;
  /** Bytes of a `struct slab`, and of a kmem_bufctl_t. */
  readonly slab: number;
  readonly bufctl: number;
  /** The order at which the search for a better one ends: 1, on small machines 0. */
  readonly breakOrder: number;
  /** The largest order. */
  readonly maxOrder: number;
}

export interface Geometry {
  /** Bytes from one object to the next, and from there to the user's part. */
  readonly size: number;
  readonly offset: number;
  readonly align: number;
  readonly order: number;
  readonly num: number;
  readonly offSlab: boolean;
  /** Bytes of what describes a slab. */
  readonly slabSize: number;
  readonly colour: number;
  readonly colourOff: number;
  readonly leftOver: number;
}

/**
 * The geometry of a cache.
 *
 * @param asked bytes of an object
 * @param wanted alignment, 0 for the default
 * @param flags SLAB_* bits
 * @param early whether this is one of the first caches: those that describe slabs of others must not need any
 * @returns undefined when not even one object fits into the largest slab
 */
export function slabGeometry(
  machine: SlabMachine,
  asked: number,
  wanted: number,
  flags: number,
  early = false,
): Geometry | undefined {
  const rounded = alignTo(asked, machine.word);
  const align = alignmentOf(machine, rounded, wanted, flags);
  const offset = (flags & SLAB_RED_ZONE) === 0 ? 0 : machine.word;
  const size = alignTo(rounded + debugBytes(machine, flags), align);
  const division = divide(machine, size, align, flags, size >= OFF_SLAB_SIZE && !early);
  if (division === undefined) return undefined;
  const onSlabBytes = alignTo(machine.slab + division.num * machine.bufctl, align);
  const movedIn = division.offSlab && division.leftOver >= onSlabBytes;
  const offSlab = division.offSlab && !movedIn;
  const leftOver = movedIn ? division.leftOver - onSlabBytes : division.leftOver;
  const colourOff = Math.max(CACHE_LINE, align);
  return {
    size,
    offset,
    align,
    order: division.order,
    num: division.num,
    offSlab,
    slabSize: offSlab ? machine.slab + division.num * machine.bufctl : onSlabBytes,
    colour: Math.floor(leftOver / colourOff),
    colourOff,
    leftOver,
  };
}

/** Red zones take a word before and one after the object, the caller's trace one more. */
function debugBytes(machine: SlabMachine, flags: number): number {
  return (
    ((flags & SLAB_RED_ZONE) === 0 ? 0 : 2 * machine.word) +
    ((flags & SLAB_STORE_USER) === 0 ? 0 : machine.word)
  );
}

function alignmentOf(machine: SlabMachine, size: number, wanted: number, flags: number): number {
  // Red zones and the caller's word stand at word boundaries; a larger alignment would not hold behind them.
  if ((flags & (SLAB_RED_ZONE | SLAB_STORE_USER)) !== 0) return machine.word;
  let align = Math.max(machine.word, wanted);
  if ((flags & (SLAB_HWCACHE_ALIGN | SLAB_MUST_HWCACHE_ALIGN)) !== 0) {
    let line = CACHE_LINE;
    while (size <= line / 2) line /= 2;
    align = Math.max(align, line);
  }
  return align;
}

interface Division {
  readonly order: number;
  readonly num: number;
  readonly leftOver: number;
  readonly offSlab: boolean;
}

/** The smallest order that wastes little (calculate_slab_order). */
function divide(
  machine: SlabMachine,
  size: number,
  align: number,
  flags: number,
  offSlab: boolean,
): Division | undefined {
  let best: Division | undefined;
  // More objects than this would need a description that has to be off its slab itself.
  const limit = Math.floor((size - machine.slab) / machine.bufctl);
  for (let order = 0; order <= machine.maxOrder; order++) {
    const bytes = PAGE_SIZE << order;
    const num = offSlab ? Math.floor(bytes / size) : objectsOnSlab(machine, bytes, size, align);
    if (num === 0) continue;
    if (offSlab && num > limit) break;
    const used = num * size + (offSlab ? 0 : alignTo(machine.slab + num * machine.bufctl, align));
    best = { order, num, leftOver: bytes - used, offSlab };
    if ((flags & SLAB_RECLAIM_ACCOUNT) !== 0 && size <= PAGE_SIZE) break;
    if (order >= machine.breakOrder || best.leftOver * ACCEPTABLE_WASTE <= bytes) break;
  }
  return best;
}

/** The most objects that fit beside what describes them. */
function objectsOnSlab(machine: SlabMachine, bytes: number, size: number, align: number): number {
  let num = Math.floor((bytes - machine.slab) / (size + machine.bufctl));
  if (num < 0) return 0;
  // Where alignment costs nothing one more may fit, and where it costs much one less.
  num++;
  while (num > 0 && num * size + alignTo(machine.slab + num * machine.bufctl, align) > bytes) num--;
  return num;
}

/** Rounds up to a multiple. */
export function alignTo(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

/** The bits of a cache's flags that follow from its geometry. */
export function geometryFlags(geometry: Geometry): number {
  return geometry.offSlab ? CFLGS_OFF_SLAB : 0;
}
