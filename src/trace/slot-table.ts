/** Slots of a new table. */
const FIRST_CAPACITY = 4096;

/** The slots of a replay as its CPUs see them, in shared memory. */
export interface Slots {
  /**
   * What each allocation got: a page frame number or the address of an object, and 0 if it failed. The plain accesses
   * are ordered by the state of the slot, by the program of one CPU, or by the end of a batch.
   */
  readonly values: Float64Array;
  /** How far each slot is, for those that are filled and emptied on different CPUs in one batch: SLOT_EMPTY and others. */
  readonly states: Int32Array;
}

/**
 * The slots through which allocations hand what they got to frees. It grows between batches, while no CPU uses it.
 */
export class SlotTable {
  #slots = newSlots(FIRST_CAPACITY);

  /**
   * The table with at least `count` slots. A table got earlier is no longer the one in use if it has grown.
   *
   * @param count the `slots` of the batch that will be run next
   */
  ensure(count: number): Slots {
    const { values, states } = this.#slots;
    if (count <= values.length) return this.#slots;
    let capacity = values.length;
    while (capacity < count) capacity *= 2;
    const larger = newSlots(capacity);
    larger.values.set(values);
    larger.states.set(states);
    this.#slots = larger;
    return larger;
  }
}

function newSlots(count: number): Slots {
  return {
    values: new Float64Array(new SharedArrayBuffer(count * Float64Array.BYTES_PER_ELEMENT)),
    states: new Int32Array(new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT)),
  };
}
