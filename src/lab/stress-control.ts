import { MAX_ORDER } from '../kernel/mm/zone.js';
import type { Operation } from './stress-operations.js';
import { type HowToStop, stopRun } from './stress-stop.js';

/**
 * The memory that the CPUs of a stress run and its host share, besides the machine's own: it outlives a CPU's thread.
 *
 * For each CPU a block of words, counters, its last operations and the table of the blocks it holds; for each pair
 * of CPUs a mailbox (see `stress-mail.ts`).
 */

// Words of the header.
const STOP = 0;
const CPUS = 1;
const SLOTS = 2;
const MAIL_SLOTS = 3;
const RESCUES = 16;
const HEADER_WORDS = 32;

// Words of a CPU's block.
const OWNER = 0;
const BEATS = 1;
const SEQUENCE = 2;
const FLIGHT = 3;
const NOTED = 4;
const COUNTERS = 16;

/** Nobody works with a CPU's table. */
export const TABLE_FREE = 0;
/** The CPU that worked with the table has died: another one has to free the blocks in it. */
export const TABLE_ORPHANED = -1;

/** What each CPU counts. */
export const STRESS_COUNTERS = [
  'operations',
  'allocations',
  'failed',
  'frees',
  'sent',
  'received',
  'pagesChecked',
  'rescued',
  'pagesHeld',
  'mostPagesHeld',
] as const;
export type StressCounter = (typeof STRESS_COUNTERS)[number];

const COUNTER_WORDS = 2 * (STRESS_COUNTERS.length + 2 * MAX_ORDER);

/** Operations that are kept of each CPU; a power of two. */
const NOTES = 32;
const NOTE_WORDS = 8;
const NOTES_START = COUNTERS + COUNTER_WORDS;
const TABLE_START = Math.ceil((NOTES_START + NOTES * NOTE_WORDS) / 16) * 16;

/** A slot of a table: frame, state with order and more, tag of the canary, position in a mailbox. */
export const SLOT_WORDS = 4;

/** Words before a mailbox's entries: how many were taken out and put in, each in its own cache line. */
export const MAIL_HEAD = 0;
export const MAIL_TAIL = 16;
const MAIL_ENTRIES = 32;
/** An entry: frame, order and flags, tag. */
const MAIL_ENTRY_WORDS = 4;

/** With more CPUs than this the mailboxes are small: there are as many as pairs. */
const MANY_CPUS = 32;

export class StressControl {
  readonly buffer: SharedArrayBuffer;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  readonly cpus: number;
  /** Blocks that a CPU can hold. */
  readonly slots: number;
  /** Blocks that can be on their way from one CPU to another; a power of two. */
  readonly mailSlots: number;
  readonly #cpuWords: number;
  readonly #mailStart: number;
  readonly #mailWords: number;

  /** @param buffer made by {@link StressControl.create} */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.cpus = this.i32[CPUS];
    this.slots = this.i32[SLOTS];
    this.mailSlots = this.i32[MAIL_SLOTS];
    this.#cpuWords = cpuWords(this.slots);
    this.#mailStart = HEADER_WORDS + this.cpus * this.#cpuWords;
    this.#mailWords = mailWords(this.mailSlots);
  }

  static create(cpus: number, slots: number): StressControl {
    const mailSlots = cpus > MANY_CPUS ? 8 : 64;
    const words = HEADER_WORDS + cpus * cpuWords(slots) + cpus * cpus * mailWords(mailSlots);
    const buffer = new SharedArrayBuffer(words * 4);
    const i32 = new Int32Array(buffer);
    i32[CPUS] = cpus;
    i32[SLOTS] = slots;
    i32[MAIL_SLOTS] = mailSlots;
    return new StressControl(buffer);
  }

  /** RUN, or how to stop. */
  stopState(): number {
    return Atomics.load(this.i32, STOP);
  }

  /** Ends the run, unless it was already told to end more quickly. */
  stop(how: HowToStop): void {
    stopRun(this.i32, STOP, how);
  }

  // Who works with a table

  /** Who works with a CPU's table: a CPU's number plus 1, TABLE_FREE or TABLE_ORPHANED. */
  ownerOf(cpu: number): number {
    return Atomics.load(this.i32, this.#cpu(cpu) + OWNER);
  }

  /** Takes a table if its state is `from`; whether it was. */
  takeTable(cpu: number, from: number, by: number): boolean {
    const taken = Atomics.compareExchange(this.i32, this.#cpu(cpu) + OWNER, from, by + 1) === from;
    if (taken && from === TABLE_ORPHANED) Atomics.sub(this.i32, RESCUES, 1);
    return taken;
  }

  releaseTable(cpu: number): void {
    Atomics.store(this.i32, this.#cpu(cpu) + OWNER, TABLE_FREE);
    Atomics.notify(this.i32, this.#cpu(cpu) + OWNER);
  }

  /** The CPU that works with a table has died. */
  orphanTable(cpu: number): void {
    Atomics.store(this.i32, this.#cpu(cpu) + OWNER, TABLE_ORPHANED);
    Atomics.add(this.i32, RESCUES, 1);
  }

  /** Whether there are orphaned tables. */
  hasOrphans(): boolean {
    return Atomics.load(this.i32, RESCUES) > 0;
  }

  /** Waits a moment while a table has this owner. */
  waitForTable(cpu: number, owner: number, milliseconds: number): void {
    Atomics.wait(this.i32, this.#cpu(cpu) + OWNER, owner, milliseconds);
  }

  // Signs of life

  /** Word index of a count that moves as long as the CPU does anything. */
  beats(cpu: number): number {
    return this.#cpu(cpu) + BEATS;
  }

  /** The next tag of a CPU: it tells the blocks of all CPUs apart, also after a CPU's death. */
  nextTag(cpu: number): number {
    const at = this.#cpu(cpu) + SEQUENCE;
    const sequence = (this.i32[at] + 1) & 0xffffff;
    this.i32[at] = sequence;
    return (cpu << 24) | sequence;
  }

  /** Word index of what is lost when the CPU dies right now: the order of a block that it is about to get, plus 1. */
  flight(cpu: number): number {
    return this.#cpu(cpu) + FLIGHT;
  }

  // Counters: doubles, written by their CPU alone

  /** Index of a counter in {@link f64}. */
  counter(cpu: number, name: StressCounter): number {
    return (this.#cpu(cpu) + COUNTERS) / 2 + STRESS_COUNTERS.indexOf(name);
  }

  /** Index in {@link f64} of the allocations of each order. */
  allocatedByOrder(cpu: number): number {
    return (this.#cpu(cpu) + COUNTERS) / 2 + STRESS_COUNTERS.length;
  }

  /** Index in {@link f64} of the failures of each order. */
  failedByOrder(cpu: number): number {
    return this.allocatedByOrder(cpu) + MAX_ORDER;
  }

  count(cpu: number, name: StressCounter): number {
    return this.f64[this.counter(cpu, name)];
  }

  // The last operations

  /** Notes an operation that begins; returns where, for {@link finish}. */
  note(cpu: number, code: number, order: number, mask: number, detail: number, pfn: number): number {
    const { i32 } = this;
    const number = ++i32[this.#cpu(cpu) + NOTED];
    const at = this.#cpu(cpu) + NOTES_START + (number & (NOTES - 1)) * NOTE_WORDS;
    i32[at + 6] = 0;
    i32[at] = number;
    i32[at + 1] = code;
    i32[at + 2] = order;
    i32[at + 3] = mask;
    i32[at + 4] = detail;
    i32[at + 5] = pfn;
    return at;
  }

  /** Notes that an operation has ended. */
  finish(note: number, pfn: number): void {
    this.i32[note + 5] = pfn;
    this.i32[note + 6] = 1;
  }

  /** The last operations of a CPU, oldest first. */
  lastOperations(cpu: number): Operation[] {
    const operations: Operation[] = [];
    for (let i = 0; i < NOTES; i++) {
      const at = this.#cpu(cpu) + NOTES_START + i * NOTE_WORDS;
      const [number, code, order, mask, detail, pfn, finished] = this.i32.subarray(at, at + NOTE_WORDS);
      if (code !== 0) operations.push({ number, code, order, mask, detail, pfn, finished: finished !== 0 });
    }
    return operations.sort((a, b) => a.number - b.number);
  }

  // Tables and mailboxes

  /** Word index of a CPU's table. */
  table(cpu: number): number {
    return this.#cpu(cpu) + TABLE_START;
  }

  /** Word index of the mailbox from one CPU to another. */
  mail(from: number, to: number): number {
    return this.#mailStart + (from * this.cpus + to) * this.#mailWords;
  }

  /** Word index of the entry of a mailbox at a position. */
  mailEntry(mail: number, position: number): number {
    return mail + MAIL_ENTRIES + (position & (this.mailSlots - 1)) * MAIL_ENTRY_WORDS;
  }

  #cpu(cpu: number): number {
    return HEADER_WORDS + cpu * this.#cpuWords;
  }
}

function cpuWords(slots: number): number {
  return Math.ceil((TABLE_START + slots * SLOT_WORDS) / 16) * 16;
}

function mailWords(slots: number): number {
  return MAIL_ENTRIES + slots * MAIL_ENTRY_WORDS;
}
