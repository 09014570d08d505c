import type { Cpu } from '../core/cpu.js';
import { alignTo } from './geometry.js';
import { KMEM_CACHE, SLAB, slab_bufctl } from './kmem-cache.js';
import { SLAB_RED_ZONE, SLAB_STORE_USER } from './slab-flags.js';
import { slotAddress, slotSlab, slotWord } from './slot.js';

/**
 * Where the words of a debugged object are (facts file, section 3.6): [red zone][object][red zone][user word], each of the
 * words only if its flag is set. A word is a pointer's: the red zones are of 64 bits on x86_64, and of the user word the lower
 * half is used.
 */

const {
  flags: FLAGS,
  obj_size: OBJ_SIZE,
  obj_offset: OBJ_OFFSET,
  buffer_size: BUFFER_SIZE,
  num: NUM,
} = KMEM_CACHE.at;

/** An object of a slab that is looked at. */
export interface SlabObject {
  readonly cache: number;
  readonly slab: number;
  readonly index: number;
  readonly slot: number;
  /** Kernel address, as its user knows it. */
  readonly address: number;
  /** Word index of the slot, of the object, of its bufctl. */
  readonly start: number;
  readonly word: number;
  readonly bufctl: number;
}

/** The object in a slot of a cache. */
export function objectInSlot(k: Cpu, cache: number, slot: number): SlabObject {
  const slab = slotSlab(k, slot);
  const index = (((slot >>> 0) - (k.i32[slab + SLAB.at.s_mem] >>> 0)) * 4) / k.i32[cache + BUFFER_SIZE];
  return objectAt(k, cache, slab, index);
}

/** An object by its number in a slab. */
export function objectAt(k: Cpu, cache: number, slab: number, index: number): SlabObject {
  const { i32 } = k;
  const slot = (i32[slab + SLAB.at.s_mem] >>> 0) + (index * i32[cache + BUFFER_SIZE]) / 4;
  const start = slotWord(k, slot);
  return {
    cache,
    slab,
    index,
    slot,
    address: slotAddress(k, slot) + i32[cache + OBJ_OFFSET],
    start,
    word: start + i32[cache + OBJ_OFFSET] / 4,
    bufctl: slab_bufctl(k, slab) + index,
  };
}

/** Number of the object of a slab that an address lies in, a fraction if it is not its beginning; may be none. */
export function objectNumber(k: Cpu, cache: number, slab: number, address: number): number {
  const { i32 } = k;
  const first = slotAddress(k, i32[slab + SLAB.at.s_mem]) + i32[cache + OBJ_OFFSET];
  return (address - first) / i32[cache + BUFFER_SIZE];
}

/** Whether a cache has an object of that number. */
export function isObjectNumber(k: Cpu, cache: number, index: number): boolean {
  return Number.isInteger(index) && index >= 0 && index < k.i32[cache + NUM];
}

/** Bytes of an object up to the next word. */
export function paddedSize(k: Cpu, cache: number): number {
  return alignTo(k.i32[cache + OBJ_SIZE], k.space.bits / 8);
}

/** Word index of the red zone behind an object. */
export function secondRedZone(k: Cpu, { cache, word }: SlabObject): number {
  return word + paddedSize(k, cache) / 4;
}

/** Word index of who allocated and freed an object. */
export function userWord(k: Cpu, object: SlabObject): number {
  const behind = secondRedZone(k, object);
  return (k.i32[object.cache + FLAGS] & SLAB_RED_ZONE) === 0 ? behind : behind + k.space.bits / 32;
}

export function hasRedZones(k: Cpu, cache: number): boolean {
  return (k.i32[cache + FLAGS] & SLAB_RED_ZONE) !== 0;
}

export function hasUser(k: Cpu, cache: number): boolean {
  return (k.i32[cache + FLAGS] & SLAB_STORE_USER) !== 0;
}
