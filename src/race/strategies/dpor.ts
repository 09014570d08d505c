import { OP_ACQUIRE, OP_AWAIT, OP_CAS, OP_LOCAL, OP_NOTIFY, OP_TIMEOUT, OP_WAIT } from '../engine/op.js';
import { MAX_THREADS, type ExecutionEnd, type ExecutionView, type Strategy } from '../engine/strategy.js';
import { doubled } from './access-chains.js';
import { conflicts, pendingConflict, writesMemory } from './conflict.js';
import { LostOperations, type LostOperation } from './lost-operations.js';
import { has, lowest, staying } from './mask.js';
import { Trail } from './trail.js';

const NONE = -1;
const FIRST_NODES = 1024;

/**
 * Dynamic partial order reduction with source sets and sleep sets (Abdulla, Aronis, Jonsson, Sagonas 2014). Executions
 * that differ only in the order of operations that do not conflict are one; each is executed once. When an execution
 * shows that two operations race, one that starts to run them the other way round is put on the list of the state before
 * the first of them. A thread sleeps where all that it could begin with is covered already, until an operation conflicts
 * with its own; an execution in which all sleep is given up.
 *
 * What waits for what is seen from who can go on before and after each operation. Numbers are chosen depth first, each
 * number in every state where one is asked for.
 */
export class DporStrategy implements Strategy {
  complete = false;
  /** Executions since the exploration was started (over): those that differ. */
  executions = 0;
  /** Executions given up because all that could follow was covered. */
  redundant = 0;
  #trail = new Trail(0);
  // By node, which is the state before the event of the same number: sets of threads.
  #enabled: Int32Array = new Int32Array(FIRST_NODES);
  /** Threads to begin with; those in #sleep need not, or have been. */
  #backtrack: Int32Array = new Int32Array(FIRST_NODES);
  #sleep: Int32Array = new Int32Array(FIRST_NODES);
  /** Who sleeps after the event. */
  #sleepAfter: Int32Array = new Int32Array(FIRST_NODES);
  /** The node that is being left in another way than before; -1 for none. */
  #branch = NONE;
  #depth = 0;
  /** Events whose consequences have been looked at: who can go on, and who cannot any more. */
  #settled = 0;
  /** Threads whose pending operation may become another one by the latest event, and what it was before. */
  #looked = 0;
  readonly #kindBefore = new Int32Array(MAX_THREADS);
  readonly #lowBefore = new Float64Array(MAX_THREADS);
  readonly #highBefore = new Float64Array(MAX_THREADS);
  // Numbers that were chosen: value, limit, and how many events came before.
  readonly #numbers: number[] = [];
  readonly #limits: number[] = [];
  readonly #askedAt: number[] = [];
  #number = 0;
  readonly #lost = new LostOperations();
  readonly #firstOf = new Int32Array(MAX_THREADS);
  #started = false;
  #exhausted = false;
  #restart = false;
  /** Something was not explored: an execution ended early, or took another way than it had before. */
  #missed = false;
  #gaveUp = false;

  begin(execution: ExecutionView): boolean {
    const grown = execution.takeGrowth();
    if (grown || this.#restart || execution.threads !== this.#trail.threads)
      this.#startOver(execution.threads);
    if (this.#exhausted) return false;
    if (this.#started && !this.#advance()) {
      this.#exhausted = true;
      this.complete = !this.#missed;
      return false;
    }
    this.#started = true;
    this.#gaveUp = false;
    this.#depth = 0;
    this.#number = 0;
    return true;
  }

  nextThread(execution: ExecutionView, current: number, enabled: number): number {
    const depth = this.#depth;
    const trail = this.#trail;
    if (depth < trail.count) return this.#repeat(execution, depth, enabled);
    if (this.#settled < depth) this.#settle(execution, enabled);
    if (depth === this.#branch) return this.#takeBranch(execution, depth, enabled);
    if (depth === this.#enabled.length) this.#grow();
    const sleep = depth === 0 ? 0 : this.#sleepAfter[depth - 1];
    const awake = enabled & ~sleep;
    if (awake === 0) return this.#giveUp();
    const thread = staying(current, awake);
    this.#enabled[depth] = enabled;
    this.#sleep[depth] = sleep;
    this.#backtrack[depth] = 1 << thread;
    return this.#execute(execution, depth, thread);
  }

  nextNumber(_execution: ExecutionView, limit: number): number {
    const at = this.#number++;
    if (at < this.#numbers.length) {
      if (this.#limits[at] !== limit) this.#missed = true;
      return Math.min(this.#numbers[at], limit - 1);
    }
    this.#numbers.push(0);
    this.#limits.push(limit);
    this.#askedAt.push(this.#depth);
    return 0;
  }

  end(execution: ExecutionView, end: ExecutionEnd): void {
    if (!end.finished) {
      if (!this.#gaveUp) this.#missed = true;
      return;
    }
    this.executions++;
    this.#settleEnd(execution, end.failed);
  }

  #repeat(execution: ExecutionView, depth: number, enabled: number): number {
    if (enabled !== this.#enabled[depth]) return this.#stray();
    // The latest event is looked at again where it is followed by another number.
    if (depth === this.#settled) this.#look(execution, depth);
    this.#depth++;
    return this.#trail.thread[depth];
  }

  #takeBranch(execution: ExecutionView, depth: number, enabled: number): number {
    const thread = lowest(this.#backtrack[depth] & ~this.#sleep[depth]);
    this.#branch = NONE;
    if (enabled !== this.#enabled[depth] || !has(enabled, thread)) return this.#stray();
    return this.#execute(execution, depth, thread);
  }

  #giveUp(): number {
    this.#gaveUp = true;
    this.redundant++;
    return -1;
  }

  #stray(): number {
    this.#missed = true;
    this.#gaveUp = true;
    return -1;
  }

  /** The thread executes its operation in the state of a node. */
  #execute(execution: ExecutionView, depth: number, thread: number): number {
    const kind = execution.kindOf(thread);
    const low = execution.addressOf(thread);
    const high = low + execution.sizeOf(thread);
    this.#sleepAfter[depth] = this.#asleep(execution, this.#sleep[depth] & ~(1 << thread), thread);
    this.#trail.push(thread, kind, low, high);
    this.#handleRaces(depth, thread);
    if (this.#lost.list.length > 0) this.#tryLost(depth);
    this.#look(execution, depth);
    this.#depth = depth + 1;
    return thread;
  }

  /** Those of the sleeping threads whose operations do not conflict with that of a thread. */
  #asleep(execution: ExecutionView, sleep: number, thread: number): number {
    let asleep = sleep;
    for (let rest = sleep; rest !== 0; rest &= rest - 1) {
      const other = lowest(rest);
      if (this.#dependent(execution, thread, other)) asleep &= ~(1 << other);
    }
    return asleep;
  }

  #dependent(execution: ExecutionView, a: number, b: number): boolean {
    if (this.#interrupts(execution, a, b) || this.#interrupts(execution, b, a)) return true;
    if (this.#watches(execution, a, b) || this.#watches(execution, b, a)) return true;
    return pendingConflict(execution, a, b);
  }

  #interrupts(execution: ExecutionView, thread: number, other: number): boolean {
    return execution.kindOf(thread) === OP_LOCAL && has(this.#trail.interruptedBy(thread), other);
  }

  /** Whether a thread spins and what the other one writes may make it go on, or stay. */
  #watches(execution: ExecutionView, spinning: number, writing: number): boolean {
    if (execution.kindOf(spinning) !== OP_AWAIT || !writesMemory(execution.kindOf(writing))) return false;
    const low = execution.addressOf(writing);
    return this.#trail.watches(this.#trail.last[spinning], low, low + execution.sizeOf(writing));
  }

  /**
   * Remembers the operations of others that the event, which is about to happen, may turn into another kind: timed waits
   * whose threads are notified; waits and compareExchanges that find another value.
   */
  #look(execution: ExecutionView, event: number): void {
    const trail = this.#trail;
    const kind = trail.kind[event];
    this.#looked = 0;
    const writes = writesMemory(kind);
    if (!writes && kind !== OP_NOTIFY) return;
    const low = trail.low[event];
    const high = trail.high[event];
    let rest = (this.#enabled[event] | this.#suspended(execution)) & ~(1 << trail.thread[event]);
    for (; rest !== 0; rest &= rest - 1) {
      const other = lowest(rest);
      const otherKind = execution.kindOf(other);
      const mayChange = writes ? otherKind === OP_WAIT || otherKind === OP_CAS : otherKind === OP_TIMEOUT;
      if (!mayChange) continue;
      const otherLow = execution.addressOf(other);
      const otherHigh = otherLow + execution.sizeOf(other);
      if (otherLow >= high || low >= otherHigh) continue;
      this.#looked |= 1 << other;
      this.#kindBefore[other] = otherKind;
      this.#lowBefore[other] = otherLow;
      this.#highBefore[other] = otherHigh;
    }
  }

  /** Threads that stand still while an interrupt runs. */
  #suspended(execution: ExecutionView): number {
    const { handlers, interrupts, last } = this.#trail;
    let mask = 0;
    for (let rest = handlers; rest !== 0; rest &= rest - 1) {
      const handler = lowest(rest);
      if (last[handler] >= 0 && !execution.isDone(handler)) mask |= interrupts[handler];
    }
    return mask;
  }

  /** Sees to it that the races of an event, pushed or only analysed, are explored the other way round. */
  #handleRaces(event: number, thread: number): void {
    const { races, raceCount } = this.#trail;
    for (let i = 0; i < raceCount; i++) this.#reverse(races[i], event, thread);
  }

  /**
   * Sees to it that executions are explored in which `later`, of the thread, does not come after `event`. All that is
   * between them and does not depend on `event` could come before it, too; one of the threads that this can begin with
   * has to be explored in the state before `event`.
   *
   * @param thread -1 for an operation that never came, after the last event between the two
   */
  #reverse(event: number, later: number, thread: number): void {
    const covered = this.#backtrack[event] | this.#sleep[event];
    const enabled = this.#enabled[event];
    const firstOf = this.#firstOf;
    const trail = this.#trail;
    const isLost = thread < 0;
    let members = 0;
    let initials = 0;
    for (let at = event + 1; at < later; at++) {
      const other = trail.thread[at];
      if (has(members, other) || trail.isBefore(event, at)) continue;
      if (!this.#follows(members, at)) {
        if (has(covered, other)) return;
        initials |= 1 << other;
      }
      members |= 1 << other;
      firstOf[other] = at;
    }
    if (!isLost && !has(members, thread) && !this.#follows(members, later)) {
      // It was about to do the same before `event`: if it could not, `event` is what let it.
      if (!has(enabled, thread)) return;
      if (has(covered, thread)) return;
      initials |= 1 << thread;
    }
    initials &= enabled;
    if (!isLost && has(initials, thread)) this.#backtrack[event] |= 1 << thread;
    else this.#backtrack[event] |= initials === 0 ? enabled : initials & -initials;
  }

  /** Whether an event depends on the first of those that {@link #reverse} has met of some threads. */
  #follows(members: number, event: number): boolean {
    const { clocks, threads } = this.#trail;
    const clock = event * threads;
    for (let rest = members; rest !== 0; rest &= rest - 1) {
      const thread = lowest(rest);
      if (clocks[clock + thread] >= this.#firstOf[thread]) return true;
    }
    return false;
  }

  /** Looks at what the latest event has done to who can go on. */
  #settle(execution: ExecutionView, enabled: number): void {
    const trail = this.#trail;
    const event = trail.count - 1;
    const thread = trail.thread[event];
    const others = ~(1 << thread);
    const before = this.#enabled[event];
    const changed = this.#loseChanged(execution, event);
    const woken = trail.kind[event] === OP_NOTIFY ? changed : 0;
    const stopped = before & ~enabled & others;
    trail.enables[event] = (enabled & ~before & others) | woken;
    this.#disturb(event, stopped | woken);
    this.#loseStopped(execution, event, stopped);
    this.#tryEnabled(event);
    if (trail.kind[event] === OP_LOCAL && stopped !== 0) this.#learnInterrupt(event, thread, stopped);
    if (trail.kind[event] === OP_ACQUIRE) this.#learnLock(execution, event, enabled & others);
    if (execution.isDone(thread)) this.#endInterrupt(execution, event, ~enabled & trail.interrupts[thread]);
    else if (!has(enabled, thread)) this.#analyseWaiting(execution, thread);
    this.#settled = trail.count;
  }

  /** An event has taken the pending operations of these threads from them: they have to be tried before it. */
  #disturb(event: number, threads: number): void {
    this.#sleepAfter[event] &= ~threads;
    this.#backtrack[event] |= threads & this.#enabled[event] & ~this.#sleep[event];
  }

  /** Notes the operations that {@link #look} has seen and that are others now. */
  #loseChanged(execution: ExecutionView, event: number): number {
    let changed = 0;
    for (let rest = this.#looked; rest !== 0; rest &= rest - 1) {
      const thread = lowest(rest);
      const kind = this.#kindBefore[thread];
      if (execution.kindOf(thread) === kind) continue;
      changed |= 1 << thread;
      this.#lost.add(
        event,
        thread,
        kind,
        this.#lowBefore[thread],
        this.#highBefore[thread],
        this.#trail.last[thread],
      );
    }
    this.#looked = 0;
    return changed;
  }

  /** Notes the operations of threads that cannot go on any more. */
  #loseStopped(execution: ExecutionView, event: number, stopped: number): void {
    const trail = this.#trail;
    for (let rest = stopped; rest !== 0; rest &= rest - 1) {
      const thread = lowest(rest);
      const kind = execution.kindOf(thread);
      // An interrupt that cannot come now, or the return from a wait, matter to nobody else.
      if (kind === OP_LOCAL) continue;
      const low = execution.addressOf(thread);
      // Whatever matters to who wants a lock, matters to who has taken it; apart from interrupts.
      const isSame = kind === OP_ACQUIRE && trail.kind[event] === kind && trail.low[event] === low;
      if (isSame && trail.handlers === 0) continue;
      this.#lost.add(event, thread, kind, low, low + execution.sizeOf(thread), trail.last[thread]);
    }
  }

  /** The same as {@link #tryLost} for threads that can go on because of the event, and could have done so before. */
  #tryEnabled(event: number): void {
    const enables = this.#trail.enables[event];
    if (enables === 0) return;
    for (const lost of this.#lost.list) {
      if (has(enables, lost.thread) && lost.event < event && !this.#trail.isBefore(lost.event, event)) {
        this.#reverse(lost.event, event + 1, NONE);
      }
    }
  }

  /**
   * What has just been executed may also come before an operation that an earlier event has taken away, and matter to it
   * there.
   */
  #tryLost(event: number): void {
    for (const lost of this.#lost.list) {
      if (this.#mattersToLost(event, lost)) this.#reverse(lost.event, event + 1, NONE);
    }
  }

  #mattersToLost(event: number, lost: LostOperation): boolean {
    const trail = this.#trail;
    const thread = trail.thread[event];
    if (thread === lost.thread || trail.isBefore(lost.event, event)) return false;
    const kind = trail.kind[event];
    const low = trail.low[event];
    const high = trail.high[event];
    if (kind === OP_LOCAL) return trail.isFirst(event) && has(trail.interrupts[thread], lost.thread);
    if (lost.kind === OP_AWAIT && writesMemory(kind) && trail.watches(lost.after, low, high)) return true;
    return conflicts(lost.kind, lost.low, lost.high, kind, low, high);
  }

  /** The event has made threads stand still. If it begins an interrupt, it always does, also where that is not seen. */
  #learnInterrupt(event: number, thread: number, stopped: number): void {
    const trail = this.#trail;
    if (!trail.isFirst(event) || (stopped & ~trail.interrupts[thread]) === 0) return;
    trail.interrupts[thread] |= stopped;
    trail.handlers |= 1 << thread;
    this.#restart = true;
  }

  /** The event ends an interrupt. Whoever stood still goes on after it, or waits from now on for something else. */
  #endInterrupt(execution: ExecutionView, event: number, waiting: number): void {
    this.#trail.enables[event] |= waiting;
    for (let rest = waiting; rest !== 0; rest &= rest - 1) {
      const thread = lowest(rest);
      if (!execution.isDone(thread)) this.#analyseWaiting(execution, thread);
    }
  }

  /** A lock that others can take as well now is one that several can hold. What was explored has to be seen anew. */
  #learnLock(execution: ExecutionView, event: number, others: number): void {
    const { low, holds, sharedLocks } = this.#trail;
    const lock = low[event];
    if (sharedLocks.has(lock)) return;
    let isShared = holds[event] > 1;
    for (let rest = others; rest !== 0; rest &= rest - 1) {
      const other = lowest(rest);
      if (execution.kindOf(other) === OP_ACQUIRE && execution.addressOf(other) === lock) isShared = true;
    }
    if (!isShared) return;
    sharedLocks.add(lock);
    this.#restart = true;
  }

  /** A thread has come to an operation that cannot be executed now, and perhaps never will: whom it came too late for. */
  #analyseWaiting(execution: ExecutionView, thread: number): void {
    const kind = execution.kindOf(thread);
    if (kind !== OP_ACQUIRE && kind !== OP_TIMEOUT) return;
    const low = execution.addressOf(thread);
    const trail = this.#trail;
    trail.analyse(thread, kind, low, low + execution.sizeOf(thread), kind === OP_ACQUIRE);
    for (let i = 0; i < trail.raceCount; i++) {
      // A wait that may not end by itself has come too late for those that did.
      const event = trail.races[i];
      if (trail.kind[event] === kind || kind === OP_ACQUIRE) this.#reverse(event, trail.count, thread);
    }
  }

  /** The execution is over. If threads are left, they wait for ever, or a failure has ended it. */
  #settleEnd(execution: ExecutionView, failed: boolean): void {
    const trail = this.#trail;
    if (trail.count === 0) return;
    let alive = 0;
    for (let thread = 0; thread < trail.threads; thread++) {
      if (!execution.isDone(thread)) alive |= 1 << thread;
    }
    if (alive === 0) return;
    const event = trail.count - 1;
    const thread = trail.thread[event];
    this.#disturb(event, alive & this.#enabled[event] & ~(1 << thread));
    if (execution.isDone(thread)) trail.enables[event] |= alive & trail.interrupts[thread];
    for (let rest = alive; rest !== 0; rest &= rest - 1) this.#analyseWaiting(execution, lowest(rest));
    if (failed && (alive & ~this.#waiting(execution, alive)) !== 0) this.#missed = true;
  }

  /** Those of the threads that may have been waiting in the end, as far as their operations tell. */
  #waiting(execution: ExecutionView, threads: number): number {
    const { interrupts, last } = this.#trail;
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

  /** Goes back to the latest choice that has an alternative left; false when none has. */
  #advance(): boolean {
    const trail = this.#trail;
    let number = this.#numbers.length - 1;
    for (let node = trail.count; node >= 0; node--) {
      if (node < trail.count) {
        this.#sleep[node] |= 1 << trail.thread[node];
        if ((this.#backtrack[node] & ~this.#sleep[node]) !== 0) {
          this.#cut(node, number + 1);
          this.#branch = node;
          this.#settled = node;
          return true;
        }
      }
      for (; number >= 0 && this.#askedAt[number] === node; number--) {
        if (this.#numbers[number] + 1 >= this.#limits[number]) continue;
        this.#cut(node, number + 1);
        this.#numbers[number]++;
        this.#branch = NONE;
        // What the event before does depends on the number.
        this.#settled = Math.max(0, node - 1);
        this.#lost.truncate(node - 1);
        return true;
      }
    }
    return false;
  }

  #cut(events: number, numbers: number): void {
    this.#trail.truncate(events);
    this.#lost.truncate(events);
    this.#numbers.length = numbers;
    this.#limits.length = numbers;
    this.#askedAt.length = numbers;
  }

  #grow(): void {
    this.#enabled = doubled(this.#enabled);
    this.#backtrack = doubled(this.#backtrack);
    this.#sleep = doubled(this.#sleep);
    this.#sleepAfter = doubled(this.#sleepAfter);
  }

  #startOver(threads: number): void {
    this.#trail = new Trail(threads, this.#trail);
    this.#cut(0, 0);
    this.#branch = NONE;
    this.#settled = 0;
    this.#looked = 0;
    this.complete = false;
    this.executions = 0;
    this.redundant = 0;
    this.#started = false;
    this.#exhausted = false;
    this.#restart = false;
    this.#missed = false;
  }
}
