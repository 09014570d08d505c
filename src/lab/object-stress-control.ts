import { OBJECT_COUNTERS, type ObjectCounter } from './object-stress-result.js';
import { type HowToStop, stopRun } from './stress-stop.js';

/**
 * The memory that the tasks of a stress run of objects and its host share, besides the machine's own: it outlives a task's
 * thread. For each task a block with counters, the table of the objects that it holds, and the ring from the task before it,
 * through which objects come that it is to free.
 */

// Words of the header.
const STOP = 0;
const TASKS = 1;
/** From here on: the caches or pools that all tasks share, 24 at most. */
const HANDLES = 8;
const HEADER_DOUBLES = 32;

// Words of a task's block, each written by one side in its own cache line.
const BEATS = 0;
const ENDED = 1;
const TAG = 2;
const HEAD = 16;
const TAIL = 32;
const BLOCK_DOUBLES = 32;

/** Objects that a task can hold. */
export const SLOTS = 128;
/** Objects that a ring can hold; a power of two. */
const RING = 64;
/** An object: its address or frame, bytes, tag, which cache or pool it is of, state, position in a ring. */
const SLOT_DOUBLES = 6;
const RING_DOUBLES = 4;
const TASK_DOUBLES =
  Math.ceil((BLOCK_DOUBLES + OBJECT_COUNTERS.length + SLOTS * SLOT_DOUBLES + RING * RING_DOUBLES) / 8) * 8;

/** The kernel hands out an object. */
export const ALLOCATING = 1;
/** The object is the task's, but the canary is not complete. */
export const RAW = 2;
export const HELD = 3;
/** The kernel takes it back, or exchanges it. */
export const FREEING = 4;
/** On its way into a ring: it is there when the ring's tail is beyond the slot's position. */
export const SENDING = 5;
/** On its way out of a ring: it is the task's when the ring's head is beyond the slot's position. */
export const RECEIVING = 6;

/** What is written down of an object. */
export interface ObjectRecord {
  readonly element: number;
  readonly bytes: number;
  readonly tag: number;
  /** Number of the cache or pool; -1 for kmalloc. */
  readonly of: number;
}

export class ObjectControl {
  readonly buffer: SharedArrayBuffer;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  readonly tasks: number;

  /** @param buffer made by {@link ObjectControl.create} */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.tasks = this.i32[TASKS];
  }

  static create(tasks: number): ObjectControl {
    const buffer = new SharedArrayBuffer((HEADER_DOUBLES + tasks * TASK_DOUBLES) * 8);
    new Int32Array(buffer)[TASKS] = tasks;
    return new ObjectControl(buffer);
  }

  /** RUN, or how to stop. */
  stopState(): number {
    return Atomics.load(this.i32, STOP);
  }

  /** Ends the run, unless it was already told to end more quickly. */
  stop(how: HowToStop): void {
    stopRun(this.i32, STOP, how);
  }

  /** A cache or pool that all share; written before the tasks begin. */
  handle(number: number): number {
    return this.i32[HANDLES + number];
  }

  setHandle(number: number, handle: number): void {
    this.i32[HANDLES + number] = handle;
  }

  // Signs of life

  beat(task: number): void {
    this.i32[this.#word(task) + BEATS]++;
  }

  beats(task: number): number {
    return Atomics.load(this.i32, this.#word(task) + BEATS);
  }

  setEnded(task: number): void {
    Atomics.store(this.i32, this.#word(task) + ENDED, 1);
  }

  hasEnded(task: number): boolean {
    return Atomics.load(this.i32, this.#word(task) + ENDED) !== 0;
  }

  /** The next tag of a task: it tells all objects of a run apart. */
  nextTag(task: number): number {
    const at = this.#word(task) + TAG;
    this.i32[at] = (this.i32[at] + 1) & 0xffffff;
    return (task << 24) | this.i32[at];
  }

  // Counters: doubles, written by their task alone

  add(task: number, counter: ObjectCounter, amount = 1): void {
    this.f64[this.#counter(task, counter)] += amount;
  }

  /** The sum over all tasks. */
  sum(counter: ObjectCounter): number {
    let sum = 0;
    for (let task = 0; task < this.tasks; task++) sum += this.f64[this.#counter(task, counter)];
    return sum;
  }

  #counter(task: number, counter: ObjectCounter): number {
    return this.#double(task) + BLOCK_DOUBLES + OBJECT_COUNTERS.indexOf(counter);
  }

  // Tables

  state(task: number, slot: number): number {
    return this.f64[this.#slot(task, slot) + 4];
  }

  setState(task: number, slot: number, state: number): void {
    this.f64[this.#slot(task, slot) + 4] = state;
  }

  record(task: number, slot: number): ObjectRecord {
    const at = this.#slot(task, slot);
    const [element, bytes, tag, of] = this.f64.subarray(at, at + RING_DOUBLES);
    return { element, bytes, tag, of };
  }

  setRecord(task: number, slot: number, { element, bytes, tag, of }: ObjectRecord): void {
    this.f64.set([element, bytes, tag, of], this.#slot(task, slot));
  }

  #slot(task: number, slot: number): number {
    return this.#double(task) + BLOCK_DOUBLES + OBJECT_COUNTERS.length + slot * SLOT_DOUBLES;
  }

  // Rings: one into each task, from the one before it

  /** Puts a held object into the ring into a task; false when that is full: nothing has happened. */
  send(task: number, slot: number, to: number): boolean {
    const { i32, f64 } = this;
    const tail = i32[this.#word(to) + TAIL];
    if (tail - Atomics.load(i32, this.#word(to) + HEAD) >= RING) return false;
    const at = this.#slot(task, slot);
    f64[at + 5] = tail;
    this.setState(task, slot, SENDING);
    f64.copyWithin(this.#entry(to, tail), at, at + RING_DOUBLES);
    Atomics.store(i32, this.#word(to) + TAIL, tail + 1);
    this.setState(task, slot, 0);
    return true;
  }

  hasMail(task: number): boolean {
    return Atomics.load(this.i32, this.#word(task) + TAIL) !== this.i32[this.#word(task) + HEAD];
  }

  /** Takes an object out of the ring into a task, which has one, into an empty slot. */
  receive(task: number, slot: number): void {
    const { i32, f64 } = this;
    const head = i32[this.#word(task) + HEAD];
    const entry = this.#entry(task, head);
    const at = this.#slot(task, slot);
    f64.copyWithin(at, entry, entry + RING_DOUBLES);
    f64[at + 5] = head;
    this.setState(task, slot, RECEIVING);
    Atomics.store(i32, this.#word(task) + HEAD, head + 1);
    this.setState(task, slot, HELD);
  }

  #entry(to: number, position: number): number {
    const start = this.#double(to) + BLOCK_DOUBLES + OBJECT_COUNTERS.length + SLOTS * SLOT_DOUBLES;
    return start + (position & (RING - 1)) * RING_DOUBLES;
  }

  /**
   * The state of a slot of a task that has ended, maybe by a kill: 0, RAW or HELD; ALLOCATING or FREEING when nobody knows what
   * has become of the object.
   */
  settledState(task: number, slot: number): number {
    const state = this.state(task, slot);
    const position = this.f64[this.#slot(task, slot) + 5];
    if (state === SENDING) {
      const to = (task + 1) % this.tasks;
      return this.i32[this.#word(to) + TAIL] === position ? HELD : 0;
    }
    if (state === RECEIVING) return this.i32[this.#word(task) + HEAD] === position ? 0 : HELD;
    return state;
  }

  #double(task: number): number {
    return HEADER_DOUBLES + task * TASK_DOUBLES;
  }

  #word(task: number): number {
    return 2 * this.#double(task);
  }
}
