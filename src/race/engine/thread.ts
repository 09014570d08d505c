import type { SimulatedPromise, WaitResult } from './async-wait.js';
import { MODE_PLAIN, OP_LOCAL, OP_TIMEOUT } from './op.js';
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
  timeout = Infinity;
  deadline = Infinity;
  result: WaitResult = 'ok';
  /** It is an Atomics.waitAsync; and the thread that waits in its place. */
  isAsync = false;
  waitedAside: SimThread | null = null;
  /** Whether it is such a thread; and what it waits for, while it does. */
  readonly isContinuation: boolean;
  promise: SimulatedPromise | null = null;
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

  constructor(id: number, name: string, base: SimThread | null = null, isContinuation = false) {
    this.id = id;
    this.name = name;
    this.bit = 1 << id;
    this.base = base;
    this.isContinuation = isContinuation;
  }

  /** Makes it wait for what another thread is about to wait for. */
  waitLike(t: SimThread): void {
    this.kind = OP_TIMEOUT;
    this.mode = t.mode;
    this.address = t.address;
    this.size = t.size;
    this.site = t.site;
    this.view = t.view;
    this.index = t.index;
    this.a = t.a;
    this.calls = t.calls;
  }

  /** Makes it ready to run from its first operation; null: there is nothing for it to run yet. */
  reset(generator: Generator<undefined, unknown, undefined> | null): void {
    this.generator = generator;
    this.done = false;
    this.kind = OP_LOCAL;
    this.mode = MODE_PLAIN;
    this.address = -1;
    this.size = 0;
    this.view = null;
    this.waiting = false;
    this.deadline = Infinity;
    this.waitedAside = null;
    this.promise = null;
    this.passes = 0;
    this.exhausted = false;
    this.spin.reset();
    this.begun = this.base === null;
    this.calls = [];
    this.call = null;
  }
}
