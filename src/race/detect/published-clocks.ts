import { CELL_SHIFT, CELL_SYNC } from './shadow-cell.js';
import { CHUNK_MASK, type ShadowWords, wordOf } from './shadow-words.js';
import { CLOCK_SHIFT, type ThreadClocks } from './thread-clocks.js';

const SLOT_KEY = 0;
const SLOT_NEXT = 1;
/** Number of the execution in which the clock was published; 0 when it was overwritten since. */
const SLOT_EXECUTION = 2;
const SLOT_SHIFT = 2;
const FIRST_SLOTS = 16;

const UNIT_BYTES = 8;
const SIZE_BITS = 4;

/** Instead of a size: the clock of a lock. No write touches it. */
export const LOCK = 0;
/** Instead of a size: the clock of those who wait at an address. */
export const WAITERS = 15;

/**
 * The clocks that atomic stores and releases left for others to join, each for an address and a size. All those of 8
 * aligned bytes hang on the cell of the first word, so that a plain write next to none finds that out at once.
 */
export class PublishedClocks {
  readonly #shadow: ShadowWords;
  readonly #clocks: ThreadClocks;
  #slots = new Int32Array(FIRST_SLOTS << SLOT_SHIFT);
  #rows = new Int32Array(FIRST_SLOTS << CLOCK_SHIFT);
  /** Slot 0 is not used. */
  #used = 1;
  #execution = 0;

  constructor(shadow: ShadowWords, clocks: ThreadClocks) {
    this.#shadow = shadow;
    this.#clocks = clocks;
  }

  /** Begins an execution: nothing is published. */
  begin(): void {
    this.#execution++;
  }

  /** Forgets all slots, when the shadow was cleared. */
  clear(): void {
    this.#used = 1;
  }

  /** The slot for an address and a size, made if there is none. */
  slotOf(address: number, size: number): number {
    const offset = address & (UNIT_BYTES - 1);
    const word = wordOf(address - offset);
    const cells = this.#shadow.chunkOf(word);
    const head = ((word & CHUNK_MASK) << CELL_SHIFT) + CELL_SYNC;
    const key = (offset << SIZE_BITS) | size;
    const slots = this.#slots;
    for (let slot = cells[head]; slot !== 0; slot = slots[(slot << SLOT_SHIFT) + SLOT_NEXT]) {
      if (slots[(slot << SLOT_SHIFT) + SLOT_KEY] === key) return slot;
    }
    const slot = this.#make(key, cells[head]);
    cells[head] = slot;
    return slot;
  }

  /** What the last publisher had seen, the thread has seen now. */
  join(slot: number, thread: number): void {
    if (this.#slots[(slot << SLOT_SHIFT) + SLOT_EXECUTION] !== this.#execution) return;
    const target = thread << CLOCK_SHIFT;
    const source = slot << CLOCK_SHIFT;
    const published = this.#rows;
    const { rows, threads } = this.#clocks;
    for (let other = 0; other < threads; other++) {
      const seen = published[source + other];
      if (seen > rows[target + other]) rows[target + other] = seen;
    }
  }

  /** The thread's clock takes the place of what was published. */
  publish(slot: number, thread: number): void {
    const source = thread << CLOCK_SHIFT;
    const target = slot << CLOCK_SHIFT;
    const published = this.#rows;
    const { rows, threads } = this.#clocks;
    for (let other = 0; other < threads; other++) published[target + other] = rows[source + other];
    this.#slots[(slot << SLOT_SHIFT) + SLOT_EXECUTION] = this.#execution;
    this.#clocks.tick(thread);
  }

  /** The thread's clock is added to what was published. */
  add(slot: number, thread: number): void {
    if (this.#slots[(slot << SLOT_SHIFT) + SLOT_EXECUTION] !== this.#execution) {
      this.publish(slot, thread);
      return;
    }
    const source = thread << CLOCK_SHIFT;
    const target = slot << CLOCK_SHIFT;
    const published = this.#rows;
    const { rows, threads } = this.#clocks;
    for (let other = 0; other < threads; other++) {
      const seen = rows[source + other];
      if (seen > published[target + other]) published[target + other] = seen;
    }
    this.#clocks.tick(thread);
  }

  /** These bytes were written: who reads them no longer reads what the publisher stored. */
  overwrite(address: number, size: number): void {
    const end = address + size;
    for (let unit = address - (address & (UNIT_BYTES - 1)); unit < end; unit += UNIT_BYTES) {
      const word = wordOf(unit);
      const cells = this.#shadow.chunkOf(word);
      const slot = cells[((word & CHUNK_MASK) << CELL_SHIFT) + CELL_SYNC];
      if (slot !== 0) this.overwriteUnit(slot, address - unit, end - unit);
    }
  }

  /** The same within 8 aligned bytes, whose first slot is given: from byte `first` up to byte `end` of them. */
  overwriteUnit(firstSlot: number, first: number, end: number): void {
    const slots = this.#slots;
    for (let slot = firstSlot; slot !== 0; slot = slots[(slot << SLOT_SHIFT) + SLOT_NEXT]) {
      const at = slot << SLOT_SHIFT;
      const start = slots[at + SLOT_KEY] >> SIZE_BITS;
      const size = slots[at + SLOT_KEY] & ((1 << SIZE_BITS) - 1);
      const isStore = size !== LOCK && size !== WAITERS;
      if (isStore && start < end && first < start + size) slots[at + SLOT_EXECUTION] = 0;
    }
  }

  #make(key: number, next: number): number {
    const slot = this.#used++;
    if (slot << SLOT_SHIFT === this.#slots.length) this.#grow();
    this.#slots[(slot << SLOT_SHIFT) + SLOT_KEY] = key;
    this.#slots[(slot << SLOT_SHIFT) + SLOT_NEXT] = next;
    this.#slots[(slot << SLOT_SHIFT) + SLOT_EXECUTION] = 0;
    return slot;
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    slots.set(this.#slots);
    this.#slots = slots;
    const rows = new Int32Array(this.#rows.length * 2);
    rows.set(this.#rows);
    this.#rows = rows;
  }
}
