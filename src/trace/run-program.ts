import {
  ARGUMENT_SHIFT,
  GFP_MASK,
  KIND_CACHE,
  KIND_KMALLOC,
  KIND_MASK,
  KIND_PAGES,
  NODE_SHIFT,
  OP_ALLOC,
  OP_CROSS,
  OP_ON_NODE,
  OPERATION_WORDS,
  SLOT_AWAITED,
  SLOT_EMPTY,
  SLOT_FILLED,
} from './program.js';
import { type Slots } from './slot-table.js';

/** Looks at a slot before the wait for it becomes a sleep: some microseconds. */
const SPINS = 200;

/** The longest sleep before interrupts and the abort word are looked at again (milliseconds). */
const SLEEP_MS = 1;

/** Nanoseconds in a millisecond. */
const NS_PER_MS = 1e6;

/** Part of the message of a CPU that stops only because the replay has ended elsewhere. */
export const REPLAY_ABORTED = 'the replay was aborted on another CPU';

/** What a program needs of the kernel it runs on. */
export interface ReplayKernel {
  /** The number of the CPU that calls. */
  smp_processor_id(): number;
  /** Allocates 2^order pages; returns the first page frame number, or 0. */
  alloc_pages(gfp: number, order: number): number;
  /** The same, of a node if it has some. */
  alloc_pages_node(nid: number, gfp: number, order: number): number;
  /** Frees 2^order pages. */
  __free_pages(pfn: number, order: number): void;
  /** Allocates an object of at least `size` bytes; returns its address, or 0. */
  kmalloc(size: number, gfp: number): number;
  /** The same, of a node if it has some. */
  kmalloc_node(size: number, gfp: number, nid: number): number;
  /** Frees an object of kmalloc. */
  kfree(object: number): void;
  /** Allocates an object of a cache; returns its address, or 0. */
  kmem_cache_alloc(cache: number, gfp: number): number;
  /** The same, of a node if it has some. */
  kmem_cache_alloc_node(cache: number, gfp: number, nid: number): number;
  /** Frees an object of a cache. */
  kmem_cache_free(cache: number, object: number): void;
  /** Serves interrupts; throws when the machine has panicked. */
  poll(): void;
}

/** One batch as it is given to the CPUs, the same for all of them. Everything in it is shared memory. */
export interface ReplayTask {
  /** What each CPU runs, by CPU number; a CPU without a program has nothing to do. */
  readonly programs: readonly Int32Array[];
  /** The slots, at least as many as the batch needs. */
  readonly slots: Slots;
  /** The machine's caches by their numbers in the trace; 0 for one that could not be created. */
  readonly caches: Int32Array;
  /**
   * One word: not zero ends the replay on all CPUs. A CPU that fails sets it; the host sets it when a CPU has died.
   */
  readonly abort: Int32Array;
}

/** What one CPU did in one batch. */
export interface ProgramResult {
  readonly cpu: number;
  /** Blocks of pages allocated. */
  readonly allocs: number;
  /** Blocks freed. */
  readonly frees: number;
  /** Allocations of blocks that got nothing. */
  readonly failures: number;
  /** Frees of blocks left out because their allocation had failed. */
  readonly skippedFrees: number;
  /** Pages in the blocks allocated. */
  readonly pagesAllocated: number;
  /** Pages in the blocks freed. */
  readonly pagesFreed: number;
  /** Objects allocated. */
  readonly objectAllocs: number;
  /** Objects freed. */
  readonly objectFrees: number;
  /** Allocations of objects that got nothing. */
  readonly objectFailures: number;
  /** Frees of objects left out because their allocation had failed. */
  readonly skippedObjectFrees: number;
  /** Pages in objects too large for kmalloc: those allocated less those freed. */
  readonly largePages: number;
  /** Frees that had to wait for their allocation on another CPU. */
  readonly waits: number;
  /** How long those waits were (nanoseconds). */
  readonly waitNs: number;
  /** From the first to the last operation (nanoseconds). */
  readonly elapsedNs: number;
}

/** The counts of a {@link ProgramResult} while they are being made. */
type Tally = Record<Exclude<keyof ProgramResult, 'cpu' | 'elapsedNs'>, number>;

function newTally(): Tally {
  return {
    allocs: 0,
    frees: 0,
    failures: 0,
    skippedFrees: 0,
    pagesAllocated: 0,
    pagesFreed: 0,
    objectAllocs: 0,
    objectFrees: 0,
    objectFailures: 0,
    skippedObjectFrees: 0,
    largePages: 0,
    waits: 0,
    waitNs: 0,
  };
}

/**
 * Runs this CPU's program of one batch. The function is called on each CPU of the machine at once.
 *
 * @param k the kernel as this CPU sees it
 * @throws Error when the replay was aborted, and whatever the kernel throws; the other CPUs then end too
 */
export function runProgram(k: ReplayKernel, task: ReplayTask): ProgramResult {
  const cpu = k.smp_processor_id();
  const tally = newTally();
  const start = performance.now();
  const program = task.programs.at(cpu);
  if (program !== undefined) {
    try {
      execute(k, program, task, tally);
    } catch (error) {
      Atomics.store(task.abort, 0, 1);
      throw error;
    }
  }
  const elapsedNs = (performance.now() - start) * NS_PER_MS;
  return { cpu, ...tally, elapsedNs };
}

function execute(k: ReplayKernel, program: Int32Array, task: ReplayTask, tally: Tally): void {
  const { abort, caches } = task;
  const { values, states } = task.slots;
  for (let at = 0; at < program.length; at += OPERATION_WORDS) {
    if (abort[0] !== 0) throwAborted(k);
    const word = program[at];
    const slot = program[at + 2];
    if ((word & OP_ALLOC) !== 0) {
      const isOnNode = (word & OP_ON_NODE) !== 0;
      values[slot] = isOnNode
        ? allocateOnNode(k, word, program[at + 1], caches, tally)
        : allocate(k, word, program[at + 1], caches, tally);
      if ((word & OP_CROSS) !== 0) publish(states, slot);
      continue;
    }
    // Nobody else looks at the slot before the next batch.
    if ((word & OP_CROSS) !== 0) {
      awaitSlot(k, states, slot, abort, tally);
      states[slot] = SLOT_EMPTY;
    }
    free(k, word, values[slot], caches, tally);
  }
}

/** Allocates what the operation says; returns a frame or an address, or 0. */
function allocate(k: ReplayKernel, word: number, gfp: number, caches: Int32Array, tally: Tally): number {
  const argument = word >>> ARGUMENT_SHIFT;
  switch (word & KIND_MASK) {
    case KIND_CACHE: {
      const cache = caches[argument];
      return countObject(cache === 0 ? 0 : k.kmem_cache_alloc(cache, gfp), tally);
    }
    case KIND_KMALLOC:
      return countObject(k.kmalloc(argument, gfp), tally);
    case KIND_PAGES:
      return countPages(k.alloc_pages(gfp, argument), argument, tally);
    default:
      return countLarge(k.alloc_pages(gfp, argument), argument, tally);
  }
}

/** The same for an operation that names a node. Few do. */
function allocateOnNode(
  k: ReplayKernel,
  word: number,
  second: number,
  caches: Int32Array,
  tally: Tally,
): number {
  const argument = word >>> ARGUMENT_SHIFT;
  const gfp = second & GFP_MASK;
  const nid = second >>> NODE_SHIFT;
  switch (word & KIND_MASK) {
    case KIND_CACHE: {
      const cache = caches[argument];
      return countObject(cache === 0 ? 0 : k.kmem_cache_alloc_node(cache, gfp, nid), tally);
    }
    case KIND_KMALLOC:
      return countObject(k.kmalloc_node(argument, gfp, nid), tally);
    case KIND_PAGES:
      return countPages(k.alloc_pages_node(nid, gfp, argument), argument, tally);
    default:
      return countLarge(k.alloc_pages_node(nid, gfp, argument), argument, tally);
  }
}

function countObject(object: number, tally: Tally): number {
  if (object === 0) tally.objectFailures++;
  else tally.objectAllocs++;
  return object;
}

function countLarge(pfn: number, order: number, tally: Tally): number {
  if (pfn !== 0) tally.largePages += 1 << order;
  return countObject(pfn, tally);
}

function countPages(pfn: number, order: number, tally: Tally): number {
  if (pfn === 0) {
    tally.failures++;
  } else {
    tally.allocs++;
    tally.pagesAllocated += 1 << order;
  }
  return pfn;
}

/** Frees what an allocation got, in the way that belongs to it. */
function free(k: ReplayKernel, word: number, value: number, caches: Int32Array, tally: Tally): void {
  const kind = word & KIND_MASK;
  const argument = word >>> ARGUMENT_SHIFT;
  if (value === 0) {
    if (kind === KIND_PAGES) tally.skippedFrees++;
    else tally.skippedObjectFrees++;
    return;
  }
  if (kind === KIND_PAGES) {
    k.__free_pages(value, argument);
    tally.frees++;
    tally.pagesFreed += 1 << argument;
    return;
  }
  if (kind === KIND_CACHE) {
    k.kmem_cache_free(caches[argument], value);
  } else if (kind === KIND_KMALLOC) {
    k.kfree(value);
  } else {
    k.__free_pages(value, argument);
    tally.largePages -= 1 << argument;
  }
  tally.objectFrees++;
}

/** Tells another CPU that may be waiting that the slot is filled; it is woken only if it sleeps. */
function publish(states: Int32Array, slot: number): void {
  if (Atomics.exchange(states, slot, SLOT_FILLED) === SLOT_AWAITED) Atomics.notify(states, slot);
}

/** Waits until another CPU has filled the slot. */
function awaitSlot(k: ReplayKernel, states: Int32Array, slot: number, abort: Int32Array, tally: Tally): void {
  if (Atomics.load(states, slot) !== SLOT_EMPTY) return;
  tally.waits++;
  const start = performance.now();
  sleepForSlot(k, states, slot, abort);
  tally.waitNs += (performance.now() - start) * NS_PER_MS;
}

function sleepForSlot(k: ReplayKernel, states: Int32Array, slot: number, abort: Int32Array): void {
  for (let spin = 0; spin < SPINS; spin++) {
    if (Atomics.load(states, slot) !== SLOT_EMPTY) return;
  }
  if (Atomics.compareExchange(states, slot, SLOT_EMPTY, SLOT_AWAITED) !== SLOT_EMPTY) return;
  do {
    // The other CPU may need an answer from this one before it can go on, for example to a call that drains
    // the page lists.
    k.poll();
    if (Atomics.load(abort, 0) !== 0) throwAborted(k);
    Atomics.wait(states, slot, SLOT_AWAITED, SLEEP_MS);
  } while (Atomics.load(states, slot) === SLOT_AWAITED);
}

function throwAborted(k: ReplayKernel): never {
  throw new Error(`replay: CPU ${k.smp_processor_id()} stops because ${REPLAY_ABORTED}`);
}
