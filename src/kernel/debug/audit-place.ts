import { MIGRATE_NAMES } from '../mm/gfp.js';
import { PCP_HOT } from '../mm/zone.js';
import type { ListPlace, Place } from './audit-violation-pages.js';

/** Where the audit found a frame: a number per frame in its place map. */

export const NOWHERE = 0;
/** Has references; maybe the first page of a block. */
export const IN_USE = 1;
/** Behind the first page of an allocated block. */
export const BLOCK_TAIL = 2;
export const COMPOUND = 3;
export const RESERVED = 4;
export const HOLE = 5;
/** Part of something that was reported, so that nothing more can be said of it. */
export const UNCLEAR = 6;

/** The first page of a block in a free list, with its order and type below. */
export const FREE_HEAD = 0x1000;
/** Another page of such a block. */
const FREE_TAIL = 0x2000;
/** In a list of a CPU, with the CPU and the list below. */
export const PAGE_SET = 0x4000;
/** A frame that the allocator may hand out. */
export const ANY_FREE = FREE_HEAD | FREE_TAIL | PAGE_SET;
/** Set when the frame was found in a second place. */
export const TWICE = 0x8000;

export function freeHead(order: number, type: number): number {
  return FREE_HEAD | (order << 3) | type;
}

export function freeTail(order: number, type: number): number {
  return FREE_TAIL | (order << 3) | type;
}

export function inPageSet(cpu: number, list: number): number {
  return PAGE_SET | (cpu << 1) | list;
}

/** The order of the free block that the frame heads, or -1. */
export function freeHeadOrder(place: number): number {
  return (place & (ANY_FREE | TWICE)) === FREE_HEAD ? (place & 0x7f) >>> 3 : -1;
}

/** A place number as a record, for violations. */
export function placeOf(place: number, count: number): Place {
  const code = place & ~TWICE;
  if ((code & PAGE_SET) !== 0) return pageSetPlace((code >>> 1) & 0xff, code & 1);
  const order = (code & 0x7f) >>> 3;
  const type = MIGRATE_NAMES[code & 7];
  if ((code & FREE_HEAD) !== 0) return { in: 'free list', order, type };
  if ((code & FREE_TAIL) !== 0) return { in: 'free block', order, type };
  if (code === RESERVED) return { in: 'reserve' };
  if (code === HOLE) return { in: 'hole' };
  return code === NOWHERE || code === UNCLEAR ? { in: 'nothing' } : { in: 'use', count };
}

export function freeListPlace(order: number, type: number): ListPlace {
  return { in: 'free list', order, type: MIGRATE_NAMES[type] };
}

export function pageSetPlace(cpu: number, list: number): ListPlace {
  return { in: 'page set', cpu, list: listName(list) };
}

/** The name of a list of a page set. */
export function listName(list: number): 'hot' | 'cold' {
  return list === PCP_HOT ? 'hot' : 'cold';
}
