import { OP_ACQUIRE, OP_AWAIT, OP_LOCAL, OP_NOTIFY, OP_TIMEOUT } from '../engine/op.js';
import type { ExecutionView } from '../engine/strategy.js';
import { DporStates } from './dpor-states.js';
import { learnInterrupt, learnLock } from './learning.js';
import { LostOperations } from './lost-operations.js';
import { LostRaces } from './lost-races.js';
import { has, lowest } from './mask.js';
import { PendingChanges } from './pending-changes.js';
import { Reversals } from './reversals.js';
import { stillAsleep } from './sleepers.js';
import { Trail } from './trail.js';

/**
 * What is known of the running execution, and of what has to be explored beside it. What waits for what is seen from who
 * can go on before and after each operation.
 */
export class DporAnalysis {
  readonly trail: Trail;
  readonly states = new DporStates();
  /** Something was learned by which all executions have to be seen anew. */
  learned = false;
  readonly #lost: LostOperations;
  readonly #changes: PendingChanges;
  readonly #reversals: Reversals;
  readonly #lostRaces: LostRaces;

  /** @param known what was found out about locks and interrupts before */
  constructor(threads: number, known?: Trail) {
    const trail = new Trail(threads, known);
    this.trail = trail;
    this.#lost = new LostOperations(trail);
    this.#changes = new PendingChanges(trail, this.#lost);
    this.#reversals = new Reversals(trail, this.states);
    this.#lostRaces = new LostRaces(trail, this.#lost, this.#reversals);
  }

  /** The thread is about to execute its operation in a state: the next event, whose races have to be reversed. */
  execute(execution: ExecutionView, state: number, thread: number): void {
    const kind = execution.kindOf(thread);
    const low = execution.addressOf(thread);
    const { sleep, sleepAfter } = this.states;
    sleepAfter[state] = stillAsleep(execution, this.trail, sleep[state] & ~(1 << thread), thread);
    this.trail.push(thread, kind, low, low + execution.sizeOf(thread));
    this.#reversals.ofRaces(state, thread);
    this.#lostRaces.ofEvent(state);
    this.look(execution, state);
  }

  /** Looks at what an event that is about to happen may change. */
  look(execution: ExecutionView, event: number): void {
    this.#changes.look(execution, event, this.states.enabled[event]);
  }

  /** Looks at what the latest event has done to who can go on. */
  settle(execution: ExecutionView, enabled: number): void {
    const { trail, states } = this;
    const event = trail.count - 1;
    const thread = trail.thread[event];
    const others = ~(1 << thread);
    const before = states.enabled[event];
    const changed = this.#changes.lose(execution, event);
    const woken = trail.kind[event] === OP_NOTIFY ? changed : 0;
    const stopped = before & ~enabled & others;
    trail.enables[event] = (enabled & ~before & others) | woken;
    states.disturb(event, stopped | woken);
    this.#lost.addStopped(execution, event, stopped);
    this.#lostRaces.ofEnabled(event);
    this.#learn(execution, event, enabled & others, stopped);
    if (execution.isDone(thread)) this.#endInterrupt(execution, event, ~enabled & trail.interrupts[thread]);
    else if (!has(enabled, thread)) this.#analyseWaiting(execution, thread);
  }

  /**
   * The execution is over. If threads are left, they wait for ever, or a failure has ended it.
   *
   * @returns threads that could have gone on; 0 where that is not known
   */
  end(execution: ExecutionView): number {
    const trail = this.trail;
    if (trail.count === 0) return 0;
    let alive = 0;
    for (let thread = 0; thread < trail.threads; thread++) {
      if (!execution.isDone(thread)) alive |= 1 << thread;
    }
    if (alive === 0) return 0;
    const event = trail.count - 1;
    const thread = trail.thread[event];
    this.states.disturb(event, alive & this.states.enabled[event] & ~(1 << thread));
    if (execution.isDone(thread)) trail.enables[event] |= alive & trail.interrupts[thread];
    for (let rest = alive; rest !== 0; rest &= rest - 1) this.#analyseWaiting(execution, lowest(rest));
    return alive & ~this.#waiting(execution, alive);
  }

  /** Takes back all but the first `count` events. */
  truncate(count: number): void {
    this.trail.truncate(count);
    this.#lost.truncate(count);
  }

  /** Forgets what the events from number `count` on have taken away: they are settled again. */
  unsettle(count: number): void {
    this.#lost.truncate(count);
  }

  #learn(execution: ExecutionView, event: number, others: number, stopped: number): void {
    const { trail } = this;
    const kind = trail.kind[event];
    if (kind === OP_LOCAL && stopped !== 0 && learnInterrupt(trail, event, stopped)) this.learned = true;
    if (kind === OP_ACQUIRE && learnLock(trail, execution, event, others)) this.learned = true;
  }

  /** The event ends an interrupt. Whoever stood still goes on after it, or waits from now on for something else. */
  #endInterrupt(execution: ExecutionView, event: number, waiting: number): void {
    this.trail.enables[event] |= waiting;
    for (let rest = waiting; rest !== 0; rest &= rest - 1) {
      const thread = lowest(rest);
      if (!execution.isDone(thread)) this.#analyseWaiting(execution, thread);
    }
  }

  /** A thread has come to an operation that cannot be executed now, and perhaps never will: whom it came too late for. */
  #analyseWaiting(execution: ExecutionView, thread: number): void {
    const kind = execution.kindOf(thread);
    if (kind !== OP_ACQUIRE && kind !== OP_TIMEOUT) return;
    const low = execution.addressOf(thread);
    const { trail } = this;
    trail.analyse(thread, kind, low, low + execution.sizeOf(thread), kind === OP_ACQUIRE);
    for (let i = 0; i < trail.raceCount; i++) {
      // A wait that may not end by itself has come too late for those that did.
      const event = trail.races[i];
      if (trail.kind[event] === kind || kind === OP_ACQUIRE) {
        this.#reversals.beforeEvent(event, trail.count, thread);
      }
    }
  }

  /** Those of the threads that may have been waiting in the end, as far as their operations tell. */
  #waiting(execution: ExecutionView, threads: number): number {
    const { interrupts, last } = this.trail;
    let mask = 0;
    for (let rest = threads; rest !== 0; rest &= rest - 1) {
      const thread = lowest(rest);
      const kind = execution.kindOf(thread);
      // An interrupt that has not come waits, and while it runs, others do.
      if (last[thread] >= 0) mask |= interrupts[thread];
      else if (kind === OP_LOCAL) mask |= 1 << thread;
      if (kind === OP_ACQUIRE || kind === OP_TIMEOUT || kind === OP_AWAIT) mask |= 1 << thread;
    }
    return mask;
  }
}
