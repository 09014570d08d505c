import type { MemoryImage } from '../image/memory-image.js';
import { HeapError } from './heap-error.js';
import { HEAP, LOCK_CONTENDED, LOCK_OWNER, THREAD } from './heap-layout.js';
import { isDead, type Membership, placeOf, threadRecord } from './heap-threads.js';

/**
 * The heap's lock: around all of the allocator that is not a CPU's alone, which are the slow ways, some one in a hundred
 * operations. A thread that dies with it leaves the allocator in the middle of something. Who waits for the lock notices that
 * its owner is dead, takes it from him, and repairs. The same happens where a function inside throws.
 */

const LOCK = HEAP.lock;
const DIRTY = HEAP.dirty;
const INSIDE = THREAD.at.inside;
const CONTENDED = LOCK_CONTENDED;
const OWNER = LOCK_OWNER;

/** Looks at a taken lock before the thread sleeps: a microsecond, about as long as a slow way takes. */
const ATTEMPTS = 100;

/** Milliseconds of sleep, after which a waiter asks whether the owner lives. */
const PATIENCE_MS = 2;

/** A hint to the processor inside a spin loop; newer engines have it. */
const pause = (Atomics as { pause?: () => void }).pause;

export class HeapLock {
  readonly #image: MemoryImage;
  readonly #number: number;
  readonly #record: number;
  readonly #repair: () => void;

  /** @param repair makes the allocator whole again; called with the lock held */
  constructor(image: MemoryImage, { number, place }: Membership, repair: () => void) {
    this.#image = image;
    this.#number = number;
    this.#record = threadRecord(place);
    this.#repair = repair;
  }

  /**
   * Does something with the lock held.
   *
   * @throws HeapError, what `work` throws as such, or with the cause for everything else: that comes from inside the allocator,
   *   which is repaired first
   */
  run<Result>(work: () => Result): Result {
    this.#enter();
    let isWhole = true;
    try {
      return work();
    } catch (error) {
      if (error instanceof HeapError) throw error;
      isWhole = false;
      this.#repair();
      isWhole = true;
      throw new HeapError('CORRUPTED', `the heap failed: ${messageOf(error)}`, 0, error);
    } finally {
      this.#leave(isWhole);
    }
  }

  #enter(): void {
    const { i32 } = this.#image;
    if (Atomics.compareExchange(i32, LOCK, 0, this.#number) !== 0) this.#wait();
    if (i32[DIRTY] !== 0) this.#repairOrLeave();
    i32[this.#record + INSIDE] = 1;
    i32[DIRTY] = 1;
  }

  /** If the heap cannot be repaired, the next one tries, and nobody waits for this thread. */
  #repairOrLeave(): void {
    let isWhole = false;
    try {
      this.#repair();
      isWhole = true;
    } finally {
      if (!isWhole) this.#leave(false);
    }
  }

  /** @param isWhole nothing is to be repaired */
  #leave(isWhole: boolean): void {
    const { i32 } = this.#image;
    i32[DIRTY] = isWhole ? 0 : 1;
    i32[this.#record + INSIDE] = 0;
    if ((Atomics.exchange(i32, LOCK, 0) & CONTENDED) !== 0) Atomics.notify(i32, LOCK, 1);
  }

  /** Waits until the lock is this thread's. */
  #wait(): void {
    const { i32 } = this.#image;
    let mine = this.#number;
    for (;;) {
      if (this.#spin(mine)) return;
      const value = Atomics.load(i32, LOCK);
      const owner = value & OWNER;
      if (owner === 0) continue;
      // Left behind by an exception that came where not even the repair could run: a stack overflow.
      if (owner === this.#number) return;
      const contended = value | CONTENDED;
      if (Atomics.compareExchange(i32, LOCK, value, contended) !== value) continue;
      const isOver = Atomics.wait(i32, LOCK, contended, PATIENCE_MS) === 'timed-out';
      // Others may sleep, too: who has slept takes the lock with the flag up.
      mine = this.#number | CONTENDED;
      if (isOver && this.#isDead(owner) && Atomics.compareExchange(i32, LOCK, contended, mine) === contended)
        return;
    }
  }

  /** Tries for a moment to put `mine` into the lock. */
  #spin(mine: number): boolean {
    const { i32 } = this.#image;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (Atomics.load(i32, LOCK) === 0 && Atomics.compareExchange(i32, LOCK, 0, mine) === 0) return true;
      pause?.();
    }
    return false;
  }

  /** Whether a thread that has the lock is dead. Then, its place may be another one's by now. */
  #isDead(number: number): boolean {
    const place = placeOf(this.#image, number);
    return place < 0 ? (Atomics.load(this.#image.i32, LOCK) & OWNER) === number : isDead(this.#image, place);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
