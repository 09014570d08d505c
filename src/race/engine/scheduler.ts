import { SimulatedPromise } from './async-wait.js';
import { ACCESS_READS, ACCESS_WRITES } from './access-watcher.js';
import { Booking } from './booking.js';
import type { FailureKind } from './failure.js';
import {
  MODE_ATOMIC,
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
import { placeOf } from './sites.js';
import type { SimThread } from './thread.js';

/** Conditions that ended a wait because its time was over are repeated at most so often without any change. */
const MAX_IDLE_TIMEOUTS = 10_000;
/** Rounds that a counting loop may spin without any change, when nobody else can go on. */
const MAX_PASSES = 4096;
/** The same for any other loop: what it calls may count as well. */
const MAX_UNCOUNTED_PASSES = 256;

/** Runs executions: who can go on, who does, and what waiting, waking and locking do. */
export abstract class Scheduler extends Booking {
  /** Threads are being run up to their first operations. */
  protected starting = false;
  /** Masks of threads: those that can go on; those that can on a condition; those that an interrupt handler stopped. */
  protected runnable = 0;
  protected conditional = 0;
  protected suspended = 0;
  /** Chosen at the last scheduling point. */
  protected nextThread = -1;
  protected segmentThread = -1;
  protected segmentSteps = 0;
  protected timeoutsLeft = 0;
  protected spuriousLeft = 0;
  protected idleTimeouts = 0;
  /** Addresses on which somebody has called Atomics.notify. */
  protected readonly notified = new Set<number>();
  /** Threads that sleep in Atomics.wait, longest first. */
  protected readonly waiters: SimThread[] = [];

  /** Begins an execution, before its setup: that can fail already. */
  begin(): void {
    this.steps = 0;
    this.failure = null;
  }

  /** Executes the threads until all have ended or something fails. They have been reset; setup has run. */
  run(sims: readonly SimThread[]): void {
    this.resetExecution(sims);
    if (!this.isOver()) this.startAll();
    let next = this.isOver() ? -1 : this.chooseThread(-1);
    while (next >= 0) {
      const t = sims[next];
      this.current = t;
      this.perform(t);
      if (this.isOver()) break;
      this.resume(t);
      this.current = null;
      if (this.isOver()) break;
      next = t.done ? this.chooseThread(t.id) : this.nextThread;
    }
    this.current = null;
    if (!this.isOver()) this.checkInvariant();
    this.closeSegment();
    this.recorder?.finishEvent();
    this.accesses += this.steps;
  }

  protected resetExecution(sims: readonly SimThread[]): void {
    this.sims = sims;
    this.threads = sims.length;
    this.hash = 0;
    this.inversion = null;
    this.abandoned = false;
    this.time = 0;
    this.segments.length = 0;
    this.numbers.length = 0;
    this.segmentThread = -1;
    this.segmentSteps = 0;
    this.dirty = false;
    this.runnable = 0;
    this.conditional = 0;
    this.suspended = 0;
    this.timeoutsLeft = this.limits.timeouts;
    this.spuriousLeft = this.limits.spuriousWakeups;
    this.idleTimeouts = 0;
    this.waiters.length = 0;
    this.notified.clear();
    this.happensBefore.grow(this.memory.end);
    this.happensBefore.begin(sims.length);
    this.locks.begin();
  }

  /** Runs every thread up to its first operation: what comes before touches nothing shared. */
  protected startAll(): void {
    this.starting = true;
    for (const t of this.sims) {
      if (t.isContinuation) {
        t.done = true;
      } else if (t.base === null) {
        this.current = t;
        this.resume(t);
      } else {
        this.conditional |= t.bit;
      }
      if (this.failure !== null) break;
    }
    this.current = null;
    this.starting = false;
  }

  /** Lets a thread run up to its next switch. What it throws is a failure. */
  protected resume(t: SimThread): void {
    try {
      const { generator } = t;
      if (generator === null || generator.next().done === true) this.finish(t);
    } catch (error) {
      if (this.failure === null) this.failError(t, error);
    }
  }

  protected finish(t: SimThread): void {
    t.done = true;
    this.runnable &= ~t.bit;
    this.conditional &= ~t.bit;
    const { base } = t;
    if (base === null) return;
    this.suspended &= ~base.bit;
    this.happensBefore.join(base.id, t.id);
  }

  /** Who goes on; -1 when the execution is over. */
  protected chooseThread(current: number): number {
    let enabled = this.enabledMask();
    if (enabled === 0) enabled = this.whenNobodyCan();
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

  protected enabledMask(): number {
    let mask = this.runnable;
    let rest = this.conditional;
    while (rest !== 0) {
      const bit = rest & -rest;
      rest ^= bit;
      if (this.mayGoOn(this.sims[31 - Math.clz32(bit)])) mask |= bit;
    }
    return mask & ~this.suspended;
  }

  protected mayGoOn(t: SimThread): boolean {
    switch (t.kind) {
      case OP_ACQUIRE:
        return (this.memory.wordAt(t.address >>> 2) & t.mask) === 0;
      case OP_AWAIT:
        return t.passes > 0 || t.spin.hasChanged(this.memory);
      case OP_TIMEOUT:
        return (t.deadline !== Infinity && this.timeoutsLeft > 0) || this.spuriousLeft > 0;
      default:
        // An interrupt handler that has not begun: interrupts are enabled, and no other handler runs there.
        return this.mayInterrupt(t);
    }
  }

  protected mayInterrupt(t: SimThread): boolean {
    const { base } = t;
    return base !== null && !base.done && (this.suspended & base.bit) === 0 && this.i32[t.irqWord] === 0;
  }

  /**
   * Nobody can go on of his own: a spin loop, which may count, goes some more rounds, for spinning is quick; then time
   * passes until the first timed wait is over. If that does not help either, the program hangs.
   *
   * @returns mask of those who can go on then; 0 when the execution is over
   */
  protected whenNobodyCan(): number {
    // Handlers that never came and promises for which nobody waits do not keep a program from its end.
    const alive = this.sims.filter(
      (t) => !t.done && (t.base === null || t.begun) && t.promise?.isIdle !== true,
    );
    if (alive.length === 0) return 0;
    const slept = alive.find((t) => t.waiting && this.valueAt(t) !== t.a);
    if (slept !== undefined && this.limits.detectLostWakeups) {
      const why = `for value ${String(slept.a)}, which it has not any more`;
      return this.hang(
        'lost-wakeup',
        alive,
        `${this.sleepText(slept)} ${why}, and nobody is left to wake it`,
      );
    }
    const patient = alive.find((t) => t.kind === OP_AWAIT && !t.exhausted);
    if (patient !== undefined) {
      patient.exhausted = true;
      patient.passes = patient.bounded ? MAX_PASSES : MAX_UNCOUNTED_PASSES;
      return patient.bit;
    }
    const timed = alive.filter((t) => t.deadline !== Infinity && t.waiting);
    if (timed.length > 0 && this.idleTimeouts < MAX_IDLE_TIMEOUTS) return this.passTime(timed);
    return this.diagnose(alive, timed.length > 0);
  }

  /** Nothing helps: what kind of hanging is it? */
  protected diagnose(alive: readonly SimThread[], timesOut: boolean): number {
    if (timesOut) {
      return this.hang('livelock', alive, 'threads time out again and again, and nothing changes');
    }
    const spinner = alive.find((t) => t.kind === OP_AWAIT);
    if (spinner !== undefined) {
      const why = 'nobody is left to change what it reads';
      return this.hang('livelock', alive, `${spinner.name} spins for ever: ${why}`);
    }
    const missed = alive.find((t) => t.waiting && this.notified.has(t.address));
    if (missed !== undefined && this.limits.detectLostWakeups) {
      const why = 'on which it was notified before it slept';
      return this.hang(
        'lost-wakeup',
        alive,
        `${this.sleepText(missed)}, ${why}, and nobody is left to wake it`,
      );
    }
    const names = alive.map((t) => t.name).join(' and ');
    return this.hang('deadlock', alive, `${names} ${alive.length === 1 ? 'waits' : 'wait'} for ever`);
  }

  protected sleepText(t: SimThread): string {
    return `${t.name} sleeps on ${this.pendingName(t)}`;
  }

  protected passTime(timed: readonly SimThread[]): number {
    let first = timed[0];
    for (const t of timed) if (t.deadline < first.deadline) first = t;
    this.idleTimeouts++;
    return first.bit;
  }

  protected hang(kind: FailureKind, alive: readonly SimThread[], message: string): number {
    const lines = alive.map((t) => `${t.name}: ${this.waitText(t)}`);
    this.fail(kind, message, -1, [{ heading: 'Who waits for what', lines }]);
    return 0;
  }

  protected waitText(t: SimThread): string {
    const at = `at ${this.pendingPlace(t)}`;
    if (t.waiting) return `sleeps on ${this.pendingName(t)} until it is notified, ${at}`;
    if (t.kind === OP_AWAIT) return `spins on ${this.pendingName(t)} ${at}`;
    if (t.kind !== OP_ACQUIRE) return `can go on ${at}`;
    const owner = this.locks.ownerOf(t.address);
    const holder = owner < 0 ? 'nobody that is known' : this.sims[owner].name;
    return `waits for the lock ${this.pendingName(t)}, held by ${holder}, ${at}`;
  }

  protected perform(t: SimThread): void {
    if (++this.steps > this.maxSteps) {
      this.fail('livelock', `the execution does not end within ${this.limits.maxSteps} operations`, t.id);
      return;
    }
    if (t.id === this.segmentThread) this.segmentSteps++;
    else this.openSegment(t.id);
    if (t.call !== null) {
      t.call.called = this.clock++;
      t.call = null;
    }
    this.recorder?.begin(t);
    switch (t.kind) {
      case OP_READ:
        this.performRead(t);
        break;
      case OP_WRITE:
      case OP_RMW:
      case OP_CAS:
        this.performWrite(t);
        break;
      case OP_LOCAL:
        this.performLocal(t);
        break;
      default:
        this.performWaiting(t);
    }
  }

  /** A woken thread goes on, or an interrupt handler begins. */
  protected performLocal(t: SimThread): void {
    this.mix(t, 0);
    const { base } = t;
    if (base === null || t.begun) return;
    t.begun = true;
    this.conditional &= ~t.bit;
    this.runnable |= t.bit;
    this.suspended |= base.bit;
    this.happensBefore.fork(base.id, t.id);
  }

  protected performWaiting(t: SimThread): void {
    this.mix(t, 0);
    switch (t.kind) {
      case OP_WAIT:
        this.performWait(t);
        break;
      case OP_NOTIFY:
        this.performNotify(t);
        break;
      case OP_TIMEOUT:
        this.performTimeout(t);
        break;
      case OP_ACQUIRE:
        this.performAcquire(t);
        break;
      case OP_RELEASE:
        this.performRelease(t);
        break;
      default:
        // OP_AWAIT: it goes on.
        this.becomeRunnable(t);
    }
  }

  protected performWait(t: SimThread): void {
    this.watcher?.access(t, t.address, t.size, ACCESS_READS, 0);
    if (this.detectsRaces) this.orderWait(t);
    t.result = this.valueAt(t) !== t.a ? 'not-equal' : t.timeout === 0 ? 'timed-out' : 'ok';
    if (t.result !== 'ok') return;
    if (t.isAsync) this.waitAside(t);
    else this.fallAsleep(t, this.time + t.timeout);
  }

  /** A thread looks at the word on which it may sleep: to the race detector an atomic load, and a visit of the sleepers. */
  protected orderWait(t: SimThread): void {
    this.happensBefore.visitWaiters(t.id, t.address);
    const race = this.happensBefore.read(t.id, t.address, t.size, MODE_ATOMIC, t.site, this.steps);
    if (race !== undefined) this.reportRace(t, race, 'reads');
  }

  protected fallAsleep(t: SimThread, deadline: number): void {
    t.deadline = deadline;
    t.waiting = true;
    this.waiters.push(t);
  }

  /** Atomics.waitAsync: another thread waits in its place, and does what is to be done afterwards. */
  protected waitAside(t: SimThread): void {
    const aside = this.sims.find((sim) => sim.isContinuation && sim.promise === null);
    if (aside === undefined) {
      this.continuations++;
      this.hasMoreContinuations = true;
      this.abandoned = true;
      return;
    }
    aside.waitLike(t);
    aside.promise = new SimulatedPromise(aside, () => this.happensBefore.fork(t.id, aside.id));
    aside.done = false;
    this.conditional |= aside.bit;
    this.fallAsleep(aside, this.time + t.timeout);
    t.waitedAside = aside;
  }

  protected performNotify(t: SimThread): void {
    t.woken = 0;
    this.notified.add(t.address);
    this.happensBefore.visitWaiters(t.id, t.address);
    for (let i = 0; i < this.waiters.length && t.woken < Number(t.a);) {
      const sleeper = this.waiters[i];
      if (sleeper.address !== t.address) {
        i++;
        continue;
      }
      this.waiters.splice(i, 1);
      this.wake(sleeper, 'ok');
      this.happensBefore.wake(t.id, sleeper.id);
      t.woken++;
    }
  }

  protected performTimeout(t: SimThread): void {
    const isEarly = (this.enabledMask() & ~t.bit) !== 0;
    const isSpurious = t.deadline === Infinity || (isEarly && this.timeoutsLeft === 0);
    if (isSpurious) this.spuriousLeft--;
    else {
      if (isEarly) this.timeoutsLeft--;
      this.time = Math.max(this.time, t.deadline);
    }
    this.waiters.splice(this.waiters.indexOf(t), 1);
    this.wake(t, isSpurious ? 'ok' : 'timed-out');
  }

  protected wake(t: SimThread, result: 'ok' | 'timed-out'): void {
    t.waiting = false;
    t.result = result;
    t.deadline = Infinity;
    t.kind = OP_LOCAL;
    this.becomeRunnable(t);
    if (t.promise !== null) t.generator = t.promise.run(result);
  }

  protected becomeRunnable(t: SimThread): void {
    this.conditional &= ~t.bit;
    this.runnable |= t.bit;
  }

  protected performAcquire(t: SimThread): void {
    const word = t.address >>> 2;
    const before = this.memory.wordAt(word);
    this.watcher?.access(t, t.address, t.size, ACCESS_READS | ACCESS_WRITES, before + Number(t.a));
    this.undo.note(word, before);
    this.memory.setWord(word, before + Number(t.a));
    this.becomeRunnable(t);
    this.dirty = true;
    t.spin.noteWrite(word, before);
    if (this.detectsRaces) this.happensBefore.readWrite(t.id, t.address, 4, t.site, this.steps);
    if (t.exclusive) this.noteLocked(t, t.address);
  }

  /** The thread has a lock for which it would have waited: is that in order? */
  protected noteLocked(t: SimThread, lock: number): void {
    const cycle = this.locks.acquire(t.id, lock, t.site);
    if (cycle === undefined || !this.limits.detectLockOrder || this.inversion !== null) return;
    const steps = cycle.map(
      (edge) =>
        `${this.nameOf(edge.from, 4, null)} is held while ${this.nameOf(edge.to, 4, null)} is taken, at ${placeOf(edge.site)}`,
    );
    this.inversion = {
      kind: 'lock-order',
      message: `${t.name} takes ${this.nameOf(lock, 4, null)} in another order than before: a deadlock is possible`,
      thread: t.id,
      step: this.steps - 1,
      details: [{ heading: 'The orders that do not go together', lines: steps }],
    };
  }

  protected performRelease(t: SimThread): void {
    const word = t.address >>> 2;
    if (!this.locks.release(t.id, t.address)) {
      const owner = this.locks.ownerOf(t.address);
      const holder = owner < 0 ? 'nobody has' : `${this.sims[owner].name} has`;
      this.fail(
        'unlock-not-owner',
        `${t.name} releases ${this.pendingName(t)}, which ${holder}, at ${this.pendingPlace(t)}`,
        t.id,
      );
      return;
    }
    const before = this.memory.wordAt(word);
    this.watcher?.access(t, t.address, t.size, ACCESS_READS | ACCESS_WRITES, before - Number(t.a));
    this.undo.note(word, before);
    this.memory.setWord(word, before - Number(t.a));
    this.dirty = true;
    t.spin.noteWrite(word, before);
    if (this.detectsRaces) this.happensBefore.readWrite(t.id, t.address, 4, t.site, this.steps);
  }

  protected checkInvariant(): void {
    this.dirty = false;
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

  protected openSegment(thread: number): void {
    this.closeSegment();
    this.segmentThread = thread;
    this.segmentSteps = 1;
  }

  protected closeSegment(): void {
    if (this.segmentThread >= 0) this.segments.push({ thread: this.segmentThread, steps: this.segmentSteps });
    this.segmentThread = -1;
    this.segmentSteps = 0;
  }
}
