import { threadId } from 'node:worker_threads';
import type { MemoryImage } from '../image/memory-image.js';
import { HeapError } from './heap-error.js';
import { HEAP, LOCK_OWNER, THREAD } from './heap-layout.js';
import { endPresence, isGone, type Presence, showPresence } from './presence.js';

/** The threads of a heap: each has a place, which is a CPU of the allocator. */

const AT = THREAD.at;
const LOW_HALF = 0xffffffffn;

/** What the calling thread has: a place, a number that no other thread of the heap ever had, and its presence. */
export interface Membership {
  readonly place: number;
  readonly number: number;
  readonly presence: Presence;
}

/** Word index of the record of a place. */
export function threadRecord(place: number): number {
  return HEAP.thread + place * THREAD.words;
}

/** Who has a place, see {@link THREAD}; 0n: nobody. */
export function claimOf(image: MemoryImage, place: number): bigint {
  return Atomics.load(image.i64, threadRecord(place) >>> 1);
}

/** The number of the thread that has a place; 0: nobody. */
export function memberAt(image: MemoryImage, place: number): number {
  return Number(claimOf(image, place) >> 32n);
}

/** The place that a thread has; -1: none any more. */
export function placeOf(image: MemoryImage, number: number): number {
  for (let place = 0; place < image.i32[HEAP.threads]; place++)
    if (memberAt(image, place) === number) return place;
  return -1;
}

/** Node's number of the thread that has a place. */
export function threadIdAt(image: MemoryImage, place: number): number {
  return image.i32[threadRecord(place) + AT.thread_id];
}

/**
 * Gives the calling thread a place: a free one, or that of a thread that has died, whose objects in the arrays of the place
 * are still there.
 *
 * @throws HeapError when all places are taken by threads that live
 */
export function join(image: MemoryImage): Membership {
  const presence = showPresence();
  const number = (Atomics.add(image.i32, HEAP.last_thread, 1) + 1) & LOCK_OWNER;
  for (const mayTakeOver of [false, true]) {
    for (let place = 0; place < image.i32[HEAP.threads]; place++) {
      const claim = claimOf(image, place);
      const isFree = claim === 0n || (mayTakeOver && isDead(image, place, claim));
      if (isFree && take(image, place, claim, number, presence)) return { place, number, presence };
    }
  }
  endPresence(presence);
  const limit = image.i32[HEAP.threads];
  throw new HeapError('TOO_MANY_THREADS', `the heap has places for ${limit} threads; all are taken`);
}

function take(image: MemoryImage, place: number, claim: bigint, number: number, presence: Presence): boolean {
  const record = threadRecord(place);
  const mine = (BigInt(number) << 32n) | BigInt(presence.fd + 1);
  if (Atomics.compareExchange(image.i64, record >>> 1, claim, mine) !== claim) return false;
  image.f64[(record + AT.device) >>> 1] = presence.device;
  image.f64[(record + AT.file) >>> 1] = presence.file;
  image.f64[(record + AT.stamp) >>> 1] = presence.stamp;
  image.i32[record + AT.thread_id] = threadId;
  Atomics.store(image.i32, record + AT.known, number);
  return true;
}

/** Gives the place of the calling thread back; its arrays are empty. */
export function leave(image: MemoryImage, { place, presence }: Membership): void {
  freePlace(image, place, claimOf(image, place));
  endPresence(presence);
}

/** Makes a place free, if it is still that of who has left it, or has died, with empty arrays. */
export function freePlace(image: MemoryImage, place: number, claim: bigint): void {
  Atomics.compareExchange(image.i64, threadRecord(place) >>> 1, claim, 0n);
}

/**
 * Whether the thread that has a place has died.
 *
 * @param claim who is meant; if that is not the one any more, the answer is no
 */
export function isDead(image: MemoryImage, place: number, claim = claimOf(image, place)): boolean {
  const record = threadRecord(place);
  if (claim === 0n || claimOf(image, place) !== claim) return false;
  const number = Number(claim >> 32n);
  if (Atomics.load(image.i32, record + AT.ended) === number) return true;
  const isKnown = Atomics.load(image.i32, record + AT.known) === number;
  const presence = {
    fd: Number(claim & LOW_HALF) - 1,
    device: isKnown ? image.f64[(record + AT.device) >>> 1] : 0,
    file: isKnown ? image.f64[(record + AT.file) >>> 1] : 0,
    stamp: image.f64[(record + AT.stamp) >>> 1],
  };
  // All that was looked at must have been one thread's.
  return isGone(presence) && claimOf(image, place) === claim;
}

/** Node says that a thread has ended: so has the member that it was. */
export function noteEnd(image: MemoryImage, ended: number): void {
  for (let place = 0; place < image.i32[HEAP.threads]; place++) {
    const record = threadRecord(place);
    const number = Atomics.load(image.i32, record + AT.known);
    const isOfIt = image.i32[record + AT.thread_id] === ended;
    if (isOfIt && Atomics.load(image.i32, record + AT.known) === number)
      Atomics.store(image.i32, record + AT.ended, number);
  }
}
