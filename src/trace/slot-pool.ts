/** Slots of a new pool. */
const FIRST_CAPACITY = 1024;

/** What a slot holds that is not in use. */
const NOT_USED = -1;

/**
 * Which slots are in use, and for what. A slot that is given back becomes free again only at the end of the
 * batch: until then both operations on it may still be waiting to be run.
 */
export class SlotPool {
  /** As many slots as were ever in use at once, counting each until the end of its last batch. */
  size = 0;

  #contents = new Int32Array(FIRST_CAPACITY).fill(NOT_USED);
  #cpus = new Uint16Array(FIRST_CAPACITY);
  #batches = new Uint32Array(FIRST_CAPACITY);
  #operations = new Uint32Array(FIRST_CAPACITY);
  readonly #free: number[] = [];
  #returned: number[] = [];

  /**
   * Takes a slot.
   *
   * @param content for what: kind and argument of its operations, as in word 0
   */
  take(content: number): number {
    const slot = this.#free.pop() ?? this.size++;
    if (slot === this.#contents.length) this.#grow();
    this.#contents[slot] = content;
    return slot;
  }

  /** Notes the allocation that fills the slot: its CPU, batch, and index in the CPU's program. */
  setOrigin(slot: number, cpu: number, batch: number, operation: number): void {
    this.#cpus[slot] = cpu;
    this.#batches[slot] = batch;
    this.#operations[slot] = operation;
  }

  /** What the slot is in use for. */
  contentOf(slot: number): number {
    return this.#contents[slot];
  }

  /** The CPU whose program fills the slot. */
  cpuOf(slot: number): number {
    return this.#cpus[slot];
  }

  /** The batch in which the slot is filled. */
  batchOf(slot: number): number {
    return this.#batches[slot];
  }

  /** The index of the operation that fills the slot, in the program of its CPU. */
  operationOf(slot: number): number {
    return this.#operations[slot];
  }

  /** Whether the slot is in use. */
  isUsed(slot: number): boolean {
    return this.#contents[slot] !== NOT_USED;
  }

  /** Gives a slot back. */
  giveBack(slot: number): void {
    this.#contents[slot] = NOT_USED;
    this.#returned.push(slot);
  }

  /** Ends the batch: the slots given back may be taken again. */
  endBatch(): void {
    for (const slot of this.#returned) this.#free.push(slot);
    this.#returned = [];
  }

  #grow(): void {
    const capacity = this.#contents.length * 2;
    const contents = new Int32Array(capacity).fill(NOT_USED);
    contents.set(this.#contents);
    this.#contents = contents;
    const cpus = new Uint16Array(capacity);
    cpus.set(this.#cpus);
    this.#cpus = cpus;
    const batches = new Uint32Array(capacity);
    batches.set(this.#batches);
    this.#batches = batches;
    const operations = new Uint32Array(capacity);
    operations.set(this.#operations);
    this.#operations = operations;
  }
}
