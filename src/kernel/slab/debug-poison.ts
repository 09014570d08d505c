import { formatAddress } from '../../arch/address-space.js';
import { WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { describeUsers } from './debug-users.js';
import { hasRedZones, isObjectNumber, objectAt, secondRedZone, type SlabObject } from './debug-layout.js';
import { kmem_cache_name } from './cache-name.js';
import { BUFCTL_INTERNAL, isUsers, KMEM_CACHE } from './kmem-cache.js';
import { SLAB_POISON } from './slab-flags.js';

/** The patterns of objects (facts file, section 3.6): words around them, bytes in them. */

/** Bytes of a free object, and its last one; bytes of one that was just allocated. */
const POISON_FREE = 0x6b;
const POISON_END = 0xa5;
const POISON_INUSE = 0x5a;
/** Bytes at the end of an object that its user has not asked for. */
const SLACK_BYTE = 0xcc;

/** A red zone: whether the object is out. The words of a 64-bit machine are written as two, the lower first. */
interface RedWord {
  readonly low: number;
  readonly high: number;
}
const RED_INACTIVE: Readonly<Record<32 | 64, RedWord>> = {
  32: { low: 0x5a2cf071, high: 0 },
  64: { low: 0x9d74e35b | 0, high: 0x09f91102 },
};
const RED_ACTIVE: Readonly<Record<32 | 64, RedWord>> = {
  32: { low: 0x170fc2a5, high: 0 },
  64: { low: 0x635688c0, high: 0xd84156c5 | 0 },
};

/** Lines of 16 bytes that a report shows of an object, at most. */
const MAX_LINES = 5;
const LINE = 16;

/** Which of the two red zones of an object are as they should be. */
export interface RedZones {
  readonly first: boolean;
  readonly second: boolean;
}

/** Writes both red zones. */
export function setRedZones(k: Cpu, object: SlabObject, isActive: boolean): void {
  if (!hasRedZones(k, object.cache)) return;
  const red = (isActive ? RED_ACTIVE : RED_INACTIVE)[k.space.bits];
  for (const at of [object.start, secondRedZone(k, object)]) {
    k.i32[at] = red.low;
    if (k.space.bits === 64) k.i32[at + 1] = red.high;
  }
}

/** Looks at both red zones; without any, all is well. */
export function checkRedZones(k: Cpu, object: SlabObject, isActive: boolean): RedZones {
  if (!hasRedZones(k, object.cache)) return { first: true, second: true };
  const red = (isActive ? RED_ACTIVE : RED_INACTIVE)[k.space.bits];
  const isRight = (at: number): boolean =>
    k.i32[at] === red.low && (k.space.bits === 32 || k.i32[at + 1] === red.high);
  return { first: isRight(object.start), second: isRight(secondRedZone(k, object)) };
}

/** What the red zones of an object are, for reports. */
export function describeRedZones(k: Cpu, object: SlabObject): string {
  const { start } = object;
  return (
    `${formatAddress(k.space, object.address)}: redzone 1:0x${redText(k, start)}, ` +
    `redzone 2:0x${redText(k, secondRedZone(k, object))}`
  );
}

function redText(k: Cpu, at: number): string {
  const low = BigInt(k.i32[at] >>> 0);
  const high = k.space.bits === 64 ? BigInt(k.i32[at + 1] >>> 0) : 0n;
  return ((high << 32n) | low).toString(16);
}

export function isPoisoned(k: Cpu, cache: number): boolean {
  return (k.i32[cache + KMEM_CACHE.at.flags] & SLAB_POISON) !== 0;
}

/** Fills an object with the pattern of a free one, or of one that was just allocated. */
export function poisonObject(k: Cpu, { cache, word }: SlabObject, isFree: boolean): void {
  const start = word * 4;
  const end = start + k.i32[cache + KMEM_CACHE.at.obj_size];
  k.u8.fill(isFree ? POISON_FREE : POISON_INUSE, start, end);
  if (isFree) k.u8[end - 1] = POISON_END;
}

/** The first byte of a free object, from one on, that somebody wrote to; -1 when it is intact. */
export function brokenPoison(k: Cpu, { cache, word }: SlabObject, from = 0): number {
  const size = k.i32[cache + KMEM_CACHE.at.obj_size];
  const start = word * 4;
  for (let i = from; i < size; i++)
    if (k.u8[start + i] !== (i === size - 1 ? POISON_END : POISON_FREE)) return i;
  return -1;
}

/** Reports an object that somebody wrote to while it was free. */
export function checkPoison(k: Cpu, object: SlabObject): void {
  const lines: string[] = [];
  for (let at = brokenPoison(k, object); at >= 0 && lines.length < MAX_LINES;) {
    const line = at - (at % LINE);
    lines.push(hexLine(k, object.word * 4, line, k.i32[object.cache + KMEM_CACHE.at.obj_size]));
    at = brokenPoison(k, object, line + LINE);
  }
  if (lines.length > 0) reportCorruption(k, object, lines);
}

function reportCorruption(k: Cpu, object: SlabObject, lines: readonly string[]): void {
  const red = hasRedZones(k, object.cache) ? `\n${describeRedZones(k, object)}` : '';
  WARN(
    k,
    `Slab corruption: start=${formatAddress(k.space, object.address)}, ` +
      `len=${k.i32[object.cache + KMEM_CACHE.at.obj_size]}\n` +
      `in cache \`${kmem_cache_name(k, object.cache)}', written to while it was free` +
      `${red}${describeUsers(k, object, true)}\n${lines.join('\n')}` +
      describeNeighbour(k, object, 'Prev', -1) +
      describeNeighbour(k, object, 'Next', 1),
  );
}

/** The object beside one: who writes too far is often its user. */
function describeNeighbour(k: Cpu, { cache, slab, index }: SlabObject, name: string, step: number): string {
  if (!isObjectNumber(k, cache, index + step)) return '';
  const object = objectAt(k, cache, slab, index + step);
  const size = k.i32[cache + KMEM_CACHE.at.obj_size];
  const state = k.i32[object.bufctl];
  const isFree = !isUsers(state) && state !== BUFCTL_INTERNAL;
  return (
    `\n${name} obj: start=${formatAddress(k.space, object.address)}, len=${size}` +
    describeUsers(k, object, isFree) +
    `\n${hexLine(k, object.word * 4, 0, size)}`
  );
}

/** `040: 6b 6b 78 ...`: 16 bytes of an object. */
function hexLine(k: Cpu, start: number, from: number, size: number): string {
  let text = `${from.toString(16).padStart(3, '0')}:`;
  for (let i = from; i < Math.min(from + LINE, size); i++)
    text += ` ${k.u8[start + i].toString(16).padStart(2, '0')}`;
  return text;
}

/** Fills the last bytes of an object's padded size. */
export function fillSlack(k: Cpu, end: number, bytes: number): void {
  if (bytes > 0) k.u8.fill(SLACK_BYTE, end - bytes, end);
}

/** The first of the last bytes of an object's padded size that was written to, counted from the object; -1: none was. */
export function checkSlack(k: Cpu, object: SlabObject, end: number, bytes: number): number {
  for (let at = end - bytes; at < end; at++) if (k.u8[at] !== SLACK_BYTE) return at - object.word * 4;
  return -1;
}
