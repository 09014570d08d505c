import { LiveTable, NOT_LIVE } from './live-table.js';
import { BATCH_OPERATIONS, OP_ALLOC, OP_CROSS, OP_FREE, ORDER_SHIFT, type ProgramBatch } from './program.js';
import { ProgramBuilder } from './program-builder.js';
import { SlotPool } from './slot-pool.js';

/** What became of the page events of a trace. */
export interface CompiledTotals {
  /** Allocations and frees in all batches. */
  readonly allocs: number;
  readonly frees: number;
  /** Frees of what was allocated before the trace began; there is nothing to run for them. */
  readonly unmatchedFrees: number;
  /**
   * Allocations of a frame that was still live: the trace has lost its free. The older block is never freed in the
   * replay; on a machine with other frames the two are different blocks.
   */
  readonly missingFrees: number;
  /** Slots that the table needs for all batches so far. */
  readonly slots: number;
}

/**
 * Makes programs of page events, one per CPU, in batches. The events must come in the order of the trace: that every
 * program keeps it is why a free that waits for its allocation never waits for ever.
 *
 * The events of trace CPU c go to CPU c modulo `cpus`, so a trace of more CPUs than the machine has is merged, and
 * a machine with more CPUs than the trace leaves some idle.
 *
 * A free always gives back what its allocation got: where the traced kernel split a block, the block is freed whole
 * with the first of its parts.
 */
export class ProgramCompiler {
  readonly #batchOperations: number;
  readonly #builders: ProgramBuilder[];
  readonly #live = new LiveTable();
  readonly #slots = new SlotPool();
  #operations = 0;
  #sequence = 0;
  #allocs = 0;
  #frees = 0;
  #unmatchedFrees = 0;
  #missingFrees = 0;

  /**
   * @param cpus how many programs to make: CPUs of the machine that runs them, from 1 to 65,536
   * @param batchOperations operations after which a batch is full
   */
  constructor(cpus: number, batchOperations = BATCH_OPERATIONS) {
    if (!Number.isInteger(cpus) || cpus < 1 || cpus > 65_536) {
      throw new RangeError(`cpus is ${cpus}; it must be an integer from 1 to 65536`);
    }
    if (!Number.isInteger(batchOperations) || batchOperations < 1) {
      throw new RangeError(`batchOperations is ${batchOperations}; it must be an integer of at least 1`);
    }
    this.#batchOperations = batchOperations;
    this.#builders = Array.from({ length: cpus }, () => new ProgramBuilder());
  }

  /** Whether the batch is as large as it should become. */
  get isFull(): boolean {
    return this.#operations >= this.#batchOperations;
  }

  /** Whether the batch has no operation. */
  get isEmpty(): boolean {
    return this.#operations === 0;
  }

  /**
   * Adds an allocation that the traced kernel made.
   *
   * @param cpu the trace's CPU number
   * @param pfn its page frame number in the traced kernel
   * @param gfp the mask for the replay
   */
  alloc(cpu: number, pfn: number, order: number, gfp: number): void {
    const slot = this.#slots.take(order);
    const home = cpu % this.#builders.length;
    const operation = this.#builders[home].add(OP_ALLOC | (order << ORDER_SHIFT), gfp, slot);
    this.#slots.setOrigin(slot, home, this.#sequence, operation);
    if (this.#live.put(pfn, slot) !== NOT_LIVE) this.#missingFrees++;
    this.#operations++;
    this.#allocs++;
  }

  /** Adds a free that the traced kernel made; parameters as for {@link alloc}. */
  free(cpu: number, pfn: number): void {
    const slot = this.#live.take(pfn);
    if (slot === NOT_LIVE) {
      this.#unmatchedFrees++;
      return;
    }
    this.#addFree(cpu % this.#builders.length, slot);
    this.#frees++;
  }

  /** Ends the batch and takes it out; it may have no operation. */
  takeBatch(): ProgramBatch {
    const batch = {
      sequence: this.#sequence,
      programs: this.#builders.map((builder) => builder.take()),
      operations: this.#operations,
      slots: this.#slots.size,
    };
    this.#slots.endBatch();
    this.#operations = 0;
    this.#sequence++;
    return batch;
  }

  /**
   * Batches that free all that is still live, each block on the CPU that allocated it, so that a machine can be
   * compared with its state before the replay. Nothing may be added afterwards.
   */
  *releaseAll(): Generator<ProgramBatch, void> {
    for (let slot = 0; slot < this.#slots.size; slot++) {
      if (!this.#slots.isUsed(slot)) continue;
      this.#addFree(this.#slots.cpuOf(slot), slot);
      if (this.isFull) yield this.takeBatch();
    }
    if (!this.isEmpty) yield this.takeBatch();
  }

  /** What was added so far. */
  totals(): CompiledTotals {
    return {
      allocs: this.#allocs,
      frees: this.#frees,
      unmatchedFrees: this.#unmatchedFrees,
      missingFrees: this.#missingFrees,
      slots: this.#slots.size,
    };
  }

  #addFree(cpu: number, slot: number): void {
    const slots = this.#slots;
    const home = slots.cpuOf(slot);
    const isCross = home !== cpu && slots.batchOf(slot) === this.#sequence;
    if (isCross) this.#builders[home].markCross(slots.operationOf(slot));
    const order = slots.orderOf(slot) << ORDER_SHIFT;
    this.#builders[cpu].add(OP_FREE | (isCross ? OP_CROSS : 0) | order, 0, slot);
    slots.giveBack(slot);
    this.#operations++;
  }
}
