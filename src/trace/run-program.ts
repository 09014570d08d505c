import {
  OP_ALLOC,
  OP_CROSS,
  OPERATION_WORDS,
  ORDER_SHIFT,
  SLOT_AWAITED,
  SLOT_EMPTY,
  SLOT_FAILED,
} from './program.js';

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
  /** Frees 2^order pages. */
  __free_pages(pfn: number, order: number): void;
  /** Serves interrupts; throws when the machine has panicked. */
  poll(): void;
}

/** One batch as it is given to the CPUs, the same for all of them. Everything in it is shared memory. */
export interface ReplayTask {
  /** What each CPU runs, by CPU number; a CPU without a program has nothing to do. */
  readonly programs: readonly Int32Array[];
  /** The slots, at least as many as the batch needs. */
  readonly slots: Int32Array;
  /**
   * One word: not zero ends the replay on all CPUs. A CPU that fails sets it; the host sets it when a CPU has died.
   */
  readonly abort: Int32Array;
}

/** What one CPU did in one batch. */
export interface ProgramResult {
  readonly cpu: number;
  /** Blocks allocated. */
  readonly allocs: number;
  /** Blocks freed. */
  readonly frees: number;
  /** Allocations that got nothing. */
  readonly failures: number;
  /** Frees left out because their allocation had failed. */
  readonly skippedFrees: number;
  /** Pages in the blocks allocated. */
  readonly pagesAllocated: number;
  /** Pages in the blocks freed. */
  readonly pagesFreed: number;
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
      execute(k, program, task.slots, task.abort, tally);
    } catch (error) {
      Atomics.store(task.abort, 0, 1);
      throw error;
    }
  }
  const elapsedNs = (performance.now() - start) * NS_PER_MS;
  return { cpu, ...tally, elapsedNs };
}

function execute(
  k: ReplayKernel,
  program: Int32Array,
  slots: Int32Array,
  abort: Int32Array,
  tally: Tally,
): void {
  for (let at = 0; at < program.length; at += OPERATION_WORDS) {
    if (abort[0] !== 0) throwAborted(k);
    const word = program[at];
    const order = word >>> ORDER_SHIFT;
    const slot = program[at + 2];
    if ((word & OP_ALLOC) !== 0) {
      const pfn = k.alloc_pages(program[at + 1], order);
      if (pfn === 0) {
        tally.failures++;
      } else {
        tally.allocs++;
        tally.pagesAllocated += 1 << order;
      }
      const contents = pfn === 0 ? SLOT_FAILED : pfn;
      if ((word & OP_CROSS) === 0) slots[slot] = contents;
      else publish(slots, slot, contents);
      continue;
    }
    const pfn = (word & OP_CROSS) === 0 ? slots[slot] : awaitSlot(k, slots, slot, abort, tally);
    // Nobody else looks at the slot before the next batch.
    slots[slot] = SLOT_EMPTY;
    if (pfn === SLOT_FAILED) {
      tally.skippedFrees++;
      continue;
    }
    k.__free_pages(pfn, order);
    tally.frees++;
    tally.pagesFreed += 1 << order;
  }
}

/** Fills a slot that another CPU may be waiting for; it is woken only if it sleeps. */
function publish(slots: Int32Array, slot: number, contents: number): void {
  if (Atomics.exchange(slots, slot, contents) === SLOT_AWAITED) Atomics.notify(slots, slot);
}

/** The contents of a slot that another CPU fills. */
function awaitSlot(
  k: ReplayKernel,
  slots: Int32Array,
  slot: number,
  abort: Int32Array,
  tally: Tally,
): number {
  let contents = Atomics.load(slots, slot);
  if (contents !== SLOT_EMPTY) return contents;
  tally.waits++;
  const start = performance.now();
  contents = sleepForSlot(k, slots, slot, abort);
  tally.waitNs += (performance.now() - start) * NS_PER_MS;
  return contents;
}

function sleepForSlot(k: ReplayKernel, slots: Int32Array, slot: number, abort: Int32Array): number {
  let contents: number;
  for (let spin = 0; spin < SPINS; spin++) {
    contents = Atomics.load(slots, slot);
    if (contents !== SLOT_EMPTY) return contents;
  }
  contents = Atomics.compareExchange(slots, slot, SLOT_EMPTY, SLOT_AWAITED);
  if (contents !== SLOT_EMPTY) return contents;
  do {
    // The other CPU may need an answer from this one before it can go on, for example to a call that drains
    // the page lists.
    k.poll();
    if (Atomics.load(abort, 0) !== 0) throwAborted(k);
    Atomics.wait(slots, slot, SLOT_AWAITED, SLEEP_MS);
    contents = Atomics.load(slots, slot);
  } while (contents === SLOT_AWAITED);
  return contents;
}

function throwAborted(k: ReplayKernel): never {
  throw new Error(`replay: CPU ${k.smp_processor_id()} stops because ${REPLAY_ABORTED}`);
}
