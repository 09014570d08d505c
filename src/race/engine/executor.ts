import type { AsyncWait } from './async-wait.js';
import { ACCESS_READS, ACCESS_WRITES } from './access-watcher.js';
import { resultOf } from './atomic-result.js';
import { AT_COMPARE_EXCHANGE, AT_LOAD, AT_STORE } from './atomics-op.js';
import { LOOP_COUNTS, LOOP_ONLY_LOOKS } from './loop-kind.js';
import {
  MODE_ATOMIC,
  MODE_MARKED,
  MODE_PLAIN,
  OP_ACQUIRE,
  OP_AWAIT,
  OP_CAS,
  OP_NOTIFY,
  OP_READ,
  OP_RELEASE,
  OP_RMW,
  OP_TIMEOUT,
  OP_WAIT,
  OP_WRITE,
} from './op.js';
import { Scheduler } from './scheduler.js';
import { placeOf } from './sites.js';
import type { SharedView, SimThread } from './thread.js';
import type { Reach } from './view-methods.js';

/**
 * Executes a program of several threads in one: each thread is a generator that stops before an access where the
 * strategy wants another thread to go on. Before each operation the thread posts what it is about to do; whoever is
 * chosen has his operation booked (undo log, detectors, trace) and then runs on, up to his next one.
 *
 * This class is what transformed code reaches, through the runtime.
 */
export class Executor extends Scheduler {
  // Scheduling points. Each answers whether the generator must yield.

  /** The posted operation of the running thread: who executes next? */
  protected point(t: SimThread): boolean {
    if (this.starting) {
      this.recorder?.capture(t);
      this.runnable |= t.bit;
      return true;
    }
    if (this.dirty) this.checkInvariant();
    this.recorder?.capture(t);
    if (this.isOver()) return true;
    const next = this.chooseThread(t.id);
    if (next === t.id) {
      this.perform(t);
      return this.isOver();
    }
    this.nextThread = next;
    return true;
  }

  /** A scheduling point, if the word is one; else the operation is booked at once. */
  protected access(t: SimThread, writes: boolean): boolean {
    const isPoint = this.use(t, writes);
    // What orders threads must be known of every word; what can race, of shared ones.
    t.detect = isPoint || this.everyPoint || t.mode === MODE_ATOMIC;
    if (isPoint || this.everyPoint || this.starting) return this.point(t);
    if (this.dirty && this.invariant !== null) this.checkInvariant();
    if (this.isOver()) return true;
    this.perform(t);
    return this.isOver();
  }

  /** Notes a use of the element's word, or both words of 8 bytes; whether one of them is a scheduling point. */
  protected use(t: SimThread, writes: boolean): boolean {
    const word = t.address >>> 2;
    let isPoint = this.tags.use(word, t.id, writes);
    if (t.size === 8 && this.tags.use(word + 1, t.id, writes)) isPoint = true;
    return isPoint;
  }

  read(view: unknown, key: unknown, mode: number, site: number): boolean {
    const t = this.current;
    if (t === null) return this.noThread();
    if (!this.locate(t, view, key, site)) return this.isOver();
    t.kind = OP_READ;
    t.mode = mode;
    t.site = site;
    t.view = view as SharedView;
    t.index = key as number;
    return this.access(t, false);
  }

  write(view: unknown, key: unknown, value: unknown, mode: number, site: number): boolean {
    const t = this.current;
    if (t === null) return this.noThread();
    if (!this.locate(t, view, key, site)) return this.isOver();
    t.kind = OP_WRITE;
    t.mode = mode;
    t.site = site;
    t.view = view as SharedView;
    t.index = key as number;
    t.a = value as number;
    return this.access(t, true);
  }

  /** An operation of `Atomics` on one element. */
  atomic(op: number, view: unknown, key: unknown, a: unknown, b: unknown, site: number): boolean {
    const t = this.current;
    if (t === null) return this.noThread();
    if (!this.locate(t, view, key, site)) return this.isOver();
    t.kind =
      op === AT_LOAD ? OP_READ : op === AT_STORE ? OP_WRITE : op === AT_COMPARE_EXCHANGE ? OP_CAS : OP_RMW;
    t.mode = MODE_ATOMIC;
    t.site = site;
    t.view = view as SharedView;
    t.index = key as number;
    t.op = op;
    t.a = a as number;
    t.b = b as number;
    return this.access(t, op !== AT_LOAD);
  }

  /** A method of a view or DataView that reads or writes a range. */
  range(reach: Reach, site: number): boolean {
    const t = this.current;
    if (t === null) return this.noThread();
    const { kind, address, size, copy = null } = reach;
    t.kind = kind;
    t.mode = MODE_PLAIN;
    t.address = address;
    t.size = size;
    t.copy = copy;
    t.site = site;
    t.view = null;
    let isPoint = this.useRange(t, copy?.to ?? address, copy?.size ?? size, kind !== OP_READ);
    if (copy !== null && this.useRange(t, copy.from, copy.size, false)) isPoint = true;
    t.detect = isPoint || this.everyPoint;
    if (t.detect || this.starting) return this.point(t);
    this.perform(t);
    return this.isOver();
  }

  /** Notes a use of all words of a range; whether one of them is a scheduling point. */
  protected useRange(t: SimThread, address: number, size: number, writes: boolean): boolean {
    let isPoint = false;
    const end = (address + size + 3) >>> 2;
    for (let word = address >>> 2; word < end; word++) if (this.tags.use(word, t.id, writes)) isPoint = true;
    return isPoint;
  }

  wait(
    view: unknown,
    key: unknown,
    expected: unknown,
    timeout: unknown,
    isAsync: boolean,
    site: number,
  ): boolean {
    const t = this.current;
    if (t === null) return this.noThread();
    if (!this.locate(t, view, key, site)) return this.isOver();
    const milliseconds = timeout === undefined ? Infinity : Number(timeout);
    t.kind = OP_WAIT;
    t.mode = MODE_ATOMIC;
    t.site = site;
    t.view = view as SharedView;
    t.index = key as number;
    t.a = typeof expected === 'bigint' ? expected : Number(expected) | 0;
    t.timeout = Number.isNaN(milliseconds) ? Infinity : Math.max(0, milliseconds);
    t.isAsync = isAsync;
    t.waitedAside = null;
    this.use(t, false);
    return this.point(t);
  }

  /** What Atomics.waitAsync gives, after {@link wait}. */
  waitedAsync(): AsyncWait {
    const t = this.current;
    if (t === null) return this.noThread();
    const promise = t.waitedAside?.promise ?? null;
    if (promise !== null) return { async: true, value: promise };
    return { async: false, value: t.result === 'timed-out' ? 'timed-out' : 'not-equal' };
  }

  /** After {@link wait}: whether the thread sleeps now. */
  waitEnd(): boolean {
    const t = this.current;
    if (t === null) return this.noThread();
    if (!t.waiting) return this.isOver();
    t.kind = OP_TIMEOUT;
    return this.pointBlocked(t);
  }

  notify(view: unknown, key: unknown, count: unknown, site: number): boolean {
    const t = this.current;
    if (t === null) return this.noThread();
    if (!this.locate(t, view, key, site)) return this.isOver();
    t.kind = OP_NOTIFY;
    t.mode = MODE_ATOMIC;
    t.site = site;
    t.view = view as SharedView;
    t.index = key as number;
    t.a = count === undefined ? Infinity : Number(count);
    this.use(t, false);
    return this.point(t);
  }

  /**
   * Takes a lock: blocks until `(word & mask) === 0`, and adds `mine`.
   *
   * @param exclusive one thread alone has it, and releases it by {@link release}
   */
  acquire(word: number, mask: number, mine: number, exclusive: boolean, site: number): boolean {
    const t = this.current;
    if (t === null) return this.noThread();
    t.kind = OP_ACQUIRE;
    t.mode = MODE_ATOMIC;
    t.address = word * 4;
    t.size = 4;
    t.site = site;
    t.view = this.i32;
    t.index = word;
    t.mask = mask;
    t.exclusive = exclusive;
    t.a = mine;
    this.tags.use(word, t.id, true);
    return this.pointBlocked(t);
  }

  /** Releases a lock: takes `mine` off the word. */
  release(word: number, mine: number, site: number): boolean {
    const t = this.current;
    if (t === null) return this.noThread();
    t.kind = OP_RELEASE;
    t.mode = MODE_ATOMIC;
    t.address = word * 4;
    t.size = 4;
    t.site = site;
    t.view = this.i32;
    t.index = word;
    t.a = mine;
    return this.access(t, true);
  }

  /** The running thread has taken a lock by an operation of its own; `waits`: it would have waited for it. */
  noteTaken(word: number, waits: boolean): void {
    const t = this.current;
    if (t === null) return;
    if (waits) this.noteLocked(t, word * 4);
    else this.locks.acquireByTrying(t.id, word * 4);
  }

  /** A spinning thread can only go on when the word changes: blocks if it has looked in vain twice. */
  relax(word: number, site: number): boolean {
    const t = this.current;
    if (t === null) return this.noThread();
    const inVain = t.spin.relaxesInVain(word, this.memory);
    return inVain ? this.awaitChange(t, true, site) : this.rested(t);
  }

  /** The thread comes to a loop. */
  enterLoop(id: number): void {
    this.current?.spin.enter(id);
  }

  /** The beginning of a round of a loop: blocks if the last rounds were alike and changed nothing. */
  loop(id: number, kind: number): boolean {
    const t = this.current;
    if (t === null) return this.noThread();
    const waits = t.spin.round(id, kind === LOOP_COUNTS, this.memory);
    if (!waits) return this.rested(t);
    // The loop may end by itself, in a round that is not run now: an exploration that cuts it short is not complete.
    if (kind !== LOOP_ONLY_LOOKS && t.passes === 0) this.cutsLoops = true;
    return this.awaitChange(t, kind === LOOP_COUNTS, id);
  }

  /** It need not wait: what was granted to a loop that could not go on otherwise is over. */
  protected rested(t: SimThread): boolean {
    t.passes = 0;
    t.exhausted = false;
    return false;
  }

  /** @param bounded the loop may end by itself, after so many rounds */
  protected awaitChange(t: SimThread, bounded: boolean, site: number): boolean {
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
    return this.pointBlocked(t);
  }

  /** {@link point} of an operation that may have to wait. */
  protected pointBlocked(t: SimThread): boolean {
    this.runnable &= ~t.bit;
    this.conditional |= t.bit;
    if (!this.starting) return this.point(t);
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

  /** Finds the address of an element; false when it is none of shared memory, or there is no such element. */
  protected locate(t: SimThread, view: unknown, key: unknown, site: number): boolean {
    if (view === this.i32 && typeof key === 'number' && key >>> 0 === key && key < this.i32.length) {
      t.address = key * 4;
      t.size = 4;
      return true;
    }
    if (typeof key !== 'number' || Array.isArray(view)) return false;
    const info = this.memory.infoOf(view);
    if (info === null) return false;
    if (key >>> 0 !== key || key >= info.length) {
      const where = `${info.name}[${key}] of ${info.length} elements, at ${placeOf(site)}`;
      this.fail('out-of-bounds', `${t.name} reaches ${where}`, t.id);
      return false;
    }
    t.address = info.base + key * 2 ** info.shift;
    t.size = 2 ** info.shift;
    return true;
  }

  protected noThread(): never {
    throw new Error('the twin of a transformed function runs outside of an execution');
  }

  // Outside of threads: setup, invariants, and what was reached without a scheduling point.

  /** An element is read by code that the scheduler cannot pause. */
  syncRead(view: unknown, key: unknown, site: number): void {
    const { watcher } = this;
    if (this.current === null) {
      if (watcher === null) return;
      if (view === this.i32 && typeof key === 'number') {
        if (key >>> 0 === key) watcher.access(null, key * 4, 4, ACCESS_READS, 0);
        return;
      }
    }
    const info = this.memory.infoOf(view);
    if (info === null || typeof key !== 'number') return;
    if (this.current !== null) this.failHidden('read', site);
    else if (key >>> 0 === key && key < info.length) {
      watcher?.access(null, info.base + key * 2 ** info.shift, 2 ** info.shift, ACCESS_READS, 0);
    }
  }

  /** An element is written by such code. */
  syncWrite(view: unknown, key: unknown, value: unknown, site: number): void {
    const info = this.memory.infoOf(view);
    if (info === null || typeof key !== 'number') return;
    if (this.current !== null) {
      this.failHidden('write', site);
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
      this.failHidden('access', site);
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
    if (this.current !== null) this.failHidden(what, site);
  }

  /** A view was handed to native code as a whole. */
  hiddenView(view: ArrayBufferView, site: number): void {
    if (this.memory.infoOf(view) !== null) this.hidden('read', site);
  }

  protected failHidden(what: string, site: number): void {
    if (this.failure !== null) return;
    this.fail(
      'hidden-access',
      `a ${what} of shared memory without a scheduling point, at ${placeOf(site)}: it was reached through a getter, a ` +
        'constructor, a callback of a native method or code that is not transformed',
      this.current?.id ?? -1,
    );
  }
}
