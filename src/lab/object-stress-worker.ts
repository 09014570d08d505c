import type { Kernel } from '../kernel/kernel.js';
import { frameWord } from '../kernel/mm/address.js';
import { checkObjectCanary, writeObjectCanary } from './object-stress-canary.js';
import {
  ALLOCATING,
  FREEING,
  HELD,
  type ObjectControl,
  type ObjectRecord,
  RAW,
  SLOTS,
} from './object-stress-control.js';
import type { ObjectCounter, ObjectWorkload } from './object-stress-result.js';
import { StressRandom } from './stress-random.js';
import { RUN, STOP_AT_ONCE } from './stress-stop.js';

/** What a task of a stress run of objects is told. */
export interface ObjectTaskPlan {
  readonly buffer: SharedArrayBuffer;
  readonly workload: ObjectWorkload;
  readonly number: number;
  readonly seed: number;
  readonly nodes: number;
  /** Whether tasks get killed: then none takes what only it could give back. */
  readonly kills: boolean;
}

/** What a task has found wrong. */
export class ObjectStressFailure extends Error {
  override name = 'ObjectStressFailure';
}

/** How objects of one kind are freed, and where their memory lies. */
export interface ObjectKind {
  /** Gives an object back to the kernel. */
  free(record: ObjectRecord): void;
  /** Word index of its memory. */
  base(record: ObjectRecord): number;
  /** What an object must look like when it is given back. */
  beforeFree?(record: ObjectRecord, base: number): void;
}

/** Memory by its kernel address. */
export function addressBase(k: Kernel): (record: ObjectRecord) => number {
  return ({ element }) => k.wordAt(element);
}

/** Memory by its first frame. */
export function frameBase(k: Kernel): (record: ObjectRecord) => number {
  return ({ element }) => frameWord(k, element);
}

/** A task: the objects that it holds, its random numbers, its counters. */
export class ObjectWorker {
  readonly k: Kernel;
  readonly control: ObjectControl;
  readonly plan: ObjectTaskPlan;
  readonly random: StressRandom;
  readonly number: number;
  readonly #kindOf: (of: number) => ObjectKind;
  /** Slots: those in use first. */
  readonly #slots = Array.from({ length: SLOTS }, (_, slot) => slot);
  #used = 0;

  /** @param kindOf of the number of a cache or pool; -1: kmalloc */
  constructor(k: Kernel, control: ObjectControl, plan: ObjectTaskPlan, kindOf: (of: number) => ObjectKind) {
    this.k = k;
    this.control = control;
    this.plan = plan;
    this.number = plan.number;
    this.random = new StressRandom(plan.seed, plan.number);
    this.#kindOf = kindOf;
  }

  get runs(): boolean {
    return this.control.stopState() === RUN;
  }

  /** Objects that it holds. */
  get held(): number {
    return this.#used;
  }

  get isFull(): boolean {
    return this.#used === SLOTS;
  }

  /** Ends the run: something is wrong. */
  fail(message: string): never {
    this.control.stop(STOP_AT_ONCE);
    throw new ObjectStressFailure(message);
  }

  count(counter: ObjectCounter, amount = 1): void {
    this.control.add(this.number, counter, amount);
  }

  /**
   * Gets an object.
   *
   * @param allocate returns it, or 0
   * @param check looks at its memory before the canary is written
   * @returns whether there was one
   */
  allocate(
    of: number,
    bytes: number,
    allocate: () => number,
    check?: (base: number, element: number) => void,
  ): boolean {
    const { control, number } = this;
    const slot = this.#slots[this.#used];
    const tag = control.nextTag(number);
    control.setState(number, slot, ALLOCATING);
    const element = allocate();
    if (element === 0) {
      control.setState(number, slot, 0);
      this.count('failed');
      return false;
    }
    const record = { element, bytes, tag, of };
    control.setRecord(number, slot, record);
    control.setState(number, slot, RAW);
    const base = this.#kindOf(of).base(record);
    check?.(base, element);
    writeObjectCanary(this.k.i32, base, bytes >>> 2, tag);
    control.setState(number, slot, HELD);
    this.#used++;
    this.count('allocations');
    return true;
  }

  /** Frees an object chosen at random. */
  freeAny(): void {
    if (this.#used > 0) this.#free(this.random.below(this.#used));
  }

  freeAll(): void {
    while (this.#used > 0) this.#free(this.#used - 1);
  }

  #free(index: number): void {
    const slot = this.#slots[index];
    const record = this.control.record(this.number, slot);
    this.#verify(record);
    this.#giveBack(this.number, slot, record);
    this.#drop(index);
  }

  /** Exchanges the memory of an object chosen at random; its beginning stays. */
  exchangeAny(bytes: number, exchange: (element: number) => number): void {
    if (this.#used === 0) return;
    const { control, number } = this;
    const slot = this.#slots[this.random.below(this.#used)];
    const record = control.record(number, slot);
    this.#verify(record);
    control.setState(number, slot, FREEING);
    const element = exchange(record.element);
    if (element === 0) {
      this.count('failed');
      control.setState(number, slot, HELD);
      return;
    }
    const changed = { ...record, element, bytes };
    control.setRecord(number, slot, changed);
    control.setState(number, slot, RAW);
    const { i32 } = this.k;
    const base = this.#kindOf(record.of).base(changed);
    const kept = Math.min(bytes, record.bytes) >>> 2;
    const wrong = checkPrefix(i32, base, kept, record);
    if (wrong !== undefined) this.fail(`canary broken after krealloc: ${wrong}`);
    writeObjectCanary(i32, base, bytes >>> 2, record.tag);
    control.setState(number, slot, HELD);
    this.count('reallocations');
  }

  /** Hands an object to the next task, which frees it. */
  sendAny(): void {
    if (this.#used === 0 || this.control.tasks === 1) return;
    const index = this.random.below(this.#used);
    const to = (this.number + 1) % this.control.tasks;
    if (!this.control.send(this.number, this.#slots[index], to)) return;
    this.#drop(index);
    this.count('sent');
  }

  /** Takes an object from the task before this one; whether there was one. */
  receive(): boolean {
    if (this.isFull || !this.control.hasMail(this.number)) return false;
    this.control.receive(this.number, this.#slots[this.#used]);
    this.#used++;
    this.count('received');
    return true;
  }

  #drop(index: number): void {
    this.#used--;
    const slot = this.#slots[index];
    this.#slots[index] = this.#slots[this.#used];
    this.#slots[this.#used] = slot;
  }

  #verify(record: ObjectRecord): void {
    const base = this.#kindOf(record.of).base(record);
    const wrong = checkObjectCanary(this.k.i32, base, record.bytes >>> 2, record.tag);
    if (wrong !== undefined) this.fail(`canary broken: ${wrong}`);
  }

  #giveBack(task: number, slot: number, record: ObjectRecord): void {
    const kind = this.#kindOf(record.of);
    kind.beforeFree?.(record, kind.base(record));
    this.control.setState(task, slot, FREEING);
    kind.free(record);
    this.control.setState(task, slot, 0);
    this.count('frees');
  }

  /**
   * Frees what is left in the table of a task that has ended, and in the ring into it. This task holds nothing.
   *
   * @returns objects of which nobody knows what has become: a kill came in the middle
   */
  settle(task: number): number {
    const { control } = this;
    let lost = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      const state = control.settledState(task, slot);
      if (state === ALLOCATING || state === FREEING) lost++;
      if (state === HELD) this.#verify(control.record(task, slot));
      if (state === HELD || state === RAW) this.#giveBack(task, slot, control.record(task, slot));
      else control.setState(task, slot, 0);
    }
    while (control.hasMail(task)) {
      control.receive(task, 0);
      this.count('received');
      const record = control.record(task, 0);
      this.#verify(record);
      this.#giveBack(task, 0, record);
    }
    return lost;
  }
}

/** The canary of what an object had in common with its former memory. */
function checkPrefix(
  i32: Int32Array,
  base: number,
  words: number,
  { tag, bytes }: ObjectRecord,
): string | undefined {
  // Only the last word of a large object lies elsewhere in a shorter one.
  return checkObjectCanary(i32, base, Math.min(words, bytes >>> 2, 64), tag);
}
