import { HappensBefore, type RacePartner } from '../detect/happens-before.js';
import { LockOrder } from '../detect/lock-order.js';
import { type AccessWatcher, ACCESS_READS, ACCESS_WRITES } from './access-watcher.js';
import type { AddressMap, ViewInfo } from './address-map.js';
import {
  AT_ADD,
  AT_AND,
  AT_COMPARE_EXCHANGE,
  AT_EXCHANGE,
  AT_LOAD,
  AT_OR,
  AT_STORE,
  AT_SUB,
  AT_XOR,
} from './atomics-op.js';
import type { Failure, FailureDetail, FailureKind } from './failure.js';
import type { Recorder } from './recorder.js';
import {
  MODE_ATOMIC,
  MODE_MARKED,
  MODE_PLAIN,
  OP_ACQUIRE,
  OP_AWAIT,
  OP_CAS,
  OP_LOCAL,
  OP_NOTIFY,
  OP_READ,
  OP_RELEASE,
  OP_RMW,
  OP_TIMEOUT,
  OP_WAIT,
  OP_WRITE,
} from './op.js';
import type { Segment } from './schedule.js';
import { SharedTags } from './shared-tags.js';
import { placeOf } from './sites.js';
import type { ExecutionView, Strategy } from './strategy.js';
import type { SharedView, SimThread } from './thread.js';
import { UndoLog } from './undo-log.js';
import type { Reach } from './view-methods.js';

/** What an executor is told about the program besides its threads. */
export interface ExecutorLimits {
  readonly maxSteps: number;
  /** Timed waits of an execution that may end although somebody else could go on. */
  readonly timeouts: number;
  /** Waits of an execution that may end for no reason. */
  readonly spuriousWakeups: number;
  readonly detectRaces: boolean;
  readonly detectLockOrder: boolean;
  readonly detectLostWakeups: boolean;
}

/** Conditions that ended a wait because its time was over are repeated at most so often without any change. */
const MAX_IDLE_TIMEOUTS = 10_000;
/** Rounds that a counting loop may spin without any change, when nobody else can go on. */
const MAX_PASSES = 4096;

/**
 * Executes a program of several threads in one: each thread is a generator that stops before an access where the
 * strategy wants another thread to go on. Before each operation the thread posts what it is about to do; whoever is
 * chosen has his operation booked (undo log, detectors, trace) and then runs on, up to his next one.
 */
export class Executor implements ExecutionView {
  readonly memory: AddressMap;
  readonly tags = new SharedTags();
  readonly undo: UndoLog;
  readonly happensBefore: HappensBefore;
  locks = new LockOrder();
  readonly limits: ExecutorLimits;
  strategy!: Strategy;

  // The current execution.
  sims: readonly SimThread[] = [];
  threads = 0;
  steps = 0;
  /** Hash over all operations and their values: equal for equal executions. */
  hash = 0;
  /** Every operation is a scheduling point, as in a replay. */
  everyPoint = false;
  failure: Failure | null = null;
  /** The strategy has given the execution up. */
  abandoned = false;
  /** Milliseconds of virtual time: it passes only in timed waits. */
  time = 0;
  /** Numbers the calls and returns of the operations on a modelled object. */
  clock = 0;
  recorder: Recorder | null = null;
  watcher: AccessWatcher | null = null;
  /** Runs after every operation that wrote. */
  invariant: (() => void) | null = null;
  readonly segments: Segment[] = [];
  readonly numbers: number[] = [];
  /** Locks were taken in orders that can deadlock, though they did not in this execution. */
  inversion: Failure | null = null;

  /** Operations of all executions. */
  accesses = 0;

  /** The running thread; null while none runs. */
  current: SimThread | null = null;
  readonly #i32: Int32Array;
  readonly #words: number;
  #starting = false;
  #dirty = false;
  #runnable = 0;
  #conditional = 0;
  #suspended = 0;
  #next = -1;
  #segmentThread = -1;
  #segmentSteps = 0;
  #timeoutsLeft = 0;
  #spuriousLeft = 0;
  #idleTimeouts = 0;
  readonly #waiters: SimThread[] = [];

  constructor(memory: AddressMap, limits: ExecutorLimits) {
    this.memory = memory;
    this.limits = limits;
    this.undo = new UndoLog(memory);
    this.happensBefore = new HappensBefore(memory.end);
    this.#i32 = memory.main;
    this.#words = memory.main.length;
  }

  // The view of strategies.

  kindOf(thread: number): number {
    const t = this.sims[thread];
    if (t.kind === OP_CAS) return this.#valueAt(t) === t.a ? OP_CAS : OP_READ;
    if (t.kind === OP_WAIT) return this.#valueAt(t) === t.a ? OP_WAIT : OP_READ;
    return t.kind;
  }

  addressOf(thread: number): number {
    const t = this.sims[thread];
    return t.kind === OP_LOCAL ? -1 : t.address;
  }

  sizeOf(thread: number): number {
    const t = this.sims[thread];
    return t.kind === OP_LOCAL ? 0 : t.size;
  }

  isDone(thread: number): boolean {
    return this.sims[thread].done;
  }

  takeGrowth(): boolean {
    return this.tags.takeGrowth();
  }

  // Executions.

  /** Begins an execution, before its setup: that can fail already. */
  begin(): void {
    this.steps = 0;
    this.failure = null;
  }

  /** Executes the threads until all have ended or something fails. They have been reset; setup has run. */
  run(sims: readonly SimThread[]): void {
    this.#reset(sims);
    if (this.failure === null) this.#start();
    let next = this.failure === null ? this.#choose(-1) : -1;
    while (next >= 0) {
      const t = sims[next];
      this.current = t;
      this.#perform(t);
      if (this.failure !== null) break;
      this.#resume(t);
      this.current = null;
      if (this.failure !== null) break;
      next = t.done ? this.#choose(t.id) : this.#next;
    }
    this.current = null;
    if (this.failure === null && !this.abandoned) this.#checkInvariant();
    this.#closeSegment();
    this.recorder?.finishEvent();
    this.accesses += this.steps;
  }

  #reset(sims: readonly SimThread[]): void {
    this.sims = sims;
    this.threads = sims.length;
    this.hash = 0;
    this.inversion = null;
    this.abandoned = false;
    this.time = 0;
    this.segments.length = 0;
    this.numbers.length = 0;
    this.#segmentThread = -1;
    this.#segmentSteps = 0;
    this.#dirty = false;
    this.#runnable = 0;
    this.#conditional = 0;
    this.#suspended = 0;
    this.#timeoutsLeft = this.limits.timeouts;
    this.#spuriousLeft = this.limits.spuriousWakeups;
    this.#idleTimeouts = 0;
    this.#waiters.length = 0;
    this.happensBefore.grow(this.memory.end);
    this.happensBefore.begin(sims.length);
    this.locks.begin();
  }

  /** Runs every thread up to its first operation: what comes before touches nothing shared. */
  #start(): void {
    this.#starting = true;
    for (const t of this.sims) {
      if (t.base === null) {
        this.current = t;
        this.#resume(t);
      } else {
        this.#conditional |= t.bit;
      }
      if (this.failure !== null) break;
    }
    this.current = null;
    this.#starting = false;
  }

  /** Lets a thread run up to its next switch. What it throws is a failure. */
  #resume(t: SimThread): void {
    try {
      const { generator } = t;
      if (generator === null || generator.next().done === true) this.#finish(t);
    } catch (error) {
      if (this.failure === null) this.failError(t, error);
    }
  }

  #finish(t: SimThread): void {
    t.done = true;
    this.#runnable &= ~t.bit;
    this.#conditional &= ~t.bit;
    const { base } = t;
    if (base === null) return;
    this.#suspended &= ~base.bit;
    this.happensBefore.join(base.id, t.id);
  }

  /** Who goes on; -1 when the execution is over. */
  #choose(current: number): number {
    let enabled = this.#enabled();
    if (enabled === 0) enabled = this.#whenNobodyCan();
    if (enabled === 0) return -1;
    const next = this.strategy.nextThread(this, current, enabled);
    if (next < 0) {
      this.abandoned = true;
      return -1;
    }
    if ((enabled & (1 << next)) === 0)
      throw new RangeError(`the strategy chose thread ${next}, which cannot go on`);
    return next;
  }

  #enabled(): number {
    let mask = this.#runnable;
    let rest = this.#conditional;
    while (rest !== 0) {
      const bit = rest & -rest;
      rest ^= bit;
      if (this.#mayGoOn(this.sims[31 - Math.clz32(bit)])) mask |= bit;
    }
    return mask & ~this.#suspended;
  }

  #mayGoOn(t: SimThread): boolean {
    switch (t.kind) {
      case OP_ACQUIRE:
        return (this.memory.wordAt(t.address >>> 2) & t.mask) === 0;
      case OP_AWAIT:
        return t.passes > 0 || t.spin.hasChanged(this.memory);
      case OP_TIMEOUT:
        return (t.deadline !== Infinity && this.#timeoutsLeft > 0) || this.#spuriousLeft > 0;
      default:
        // An interrupt handler that has not begun: interrupts are enabled, and no other handler runs there.
        return this.#mayInterrupt(t);
    }
  }

  #mayInterrupt(t: SimThread): boolean {
    const { base } = t;
    return base !== null && !base.done && (this.#suspended & base.bit) === 0 && this.#i32[t.irqWord] === 0;
  }

  /**
   * Nobody can go on of his own: time passes until the first timed wait is over, or a counting spin loop goes another
   * round. If that does not help either, the program hangs.
   *
   * @returns mask of those who can go on then; 0 when the execution is over
   */
  #whenNobodyCan(): number {
    const alive = this.sims.filter((t) => !t.done && (t.base === null || t.begun));
    if (alive.length === 0) return 0;
    const slept = alive.find((t) => t.waiting && this.#valueAt(t) !== t.a);
    if (slept !== undefined && this.limits.detectLostWakeups) {
      return this.#hang(
        'lost-wakeup',
        alive,
        `${slept.name} sleeps on ${this.#name(slept)} for value ${String(slept.a)}, which it has not any more, and nobody is left to wake it`,
      );
    }
    const timed = alive.filter((t) => t.deadline !== Infinity && t.waiting);
    if (timed.length > 0 && this.#idleTimeouts < MAX_IDLE_TIMEOUTS) return this.#passTime(timed);
    const spinning = alive.filter((t) => t.kind === OP_AWAIT);
    const patient = spinning.find((t) => t.bounded && !t.exhausted);
    if (patient !== undefined) {
      patient.exhausted = true;
      patient.passes = MAX_PASSES;
      return patient.bit;
    }
    if (timed.length > 0)
      return this.#hang('livelock', alive, 'threads time out again and again, and nothing changes');
    if (spinning.length > 0)
      return this.#hang(
        'livelock',
        alive,
        `${spinning[0].name} spins for ever: nobody is left to change what it reads`,
      );
    return this.#hang('deadlock', alive, `${alive.map((t) => t.name).join(' and ')} wait for ever`);
  }

  #passTime(timed: readonly SimThread[]): number {
    let first = timed[0];
    for (const t of timed) if (t.deadline < first.deadline) first = t;
    this.#idleTimeouts++;
    return first.bit;
  }

  #hang(kind: FailureKind, alive: readonly SimThread[], message: string): number {
    const lines = alive.map((t) => `${t.name}: ${this.#waitText(t)}`);
    this.fail(kind, message, -1, [{ heading: 'Who waits for what', lines }]);
    return 0;
  }

  #waitText(t: SimThread): string {
    const at = `at ${this.#place(t)}`;
    if (t.waiting) return `sleeps on ${this.#name(t)} until it is notified, ${at}`;
    if (t.kind === OP_AWAIT) return `spins on ${this.#name(t)} ${at}`;
    if (t.kind !== OP_ACQUIRE) return `can go on ${at}`;
    const owner = this.locks.ownerOf(t.address);
    const holder = owner < 0 ? 'nobody that is known' : this.sims[owner].name;
    return `waits for the lock ${this.#name(t)}, held by ${holder}, ${at}`;
  }

  // Scheduling points. Each answers whether the generator must yield.

  /** The posted operation of the running thread: who executes next? */
  #point(t: SimThread): boolean {
    if (this.#starting) {
      this.recorder?.capture(t);
      this.#runnable |= t.bit;
      return true;
    }
    if (this.#dirty) this.#checkInvariant();
    this.recorder?.capture(t);
    if (this.failure !== null) return true;
    const next = this.#choose(t.id);
    if (next === t.id) {
      this.#perform(t);
      return this.failure !== null;
    }
    this.#next = next;
    return true;
  }

  /** A scheduling point, if the word is one; else the operation is booked at once. */
  #access(t: SimThread, writes: boolean): boolean {
    const isPoint = this.tags.use(t.address >>> 2, t.id, writes);
    // What orders threads must be known of every word; what can race, of shared ones.
    t.detect = isPoint || this.everyPoint || t.mode === MODE_ATOMIC;
    if (isPoint || this.everyPoint || this.#starting) return this.#point(t);
    if (this.#dirty && this.invariant !== null) this.#checkInvariant();
    if (this.failure !== null) return true;
    this.#perform(t);
    return this.failure !== null;
  }

  read(view: unknown, key: unknown, mode: number, site: number): boolean {
    const t = this.current;
    if (t === null) return this.#noThread();
    if (view === this.#i32 && typeof key === 'number') {
      if (key >>> 0 !== key || key >= this.#words) return this.#outOfBounds(t, 'i32', key, this.#words, site);
      t.address = key * 4;
      t.size = 4;
    } else if (!this.#locate(t, view, key, site)) {
      return this.failure !== null;
    }
    t.kind = OP_READ;
    t.mode = mode;
    t.site = site;
    t.view = view as SharedView;
    t.index = key as number;
    return this.#access(t, false);
  }

  write(view: unknown, key: unknown, value: unknown, mode: number, site: number): boolean {
    const t = this.current;
    if (t === null) return this.#noThread();
    if (view === this.#i32 && typeof key === 'number') {
      if (key >>> 0 !== key || key >= this.#words) return this.#outOfBounds(t, 'i32', key, this.#words, site);
      t.address = key * 4;
      t.size = 4;
    } else if (!this.#locate(t, view, key, site)) {
      return this.failure !== null;
    }
    t.kind = OP_WRITE;
    t.mode = mode;
    t.site = site;
    t.view = view as SharedView;
    t.index = key as number;
    t.a = value as number;
    return this.#access(t, true);
  }

  /** An operation of `Atomics` on one element. */
  atomic(op: number, view: unknown, key: unknown, a: unknown, b: unknown, site: number): boolean {
    const t = this.current;
    if (t === null) return this.#noThread();
    if (!this.#locate(t, view, key, site)) return this.failure !== null;
    t.kind =
      op === AT_LOAD ? OP_READ : op === AT_STORE ? OP_WRITE : op === AT_COMPARE_EXCHANGE ? OP_CAS : OP_RMW;
    t.mode = MODE_ATOMIC;
    t.site = site;
    t.view = view as SharedView;
    t.index = key as number;
    t.op = op;
    t.a = a as number;
    t.b = b as number;
    return this.#access(t, op !== AT_LOAD);
  }

  /** A method of a view or DataView that reads or writes a range. */
  range(reach: Reach, site: number): boolean {
    const t = this.current;
    if (t === null) return this.#noThread();
    const { kind, address, size, copy = null } = reach;
    t.kind = kind;
    t.mode = MODE_PLAIN;
    t.address = address;
    t.size = size;
    t.copy = copy;
    t.site = site;
    t.view = null;
    let isPoint = this.#useRange(t, copy?.to ?? address, copy?.size ?? size, kind !== OP_READ);
    if (copy !== null && this.#useRange(t, copy.from, copy.size, false)) isPoint = true;
    t.detect = isPoint || this.everyPoint;
    if (t.detect || this.#starting) return this.#point(t);
    this.#perform(t);
    return this.failure !== null;
  }

  /** Notes a use of all words of a range; whether one of them is a scheduling point. */
  #useRange(t: SimThread, address: number, size: number, writes: boolean): boolean {
    let isPoint = false;
    const end = (address + size + 3) >>> 2;
    for (let word = address >>> 2; word < end; word++) if (this.tags.use(word, t.id, writes)) isPoint = true;
    return isPoint;
  }

  wait(view: unknown, key: unknown, expected: unknown, timeout: unknown, site: number): boolean {
    const t = this.current;
    if (t === null) return this.#noThread();
    if (!this.#locate(t, view, key, site)) return this.failure !== null;
    const milliseconds = timeout === undefined ? Infinity : Number(timeout);
    t.kind = OP_WAIT;
    t.mode = MODE_ATOMIC;
    t.site = site;
    t.view = view as SharedView;
    t.index = key as number;
    t.a = typeof expected === 'bigint' ? expected : Number(expected) | 0;
    t.deadline = Number.isNaN(milliseconds) ? Infinity : this.time + Math.max(0, milliseconds);
    this.tags.use(t.address >>> 2, t.id, false);
    return this.#point(t);
  }

  /** After {@link wait}: whether the thread sleeps now. */
  waitEnd(): boolean {
    const t = this.current;
    if (t === null) return this.#noThread();
    if (!t.waiting) return this.failure !== null;
    t.kind = OP_TIMEOUT;
    return this.#pointBlocked(t);
  }

  notify(view: unknown, key: unknown, count: unknown, site: number): boolean {
    const t = this.current;
    if (t === null) return this.#noThread();
    if (!this.#locate(t, view, key, site)) return this.failure !== null;
    t.kind = OP_NOTIFY;
    t.mode = MODE_ATOMIC;
    t.site = site;
    t.view = view as SharedView;
    t.index = key as number;
    t.a = count === undefined ? Infinity : Number(count);
    this.tags.use(t.address >>> 2, t.id, false);
    return this.#point(t);
  }

  /**
   * Takes a lock: blocks until `(word & mask) === 0`, and adds `mine`.
   *
   * @param exclusive one thread alone has it, and releases it by {@link release}
   */
  acquire(word: number, mask: number, mine: number, exclusive: boolean, site: number): boolean {
    const t = this.current;
    if (t === null) return this.#noThread();
    t.kind = OP_ACQUIRE;
    t.mode = MODE_ATOMIC;
    t.address = word * 4;
    t.size = 4;
    t.site = site;
    t.view = this.#i32 as unknown as SharedView;
    t.index = word;
    t.mask = mask;
    t.exclusive = exclusive;
    t.a = mine;
    this.tags.use(word, t.id, true);
    return this.#pointBlocked(t);
  }

  /** Releases a lock: takes `mine` off the word. */
  release(word: number, mine: number, site: number): boolean {
    const t = this.current;
    if (t === null) return this.#noThread();
    t.kind = OP_RELEASE;
    t.mode = MODE_ATOMIC;
    t.address = word * 4;
    t.size = 4;
    t.site = site;
    t.view = this.#i32 as unknown as SharedView;
    t.index = word;
    t.a = mine;
    return this.#access(t, true);
  }

  /** The running thread has taken a lock without waiting. */
  noteTaken(word: number): void {
    if (this.current !== null) this.locks.acquireByTrying(this.current.id, word * 4);
  }

  /** A spinning thread can only go on when the word changes: blocks if it has looked in vain twice. */
  relax(word: number, site: number): boolean {
    const t = this.current;
    if (t === null) return this.#noThread();
    const inVain = t.spin.relaxesInVain(word, this.memory.wordAt(word));
    return inVain ? this.#await(t, true, site) : this.#rested(t);
  }

  /** The thread comes to a loop. */
  enterLoop(id: number): void {
    this.current?.spin.enter(id);
  }

  /** The beginning of a round of a loop: blocks if the last rounds were alike and changed nothing. */
  loop(id: number, counting: boolean): boolean {
    const t = this.current;
    if (t === null) return this.#noThread();
    return t.spin.round(id, counting, this.memory) ? this.#await(t, counting, id) : this.#rested(t);
  }

  /** It need not wait: what was granted to a loop that could not go on otherwise is over. */
  #rested(t: SimThread): boolean {
    t.passes = 0;
    t.exhausted = false;
    return false;
  }

  /** @param bounded the loop may end by itself, after so many rounds */
  #await(t: SimThread, bounded: boolean, site: number): boolean {
    if (t.passes > 0) {
      t.passes--;
      return false;
    }
    t.bounded = bounded;
    t.kind = OP_AWAIT;
    t.mode = MODE_MARKED;
    t.site = site;
    t.address = t.spin.watchedWord * 4;
    t.size = 4;
    t.view = null;
    return this.#pointBlocked(t);
  }

  /** {@link #point} of an operation that may have to wait. */
  #pointBlocked(t: SimThread): boolean {
    this.#runnable &= ~t.bit;
    this.#conditional |= t.bit;
    if (!this.#starting) return this.#point(t);
    this.recorder?.capture(t);
    return true;
  }

  /** Chooses a number from 0 to limit - 1. */
  choose(limit: number): number {
    const chosen = this.strategy.nextNumber(this, limit);
    if (!(Number.isInteger(chosen) && chosen >= 0 && chosen < limit)) {
      throw new RangeError(`the strategy chose number ${chosen}, not one from 0 to ${limit - 1}`);
    }
    this.numbers.push(chosen);
    return chosen;
  }

  // Booking an operation that is executed now.

  #perform(t: SimThread): void {
    if (++this.steps > this.limits.maxSteps) {
      this.fail('livelock', `the execution does not end within ${this.limits.maxSteps} operations`, t.id);
      return;
    }
    if (t.id === this.#segmentThread) this.#segmentSteps++;
    else this.#openSegment(t.id);
    if (t.call !== null) {
      t.call.called = this.clock++;
      t.call = null;
    }
    this.recorder?.begin(t);
    switch (t.kind) {
      case OP_READ:
        this.#performRead(t);
        break;
      case OP_WRITE:
      case OP_RMW:
      case OP_CAS:
        this.#performWrite(t);
        break;
      case OP_LOCAL:
        this.#performLocal(t);
        break;
      default:
        this.#performWaiting(t);
    }
  }

  #performRead(t: SimThread): void {
    const value = t.view === null ? 0 : t.view[t.index];
    this.#mix(t, value);
    if (t.spin.isInLoop) this.#noteRead(t);
    this.watcher?.access(t, t.address, t.size, ACCESS_READS, 0);
    if (!t.detect || !this.limits.detectRaces) return;
    const race = this.happensBefore.read(t.id, t.address, t.size, t.mode, t.site, this.steps);
    if (race !== undefined) this.#reportRace(t, race, 'reads');
  }

  #performWrite(t: SimThread): void {
    const { view } = t;
    if (view === null) {
      this.#performRangeWrite(t);
      return;
    }
    const before = view[t.index];
    if (t.kind === OP_CAS && before !== t.a) {
      this.#performRead(t);
      return;
    }
    const after = t.kind === OP_WRITE ? t.a : t.kind === OP_CAS ? t.b : resultOf(t.op, before, t.a);
    this.#mix(t, after);
    if (t.kind !== OP_WRITE && t.spin.isInLoop) this.#noteRead(t);
    if (after !== before) this.#noteChange(t);
    this.#dirty = true;
    this.#noteUndo(t);
    if (this.watcher !== null) {
      const how = t.kind === OP_WRITE ? ACCESS_WRITES : ACCESS_READS | ACCESS_WRITES;
      this.watcher.access(t, t.address, t.size, how, typeof after === 'bigint' ? 0 : after);
    }
    if (!t.detect || !this.limits.detectRaces) return;
    const race =
      t.kind === OP_WRITE
        ? this.happensBefore.write(t.id, t.address, t.size, t.mode, t.site, this.steps)
        : this.happensBefore.readWrite(t.id, t.address, t.size, t.site, this.steps);
    if (race !== undefined) this.#reportRace(t, race, 'writes');
  }

  #noteChange(t: SimThread): void {
    const word = t.address >>> 2;
    if (t.size <= 4) t.spin.noteWrite(word, this.memory.wordAt(word));
    else t.spin.noteLargeWrite();
  }

  #noteRead(t: SimThread): void {
    const word = t.address >>> 2;
    t.spin.noteRead(word, this.memory.wordAt(word));
  }

  #noteUndo(t: SimThread): void {
    const word = t.address >>> 2;
    if (t.size <= 4 && (t.address & 3) + t.size <= 4) this.undo.note(word, this.memory.wordAt(word));
    else this.undo.noteRange(t.address, t.size);
  }

  #performRangeWrite(t: SimThread): void {
    this.#mix(t, 0);
    t.spin.noteLargeWrite();
    this.#dirty = true;
    const { from, to, size } = t.copy ?? { from: t.address, to: t.address, size: t.size };
    this.undo.noteRange(to, size);
    if (t.kind === OP_RMW) this.watcher?.access(t, from, size, ACCESS_READS, 0);
    this.watcher?.access(t, to, size, ACCESS_WRITES, 0);
    if (!t.detect || !this.limits.detectRaces) return;
    const { happensBefore: hb } = this;
    const race =
      (t.kind === OP_RMW ? hb.read(t.id, from, size, t.mode, t.site, this.steps) : undefined) ??
      hb.write(t.id, to, size, t.mode, t.site, this.steps);
    if (race !== undefined) this.#reportRace(t, race, 'writes');
  }

  /** A woken thread goes on, or an interrupt handler begins. */
  #performLocal(t: SimThread): void {
    this.#mix(t, 0);
    const { base } = t;
    if (base === null || t.begun) return;
    t.begun = true;
    this.#conditional &= ~t.bit;
    this.#runnable |= t.bit;
    this.#suspended |= base.bit;
    this.happensBefore.fork(base.id, t.id);
  }

  #performWaiting(t: SimThread): void {
    this.#mix(t, 0);
    switch (t.kind) {
      case OP_WAIT:
        this.#performWait(t);
        break;
      case OP_NOTIFY:
        this.#performNotify(t);
        break;
      case OP_TIMEOUT:
        this.#performTimeout(t);
        break;
      case OP_ACQUIRE:
        this.#performAcquire(t);
        break;
      case OP_RELEASE:
        this.#performRelease(t);
        break;
      default:
        // OP_AWAIT: it goes on.
        this.#becomeRunnable(t);
    }
  }

  #performWait(t: SimThread): void {
    this.watcher?.access(t, t.address, t.size, ACCESS_READS, 0);
    const race = this.happensBefore.read(t.id, t.address, t.size, MODE_ATOMIC, t.site, this.steps);
    if (race !== undefined && this.limits.detectRaces) this.#reportRace(t, race, 'reads');
    if (this.#valueAt(t) !== t.a) {
      t.result = 'not-equal';
      t.deadline = Infinity;
      return;
    }
    t.waiting = true;
    this.#waiters.push(t);
  }

  #performNotify(t: SimThread): void {
    t.woken = 0;
    for (let i = 0; i < this.#waiters.length && t.woken < Number(t.a);) {
      const sleeper = this.#waiters[i];
      if (sleeper.address !== t.address) {
        i++;
        continue;
      }
      this.#waiters.splice(i, 1);
      this.#wake(sleeper, 'ok');
      this.happensBefore.wake(t.id, sleeper.id);
      t.woken++;
    }
  }

  #performTimeout(t: SimThread): void {
    const isEarly = (this.#enabled() & ~t.bit) !== 0;
    const isSpurious = t.deadline === Infinity || (isEarly && this.#timeoutsLeft === 0);
    if (isSpurious) this.#spuriousLeft--;
    else {
      if (isEarly) this.#timeoutsLeft--;
      this.time = Math.max(this.time, t.deadline);
    }
    this.#waiters.splice(this.#waiters.indexOf(t), 1);
    this.#wake(t, isSpurious ? 'ok' : 'timed-out');
  }

  #wake(t: SimThread, result: 'ok' | 'timed-out'): void {
    t.waiting = false;
    t.result = result;
    t.deadline = Infinity;
    t.kind = OP_LOCAL;
    this.#becomeRunnable(t);
  }

  #becomeRunnable(t: SimThread): void {
    this.#conditional &= ~t.bit;
    this.#runnable |= t.bit;
  }

  #performAcquire(t: SimThread): void {
    const word = t.address >>> 2;
    const before = this.memory.wordAt(word);
    this.watcher?.access(t, t.address, t.size, ACCESS_READS | ACCESS_WRITES, before + Number(t.a));
    this.undo.note(word, before);
    this.memory.setWord(word, before + Number(t.a));
    this.#becomeRunnable(t);
    this.#dirty = true;
    t.spin.noteWrite(word, before);
    this.happensBefore.readWrite(t.id, t.address, 4, t.site, this.steps);
    if (!t.exclusive) return;
    const cycle = this.locks.acquire(t.id, t.address, t.site);
    if (cycle === undefined || !this.limits.detectLockOrder || this.inversion !== null) return;
    const steps = cycle.map(
      (edge) =>
        `${this.nameOf(edge.from, 4, null)} is held while ${this.nameOf(edge.to, 4, null)} is taken, at ${placeOf(edge.site)}`,
    );
    this.inversion = {
      kind: 'lock-order',
      message: `${t.name} takes ${this.#name(t)} in another order than before: a deadlock is possible`,
      thread: t.id,
      step: this.steps - 1,
      details: [{ heading: 'The orders that do not go together', lines: steps }],
    };
  }

  #performRelease(t: SimThread): void {
    const word = t.address >>> 2;
    const owner = this.locks.ownerOf(t.address);
    if (owner !== t.id) {
      const holder = owner < 0 ? 'nobody has' : `${this.sims[owner].name} has`;
      this.fail(
        'unlock-not-owner',
        `${t.name} releases ${this.#name(t)}, which ${holder}, at ${this.#place(t)}`,
        t.id,
      );
      return;
    }
    const before = this.memory.wordAt(word);
    this.watcher?.access(t, t.address, t.size, ACCESS_READS | ACCESS_WRITES, before - Number(t.a));
    this.undo.note(word, before);
    this.memory.setWord(word, before - Number(t.a));
    this.#dirty = true;
    t.spin.noteWrite(word, before);
    this.locks.release(t.id, t.address);
    this.happensBefore.readWrite(t.id, t.address, 4, t.site, this.steps);
  }

  // Outside of threads: setup, invariants, and what was reached without a scheduling point.

  /** An element is read by code that the scheduler cannot pause. */
  syncRead(view: unknown, key: unknown, site: number): void {
    const { watcher } = this;
    if (this.current === null) {
      if (watcher === null) return;
      if (view === this.#i32 && typeof key === 'number') {
        if (key >>> 0 === key) watcher.access(null, key * 4, 4, ACCESS_READS, 0);
        return;
      }
    }
    const info = this.memory.infoOf(view);
    if (info === null || typeof key !== 'number') return;
    if (this.current !== null) this.#hidden('read', site);
    else if (key >>> 0 === key && key < info.length) {
      watcher?.access(null, info.base + key * 2 ** info.shift, 2 ** info.shift, ACCESS_READS, 0);
    }
  }

  /** An element is written by such code. */
  syncWrite(view: unknown, key: unknown, value: unknown, site: number): void {
    const info = this.memory.infoOf(view);
    if (info === null || typeof key !== 'number') return;
    if (this.current !== null) {
      this.#hidden('write', site);
      return;
    }
    if (key >>> 0 !== key || key >= info.length) return;
    const address = info.base + key * 2 ** info.shift;
    this.undo.noteRange(address, 2 ** info.shift);
    this.watcher?.access(
      null,
      address,
      2 ** info.shift,
      ACCESS_WRITES,
      typeof value === 'number' ? value : 0,
    );
  }

  /** Such code calls an operation of `Atomics`. */
  syncAtomic(op: number, view: unknown, key: unknown, a: unknown, b: unknown, site: number): void {
    if (op !== AT_STORE) this.syncRead(view, key, site);
    if (op === AT_LOAD) return;
    const before = (view as Partial<SharedView>)[key as number];
    if (op === AT_COMPARE_EXCHANGE && before !== a) return;
    const after =
      op === AT_STORE ? a : op === AT_COMPARE_EXCHANGE ? b : resultOf(op, before ?? 0, a as number);
    this.syncWrite(view, key, after, site);
  }

  syncRange({ kind, address, size, copy }: Reach, site: number): void {
    if (this.current !== null) {
      this.#hidden('access', site);
      return;
    }
    if (kind !== OP_WRITE)
      this.watcher?.access(null, copy?.from ?? address, copy?.size ?? size, ACCESS_READS, 0);
    if (kind === OP_READ) return;
    this.undo.noteRange(copy?.to ?? address, copy?.size ?? size);
    this.watcher?.access(null, copy?.to ?? address, copy?.size ?? size, ACCESS_WRITES, 0);
  }

  /** Something was reached that the scheduler cannot see. */
  hidden(what: string, site: number): void {
    if (this.current !== null) this.#hidden(what, site);
  }

  #hidden(what: string, site: number): void {
    if (this.failure !== null) return;
    this.fail(
      'hidden-access',
      `a ${what} of shared memory without a scheduling point, at ${placeOf(site)}: it was reached through a getter, a ` +
        'constructor, a callback of a native method or code that is not transformed',
      this.current?.id ?? -1,
    );
  }

  // Failures.

  fail(kind: FailureKind, message: string, thread: number, details: readonly FailureDetail[] = []): void {
    this.failure ??= { kind, message, thread, step: this.steps - 1, details };
  }

  /** What a thread has thrown. */
  failError: (t: SimThread, error: unknown) => void = (t, error) => {
    const message = error instanceof Error ? error.message : String(error);
    this.fail('assertion', `${t.name}: ${message.split('\n')[0]}`, t.id);
  };

  /** How reports call an address. */
  nameOf: (address: number, size: number, info: ViewInfo | null) => string = (address, _size, info) =>
    this.memory.plainName(address, info);

  #name(t: SimThread): string {
    return this.nameOf(t.address, t.size, this.memory.infoOf(t.view));
  }

  /** Where the pending operation of a thread stands. */
  #place(t: SimThread): string {
    return t.site === 0 ? (t.calls.at(-1) ?? 'an unknown place') : placeOf(t.site);
  }

  #reportRace(t: SimThread, other: RacePartner, verb: string): void {
    const partner = this.sims[other.thread];
    const past = other.isWrite ? 'wrote' : 'read';
    this.fail(
      'race',
      `${t.name} ${verb} ${this.#name(t)} at ${placeOf(t.site)}, which ${partner.name} ${past} at ` +
        `${placeOf(other.site)}, and nothing orders the two`,
      t.id,
      [{ heading: `${partner.name} ${past} it here, before`, step: other.step - 1, lines: [] }],
    );
  }

  #checkInvariant(): void {
    this.#dirty = false;
    if (this.invariant === null || this.failure !== null) return;
    const running = this.current;
    const { watcher } = this;
    this.current = null;
    // An invariant may look at everything.
    this.watcher = null;
    try {
      this.invariant();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.fail('invariant', message.split('\n')[0], running?.id ?? -1);
    }
    this.current = running;
    this.watcher = watcher;
  }

  // Small things.

  #mix(t: SimThread, value: number | bigint): void {
    const low = typeof value === 'bigint' ? Number(BigInt.asIntN(32, value)) : value | 0;
    const hash = Math.imul(this.hash ^ t.address ^ (t.id << 26) ^ (t.kind << 20), 0x85ebca6b);
    this.hash = Math.imul(hash ^ (hash >>> 13) ^ low, 0xc2b2ae35);
  }

  #valueAt(t: SimThread): number | bigint {
    return t.view === null ? 0 : t.view[t.index];
  }

  /** Finds the address of an element; false when it is none of shared memory, or there is no such element. */
  #locate(t: SimThread, view: unknown, key: unknown, site: number): boolean {
    if (typeof key !== 'number' || Array.isArray(view)) return false;
    const info = this.memory.infoOf(view);
    if (info === null) return false;
    if (key >>> 0 !== key || key >= info.length)
      return this.#outOfBounds(t, info.name, key, info.length, site) && false;
    t.address = info.base + key * 2 ** info.shift;
    t.size = 2 ** info.shift;
    return true;
  }

  #outOfBounds(t: SimThread, view: string, key: number, length: number, site: number): boolean {
    this.fail(
      'out-of-bounds',
      `${t.name} reaches ${view}[${key}] of ${length} elements, at ${placeOf(site)}`,
      t.id,
    );
    return true;
  }

  #noThread(): never {
    throw new Error('the twin of a transformed function runs outside of an execution');
  }

  #openSegment(thread: number): void {
    this.#closeSegment();
    this.#segmentThread = thread;
    this.#segmentSteps = 1;
  }

  #closeSegment(): void {
    if (this.#segmentThread >= 0)
      this.segments.push({ thread: this.#segmentThread, steps: this.#segmentSteps });
    this.#segmentThread = -1;
    this.#segmentSteps = 0;
  }
}

function resultOf(op: number, before: number | bigint, value: number | bigint): number | bigint {
  if (typeof before === 'bigint' || typeof value === 'bigint')
    return bigResultOf(op, BigInt(before), BigInt(value));
  switch (op) {
    case AT_ADD:
      return before + value;
    case AT_SUB:
      return before - value;
    case AT_AND:
      return before & value;
    case AT_OR:
      return before | value;
    case AT_XOR:
      return before ^ value;
    case AT_EXCHANGE:
      return value;
    default:
      return before;
  }
}

function bigResultOf(op: number, before: bigint, value: bigint): bigint {
  switch (op) {
    case AT_ADD:
      return before + value;
    case AT_SUB:
      return before - value;
    case AT_AND:
      return before & value;
    case AT_OR:
      return before | value;
    case AT_XOR:
      return before ^ value;
    case AT_EXCHANGE:
      return value;
    default:
      return before;
  }
}
