import { MAX_THREADS } from '../engine/strategy.js';

/** Threads of an entry. */
const THREADS = MAX_THREADS + 1;
const FIRST_ENTRIES = 64;

/** When each thread last used each allocation: an entry for an allocation, a number for a thread. */
export class LastUses {
  /** Stamps of the race detector; 0 for none. Replaced when there are more entries. */
  stamps = new Int32Array(FIRST_ENTRIES * THREADS);
  /** Numbers of the operations. */
  steps = new Int32Array(FIRST_ENTRIES * THREADS);
  #end = 0;

  /** A new entry, without uses. @returns where it starts in both arrays */
  add(): number {
    const start = this.#end;
    this.#end = start + THREADS;
    if (this.#end > this.stamps.length) {
      this.stamps = doubled(this.stamps);
      this.steps = doubled(this.steps);
    }
    return start;
  }

  /** Forgets all entries. */
  clear(): void {
    this.stamps.fill(0, 0, this.#end);
    this.#end = 0;
  }
}

function doubled(numbers: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(numbers.length * 2);
  larger.set(numbers);
  return larger;
}
