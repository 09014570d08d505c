import { LiveTable, NOT_LIVE } from './live-table.js';
import { type CacheSpec } from './object-classes.js';
import {
  ARGUMENT_SHIFT,
  BATCH_OPERATIONS,
  KIND_PAGES,
  OP_ALLOC,
  OP_CROSS,
  OP_FREE,
  type ProgramBatch,
} from './program.js';
import { ProgramBuilder } from './program-builder.js';
import { SlotPool } from './slot-pool.js';

/** What became of the events of pages, or of objects. */
export interface CompiledEvents {
  /** Allocations and frees in all batches. */
  readonly allocs: number;
  readonly frees: number;
  /** Frees of what was allocated before the trace began; there is nothing to run for them. */
  readonly unmatchedFrees: number;
  /**
   * Allocations of what was still live: the trace has lost its free. The older block is never freed in the replay, which
   * pages can afford; on a machine with other frames the two are different blocks. Objects lose many frees, since
   * traces do not tell what is freed in bulk: the older object is freed before the allocation.
   */
  readonly missingFrees: number;
}

/** What became of the events of a trace. */
export interface CompiledTotals {
  readonly pages: CompiledEvents;
  readonly objects: CompiledEvents;
  /** Slots that the table needs for all batches so far. */
  readonly slots: number;
}

/** What is live of the pages, or of the objects, and what became of their events. */
class Ledger {
  readonly live = new LiveTable();
  readonly totals = { allocs: 0, frees: 0, unmatchedFrees: 0, missingFrees: 0 };
}

/**
 * Makes programs of page and object events, one per CPU, in batches. The events must come in the order of the trace: that every
 * program keeps it is why a free that waits for its allocation never waits for ever.
 *
 * The events of trace CPU c go to CPU c modulo `cpus`, so a trace of more CPUs than the machine has is merged, and
 * a machine with more CPUs than the trace leaves some idle.
 *
 * A free always gives back what its allocation got, in the way that belongs to it: where the traced kernel split a
 * block, the block is freed whole with the first of its parts; where it gave `kfree` an object of a cache, the object
 * goes back to the cache.
 */
export class ProgramCompiler {
  readonly #batchOperations: number;
  readonly #builders: ProgramBuilder[];
  readonly #pages = new Ledger();
  readonly #objects = new Ledger();
  readonly #caches: readonly CacheSpec[];
  readonly #slots = new SlotPool();
  #operations = 0;
  #sequence = 0;

  /**
   * @param cpus how many programs to make: CPUs of the machine that runs them, from 1 to 65,536
   * @param batchOperations operations after which a batch is full
   * @param caches the caches that operations may name; it may grow
   */
  constructor(cpus: number, batchOperations = BATCH_OPERATIONS, caches: readonly CacheSpec[] = []) {
    if (!Number.isInteger(cpus) || cpus < 1 || cpus > 65_536) {
      throw new RangeError(`cpus is ${cpus}; it must be an integer from 1 to 65536`);
    }
    if (!Number.isInteger(batchOperations) || batchOperations < 1) {
      throw new RangeError(`batchOperations is ${batchOperations}; it must be an integer of at least 1`);
    }
    this.#batchOperations = batchOperations;
    this.#caches = caches;
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
   * Adds an allocation of pages that the traced kernel made.
   *
   * @param cpu the trace's CPU number
   * @param pfn its page frame number in the traced kernel
   * @param gfp the mask for the replay
   */
  alloc(cpu: number, pfn: number, order: number, gfp: number): void {
    this.#addAlloc(this.#pages, cpu, pfn, KIND_PAGES | (order << ARGUMENT_SHIFT), 0, gfp);
  }

  /** Adds a free of pages that the traced kernel made; parameters as for {@link alloc}. */
  free(cpu: number, pfn: number): void {
    this.#addFreeOf(this.#pages, cpu, pfn);
  }

  /**
   * Adds an allocation of an object.
   *
   * @param cpu the trace's CPU number
   * @param address what it is known by in the trace
   * @param content kind and argument, as in word 0
   * @param flag OP_ON_NODE or 0
   * @param gfp the mask for the replay, with the node if there is one, as in word 1
   */
  allocObject(cpu: number, address: number, content: number, flag: number, gfp: number): void {
    const older = this.#objects.live.take(address);
    if (older !== NOT_LIVE) {
      this.#addFree(cpu % this.#builders.length, older);
      this.#objects.totals.missingFrees++;
    }
    this.#addAlloc(this.#objects, cpu, address, content, flag, gfp);
  }

  /** Adds a free of an object; parameters as for {@link allocObject}. */
  freeObject(cpu: number, address: number): void {
    this.#addFreeOf(this.#objects, cpu, address);
  }

  /** Ends the batch and takes it out; it may have no operation. */
  takeBatch(): ProgramBatch {
    const batch = {
      sequence: this.#sequence,
      programs: this.#builders.map((builder) => builder.take()),
      operations: this.#operations,
      slots: this.#slots.size,
      caches: this.#caches.slice(),
    };
    this.#slots.endBatch();
    this.#operations = 0;
    this.#sequence++;
    return batch;
  }

  /**
   * Batches that free all that is still live, each block and object on the CPU that allocated it, so that a machine can be
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
      pages: { ...this.#pages.totals },
      objects: { ...this.#objects.totals },
      slots: this.#slots.size,
    };
  }

  #addAlloc(ledger: Ledger, cpu: number, key: number, content: number, flag: number, second: number): void {
    const slot = this.#slots.take(content);
    const home = cpu % this.#builders.length;
    const operation = this.#builders[home].add(OP_ALLOC | flag | content, second, slot);
    this.#slots.setOrigin(slot, home, this.#sequence, operation);
    if (ledger.live.put(key, slot) !== NOT_LIVE) ledger.totals.missingFrees++;
    this.#operations++;
    ledger.totals.allocs++;
  }

  #addFreeOf(ledger: Ledger, cpu: number, key: number): void {
    const slot = ledger.live.take(key);
    if (slot === NOT_LIVE) {
      ledger.totals.unmatchedFrees++;
      return;
    }
    this.#addFree(cpu % this.#builders.length, slot);
    ledger.totals.frees++;
  }

  #addFree(cpu: number, slot: number): void {
    const slots = this.#slots;
    const home = slots.cpuOf(slot);
    const isCross = home !== cpu && slots.batchOf(slot) === this.#sequence;
    if (isCross) this.#builders[home].markCross(slots.operationOf(slot));
    this.#builders[cpu].add(OP_FREE | (isCross ? OP_CROSS : 0) | slots.contentOf(slot), 0, slot);
    slots.giveBack(slot);
    this.#operations++;
  }
}
