import { MODE_PLAIN, OP_LOCAL } from './op.js';
import { SpinWatch } from './spin.js';
import type { CopyReach } from './view-methods.js';

/** A typed array or DataView of shared memory, as far as the executor uses it. */
export type SharedView = Record<number, number | bigint>;

/** A simulated thread: a generator, the operation that it executes when it goes on, and what it waits for. */
export class SimThread {
  readonly id: number;
  readonly name: string;
  readonly bit: number;
  generator: Generator<undefined, unknown, undefined> | null = null;
  done = false;

  // The pending operation.
  kind = OP_LOCAL;
  mode = MODE_PLAIN;
  address = -1;
  size = 0;
  site = 0;
  /** The race detector has to know of it. */
  detect = true;
  /** The view, and the index of the element in it; null for ranges and for what is no single element. */
  view: SharedView | null = null;
  index = 0;
  /** For a range that is copied: what is really reached of it. */
  copy: CopyReach | null = null;
  /** Written or expected value, and the value that a compareExchange puts in its place. */
  a: number | bigint = 0;
  b: number | bigint = 0;
  /** What an atomic read-modify-write does; a code of `atomics-op.ts`. */
  op = 0;
  /** For OP_ACQUIRE: the lock is free when `(word & mask) === 0`; taking and releasing it adds `a`. */
  mask = 0;
  /** ... and one thread alone has it: it counts for the order of locks. */
  exclusive = true;

  // Atomics.wait
  waiting = false;
  deadline = Infinity;
  result: 'ok' | 'not-equal' | 'timed-out' = 'ok';
  /** Atomics.notify: how many were woken. */
  woken = 0;

  /** Its loops, and what they read. */
  readonly spin = new SpinWatch();
  /** Rounds of a spin loop that are let pass although nothing changed: nobody else could go on. */
  passes = 0;
  /** The loop may end by itself after so many rounds; and that chance was given, in vain. */
  bounded = false;
  exhausted = false;
  /** Calls around the pending operation; only while recording. */
  calls: readonly string[] = [];
  /** The operation on a modelled object that began and has not executed anything yet; see `history.ts`. */
  call: { called: number } | null = null;

  // Interrupt handlers
  /** The thread that is interrupted; null for an ordinary thread. */
  readonly base: SimThread | null;
  /** Word that is 0 while the base may be interrupted. */
  irqWord = -1;
  begun = true;

  constructor(id: number, name: string, base: SimThread | null = null) {
    this.id = id;
    this.name = name;
    this.bit = 1 << id;
    this.base = base;
  }

  /** Makes it ready to run from its first operation. */
  reset(generator: Generator<undefined, unknown, undefined>): void {
    this.generator = generator;
    this.done = false;
    this.kind = OP_LOCAL;
    this.mode = MODE_PLAIN;
    this.address = -1;
    this.size = 0;
    this.view = null;
    this.waiting = false;
    this.deadline = Infinity;
    this.passes = 0;
    this.exhausted = false;
    this.spin.reset();
    this.begun = this.base === null;
    this.calls = [];
    this.call = null;
  }
}
