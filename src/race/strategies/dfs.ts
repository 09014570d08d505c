import type { ExecutionEnd, ExecutionView, Strategy } from '../engine/strategy.js';
import { has, lowest, staying } from './mask.js';

/** What {@link DfsStrategy} notes about a choice; five numbers each. */
const CHOSEN = 0;
/** Threads not tried yet, a mask; for a number its limit. */
const REST = 1;
/** Preemptions before this choice. */
const USED = 2;
/** Whether another choice than the first one is a preemption: 0 or 1. */
const COST = 3;
/** Whether it is the choice of a number. */
const NUMBER = 4;
const FIELDS = 5;

/**
 * Depth first: every schedule once, those without a preemption first, then those with exactly one, and so on. A
 * preemption is that another thread goes on although the last one could.
 *
 * To find the schedules with exactly b preemptions, it has to walk those with fewer again, and gives them up as soon as
 * only one thread is left. They do not count as executions.
 */
export class DfsStrategy implements Strategy {
  complete = false;
  /** Executions since the exploration was started (over). */
  executions = 0;
  /** Preemptions that schedules have at present. */
  bound = 0;
  readonly #maxBound: number;
  #nodes = new Int32Array(1024 * FIELDS);
  /** Choices that are known, and how far the running execution is. */
  #length = 0;
  #depth = 0;
  /** Preemptions of the running execution so far; as for the known choices, from the last one on. */
  #used = 0;
  /** Some choice would have been a preemption too many. */
  #cut = false;
  #started = false;
  #exhausted = false;
  /** An execution went another way than it had before: nothing is certain. */
  #strayed = false;

  /** @param maxBound the last bound */
  constructor(maxBound = Infinity) {
    this.#maxBound = maxBound;
  }

  begin(execution: ExecutionView): boolean {
    if (execution.takeGrowth()) this.#startOver();
    if (this.#exhausted) return false;
    if (this.#started && !this.#advance()) {
      this.#exhausted = true;
      this.complete = !this.#cut && !this.#strayed;
      return false;
    }
    this.#started = true;
    this.#depth = 0;
    return true;
  }

  nextThread(execution: ExecutionView, current: number, enabled: number): number {
    if (this.#depth < this.#length) return this.#repeat(enabled);
    const preempts = current >= 0 && has(enabled, current);
    const thread = staying(current, enabled);
    const others = enabled & ~(1 << thread);
    const mayBranch = !preempts || this.#used < this.bound;
    if (others !== 0 && !mayBranch) this.#cut = true;
    if (others === 0 && this.#used < this.bound && isLast(execution, thread)) return -1;
    this.#push(thread, mayBranch ? others : 0, preempts ? 1 : 0, 0);
    return thread;
  }

  nextNumber(_execution: ExecutionView, limit: number): number {
    if (this.#depth < this.#length) {
      const number = this.#nodes[this.#depth++ * FIELDS + CHOSEN];
      if (number < limit) return number;
      this.#strayed = true;
      return 0;
    }
    this.#push(0, limit, 0, 1);
    return 0;
  }

  end(_execution: ExecutionView, end: ExecutionEnd): void {
    if (end.finished && this.#used === this.bound) this.executions++;
  }

  #repeat(enabled: number): number {
    const at = this.#depth++ * FIELDS;
    const thread = this.#nodes[at + CHOSEN];
    if (this.#nodes[at + NUMBER] === 0 && has(enabled, thread)) return thread;
    this.#strayed = true;
    return -1;
  }

  #push(chosen: number, rest: number, cost: number, number: number): void {
    const at = this.#length * FIELDS;
    if (at === this.#nodes.length) {
      const larger = new Int32Array(2 * at);
      larger.set(this.#nodes);
      this.#nodes = larger;
    }
    const nodes = this.#nodes;
    nodes[at + CHOSEN] = chosen;
    nodes[at + REST] = rest;
    nodes[at + USED] = this.#used;
    nodes[at + COST] = cost;
    nodes[at + NUMBER] = number;
    this.#length++;
    this.#depth++;
  }

  /** Goes to the next schedule; false when there is none. */
  #advance(): boolean {
    while (this.#length > 0) {
      if (this.#next(this.#nodes, (this.#length - 1) * FIELDS)) return true;
      this.#length--;
    }
    if (!this.#cut || this.bound >= this.#maxBound) return false;
    this.bound++;
    this.#cut = false;
    this.#used = 0;
    return true;
  }

  /** Makes the next choice at a node; false when it has none. */
  #next(nodes: Int32Array, at: number): boolean {
    const rest = nodes[at + REST];
    this.#used = nodes[at + USED];
    if (nodes[at + NUMBER] !== 0) {
      if (nodes[at + CHOSEN] + 1 >= rest) return false;
      nodes[at + CHOSEN]++;
      return true;
    }
    if (rest === 0) return false;
    nodes[at + CHOSEN] = lowest(rest);
    nodes[at + REST] = rest & (rest - 1);
    this.#used += nodes[at + COST];
    return true;
  }

  #startOver(): void {
    this.complete = false;
    this.executions = 0;
    this.bound = 0;
    this.#length = 0;
    this.#used = 0;
    this.#cut = false;
    this.#started = false;
    this.#exhausted = false;
    this.#strayed = false;
  }
}

/** Whether all other threads have ended: no switch can follow. */
function isLast(execution: ExecutionView, thread: number): boolean {
  for (let other = 0; other < execution.threads; other++) {
    if (other !== thread && !execution.isDone(other)) return false;
  }
  return true;
}
