import { struct, word } from '../image/struct.js';
import type { MemoryImage } from '../image/memory-image.js';

/**
 * How an object looks in a debugging heap: a header, the user's bytes, and behind them a red zone up to the end of the object.
 * When it is free, the user's bytes are poison.
 */
export const HEADER = struct('heap_object', {
  /** {@link LIVE} or {@link FREED}; anything else: the object is the allocator's own, or was never given out. */
  state: word,
  /** Bytes that the user has, and from the object's first byte to them. */
  size: word,
  offset: word,
  /** Where it was allocated, and by which thread; where it was freed, and by which. */
  site: word,
  thread: word,
  free_site: word,
  free_thread: word,
  /** {@link GUARD}: the red zone before the user's bytes. It goes on up to there with {@link RED}. */
  guard: word,
});

export const LIVE = 0x5ca1ab1e;
export const FREED = 0x0defaced;
export const GUARD = 0x5a5a5a5a;
const RED = 0xbb;
const POISON = 0x6b;

export const HEADER_BYTES = HEADER.words * 4;
/** Bytes of the red zone behind the user's, at least; looked at are this many at most. */
export const RED_ZONE_BYTES = 8;
const RED_ZONE_MOST = 64;

/** Fills what is around the user's bytes of a new object. */
export function paintRedZones(
  { u8 }: MemoryImage,
  start: number,
  end: number,
  offset: number,
  size: number,
): void {
  u8.fill(RED, start + HEADER_BYTES, start + offset);
  u8.fill(RED, start + offset + size, redZoneEnd(start + offset + size, end));
}

function redZoneEnd(from: number, end: number): number {
  return Math.min(end, from + RED_ZONE_MOST);
}

/** How far from the user's bytes the nearest byte lies that should be red and is not: below 0 before them; 0: there is none. */
export function redZoneDamage(image: MemoryImage, start: number, end: number): number {
  const { i32, u8 } = image;
  const header = start / 4;
  const pointer = start + i32[header + HEADER.at.offset];
  const behind = pointer + i32[header + HEADER.at.size];
  for (let at = behind; at < redZoneEnd(behind, end); at++) if (u8[at] !== RED) return at - behind + 1;
  for (let at = pointer - 1; at >= start + HEADER_BYTES; at--) if (u8[at] !== RED) return at - pointer;
  return i32[header + HEADER.at.guard] === GUARD ? 0 : start + HEADER_BYTES - 1 - pointer;
}

/** Fills the user's bytes of a free object. */
export function poison({ i32, u8 }: MemoryImage, start: number): void {
  const pointer = start + i32[start / 4 + HEADER.at.offset];
  u8.fill(POISON, pointer, pointer + i32[start / 4 + HEADER.at.size]);
}

/** Which of the user's bytes of a free object somebody has changed; -1: none. */
export function poisonDamage({ i32, u8 }: MemoryImage, start: number): number {
  const pointer = start + i32[start / 4 + HEADER.at.offset];
  const size = i32[start / 4 + HEADER.at.size];
  for (let i = 0; i < size; i++) if (u8[pointer + i] !== POISON) return i;
  return -1;
}
