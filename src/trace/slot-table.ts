/** Slots of a new table. */
const FIRST_CAPACITY = 4096;

/**
 * The slots through which allocations hand their pages to frees, in shared memory. It grows between batches, while
 * no CPU uses it.
 */
export class SlotTable {
  #slots = new Int32Array(new SharedArrayBuffer(FIRST_CAPACITY * Int32Array.BYTES_PER_ELEMENT));

  /**
   * The table with at least `count` slots. A table got earlier is no longer the one in use if it has grown.
   *
   * @param count the `slots` of the batch that will be run next
   */
  ensure(count: number): Int32Array {
    if (count <= this.#slots.length) return this.#slots;
    let capacity = this.#slots.length;
    while (capacity < count) capacity *= 2;
    const larger = new Int32Array(new SharedArrayBuffer(capacity * Int32Array.BYTES_PER_ELEMENT));
    larger.set(this.#slots);
    this.#slots = larger;
    return larger;
  }
}
