import { type CacheSpec } from './object-classes.js';

/**
 * The form of a compiled trace. A program is what one CPU runs: operations of {@link OPERATION_WORDS} words each,
 *
 *     word 0   opcode, kind and flag bits in the low byte, the kind's argument above them
 *     word 1   the gfp mask of an allocation, with the node above it if it names one; 0 for a free
 *     word 2   the slot
 *
 * A slot is an entry of a table that all CPUs share. The allocation puts there what it got, the free takes it out,
 * perhaps on another CPU and in a later batch. A free has the kind and the argument of its allocation.
 */
export const OPERATION_WORDS = 3;

/** Opcode: allocate. */
export const OP_ALLOC = 1;

/** Opcode: free what the slot holds. */
export const OP_FREE = 2;

/**
 * Flag: the other operation on this slot is in the same batch on another CPU. Only then may a free have to wait for
 * its allocation; all other pairs are ordered by their program, or by the end of a batch, and need no atomics.
 */
export const OP_CROSS = 4;

/** Flag of an allocation: a node is named, in word 1. */
export const OP_ON_NODE = 8;

/** The bits of word 0 that say what is allocated. */
export const KIND_MASK = 0x30;

/** Kind: pages. The argument is the order. */
export const KIND_PAGES = 0;

/** Kind: an object of kmalloc. The argument is its size (bytes). */
export const KIND_KMALLOC = 0x10;

/** Kind: an object of a cache. The argument is the cache's number in the trace. */
export const KIND_CACHE = 0x20;

/** Kind: an object too large for kmalloc, which is pages then. The argument is the order. */
export const KIND_LARGE = 0x30;

/** How far the argument is shifted in word 0. */
export const ARGUMENT_SHIFT = 8;

/** Arguments are below this. */
export const ARGUMENT_LIMIT = 1 << (31 - ARGUMENT_SHIFT);

/** How far the node is shifted in word 1. */
export const NODE_SHIFT = 22;

/** The bits of word 1 that are the mask. */
export const GFP_MASK = (1 << NODE_SHIFT) - 1;

/** State of a slot: nothing yet. A new slot table consists of this, and a slot whose two ends need no atomics keeps it. */
export const SLOT_EMPTY = 0;

/** State of a slot: what the allocation got, if anything, is there. */
export const SLOT_FILLED = 1;

/** State of a slot: nothing yet, and a free sleeps until there is. */
export const SLOT_AWAITED = 2;

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
  /** The caches that must be there before the batch is run: those of all batches up to this one, by number. */
  readonly caches: readonly CacheSpec[];
}
