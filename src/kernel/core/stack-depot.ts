import { callTrace } from './call-trace.js';
import type { Cpu } from './cpu.js';
import { local_irq_restore, local_irq_save } from './irqflags.js';
import { KERNEL } from './kernel-data.js';
import { rawLock, rawUnlock } from './raw-lock.js';
import { alignUp, WORD_BYTES } from '../../image/struct.js';

/**
 * The stack depot keeps each different call trace once and gives it a number, so that a lock or a page can remember
 * where it came from in one word. It exists only with debugging: boot sets `KERNEL.depot`, or who first needs it.
 *
 * Layout, in words from `depot`: a hash table of record offsets, then records {next, hash, bytes, text}. Records
 * are written under depot_lock, published by the atomic store into `depot_end`, and never change: readers need no lock.
 * They begin at multiples of HANDLE_STEP, so that a handle fits into half a word.
 */
export const DEPOT_BYTES = 1 << 20;
/** All handles are multiples of this. */
export const HANDLE_STEP = DEPOT_BYTES / WORD_BYTES / 65536;
const HASH_WORDS = 1024;
const NEXT = 0;
const HASH = 1;
const BYTES = 2;
const TEXT = 3;

/** Makes the depot in zeroed memory. Boot CPU, or later under a lock: only once. */
export function depotInit(k: Cpu, depotWord: number): void {
  k.i32[KERNEL.depot_end] = HASH_WORDS;
  Atomics.store(k.i32, KERNEL.depot, depotWord);
}

/**
 * Remembers the current call trace. Any context.
 *
 * @param skip innermost functions to leave out
 * @returns its handle; 0 when there is no depot or it is full
 */
export function saveTrace(k: Cpu, skip: number): number {
  return hasDepot(k) ? saveTraceText(k, callTrace(skip + 1)) : 0;
}

/** Whether there is a depot. Caches whose users are tracked make it when the machine already runs. */
export function hasDepot(k: Cpu): boolean {
  return Atomics.load(k.i32, KERNEL.depot) !== 0;
}

/** {@link saveTrace} for who has the trace already. */
export function saveTraceText(k: Cpu, trace: string): number {
  if (!hasDepot(k)) return 0;
  const text = new TextEncoder().encode(trace);
  const hash = hashOf(text);
  const flags = local_irq_save(k);
  rawLock(k, KERNEL.depot_lock);
  const handle = find(k, text, hash) || add(k, text, hash);
  rawUnlock(k, KERNEL.depot_lock);
  local_irq_restore(k, flags);
  return handle;
}

/** The trace behind a handle; empty for handle 0. The handle may come from a word that others are changing. */
export function depotText(k: Cpu, handle: number): string {
  // Who gave out the handle has moved the end before: from here on the record is sure to be seen.
  if (handle === 0 || handle >= Atomics.load(k.i32, KERNEL.depot_end)) return '';
  const record = k.i32[KERNEL.depot] + handle;
  return k.image.readText((record + TEXT) * WORD_BYTES, k.i32[record + BYTES]);
}

function find(k: Cpu, text: Uint8Array, hash: number): number {
  const { i32, u8 } = k;
  const depot = i32[KERNEL.depot];
  for (
    let handle = i32[depot + (hash & (HASH_WORDS - 1))];
    handle !== 0;
    handle = i32[depot + handle + NEXT]
  ) {
    const record = depot + handle;
    if (i32[record + HASH] !== hash || i32[record + BYTES] !== text.length) continue;
    const start = (record + TEXT) * WORD_BYTES;
    let same = 0;
    while (same < text.length && u8[start + same] === text[same]) same++;
    if (same === text.length) return handle;
  }
  return 0;
}

function add(k: Cpu, text: Uint8Array, hash: number): number {
  const { i32, u8 } = k;
  const depot = i32[KERNEL.depot];
  const handle = i32[KERNEL.depot_end];
  const words = alignUp(TEXT + Math.ceil(text.length / WORD_BYTES), HANDLE_STEP);
  if ((handle + words) * WORD_BYTES > DEPOT_BYTES) return 0;
  const record = depot + handle;
  const bucket = depot + (hash & (HASH_WORDS - 1));
  u8.set(text, (record + TEXT) * WORD_BYTES);
  i32[record + BYTES] = text.length;
  i32[record + HASH] = hash;
  i32[record + NEXT] = i32[bucket];
  i32[bucket] = handle;
  Atomics.store(i32, KERNEL.depot_end, handle + words);
  return handle;
}

/** FNV-1a. */
function hashOf(text: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of text) hash = Math.imul(hash ^ byte, 0x01000193);
  // As the word in the image will have it.
  return hash | 0;
}
