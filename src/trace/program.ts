/**
 * The form of a compiled trace. A program is what one CPU runs: operations of {@link OPERATION_WORDS} words each,
 *
 *     word 0   opcode and flag bits in the low byte, the order above them
 *     word 1   the gfp mask of an allocation; 0 for a free
 *     word 2   the slot
 *
 * A slot is a word of a table that all CPUs share. The allocation puts its page frame number there, the free takes
 * it out, perhaps on another CPU and in a later batch.
 */
export const OPERATION_WORDS = 3;

/** Opcode: allocate 2^order pages. */
export const OP_ALLOC = 1;

/** Opcode: free what the slot holds. */
export const OP_FREE = 2;

/**
 * Flag: the other operation on this slot is in the same batch on another CPU. Only then may a free have to wait for
 * its allocation; all other pairs are ordered by their program, or by the end of a batch, and need no atomics.
 */
export const OP_CROSS = 4;

/** How far the order is shifted in word 0. */
export const ORDER_SHIFT = 8;

/** Contents of a slot: nothing yet. A new slot table consists of this. */
export const SLOT_EMPTY = 0;

/** Contents of a slot: the allocation failed, so there is nothing to free. */
export const SLOT_FAILED = -1;

/** Contents of a slot: nothing yet, and a free sleeps until there is. */
export const SLOT_AWAITED = -2;

/** Operations in one batch over all CPUs, unless the caller wants another number: 3 MiB of programs. */
export const BATCH_OPERATIONS = 256 * 1024;

/**
 * A piece of the compiled trace. Batches must be run in order, each completely before the next one begins; they may
 * be made ahead.
 */
export interface ProgramBatch {
  /** Its number, from 0. */
  readonly sequence: number;
  /** What each CPU runs, by CPU number; all are in shared memory, some may be empty. */
  readonly programs: readonly Int32Array[];
  /** Operations in all programs. */
  readonly operations: number;
  /** The slot table must have at least this many slots before the batch is run. */
  readonly slots: number;
}
