import type { ExecutionEnd, ExecutionView, Strategy } from '../engine/strategy.js';
import { ChosenNumbers } from './chosen-numbers.js';
import { DporAnalysis } from './dpor-analysis.js';
import { has, lowest, staying } from './mask.js';

const NONE = -1;

/**
 * Dynamic partial order reduction with source sets and sleep sets (Abdulla, Aronis, Jonsson, Sagonas 2014). Executions
 * that differ only in the order of operations that do not conflict are one; each is executed once. When an execution
 * shows that two operations race, one that starts to run them the other way round is put on the list of the state before
 * the first of them. A thread sleeps where all that it could begin with is covered already, until an operation conflicts
 * with its own; an execution in which all sleep is given up.
 */
export class DporStrategy implements Strategy {
  complete = false;
  /** Executions since the exploration was started (over): those that differ. */
  executions = 0;
  /** Executions given up because all that could follow was covered. */
  redundant = 0;
  #analysis = new DporAnalysis(0);
  #numbers = new ChosenNumbers();
  /** The state that is being left in another way than before; -1 for none. */
  #branch = NONE;
  #depth = 0;
  /** Events whose consequences have been looked at: who can go on, and who cannot any more. */
  #settled = 0;
  #started = false;
  #exhausted = false;
  /** Something was not explored: an execution ended early, or took another way than it had before. */
  #missed = false;
  #gaveUp = false;

  begin(execution: ExecutionView): boolean {
    const grown = execution.takeGrowth();
    if (grown || this.#analysis.learned || execution.threads !== this.#analysis.trail.threads)
      this.#startOver(execution.threads);
    if (this.#exhausted) return false;
    if (this.#started && !this.#advance()) {
      this.#exhausted = true;
      this.complete = !this.#missed && !this.#numbers.strayed;
      return false;
    }
    this.#started = true;
    this.#gaveUp = false;
    this.#depth = 0;
    this.#numbers.begin();
    return true;
  }

  nextThread(execution: ExecutionView, current: number, enabled: number): number {
    const depth = this.#depth;
    const { trail, states } = this.#analysis;
    if (depth < trail.count) return this.#repeat(execution, depth, enabled);
    if (this.#settled < depth) {
      this.#analysis.settle(execution, enabled);
      this.#settled = depth;
    }
    if (depth === this.#branch) return this.#takeBranch(execution, depth, enabled);
    const awake = enabled & ~states.asleepAt(depth);
    if (awake === 0) return this.#giveUp();
    const thread = staying(current, awake);
    states.open(depth, enabled, thread);
    return this.#execute(execution, depth, thread);
  }

  nextNumber(_execution: ExecutionView, limit: number): number {
    return this.#numbers.next(limit, this.#depth);
  }

  end(execution: ExecutionView, end: ExecutionEnd): void {
    if (!end.finished) {
      if (!this.#gaveUp) this.#missed = true;
      return;
    }
    this.executions++;
    const couldGoOn = this.#analysis.end(execution);
    if (end.failed && couldGoOn !== 0) this.#missed = true;
  }

  #repeat(execution: ExecutionView, depth: number, enabled: number): number {
    const { states, trail } = this.#analysis;
    if (enabled !== states.enabled[depth]) return this.#stray();
    // The latest event is looked at again where it is followed by another number.
    if (depth === this.#settled) this.#analysis.look(execution, depth);
    this.#depth++;
    return trail.thread[depth];
  }

  #takeBranch(execution: ExecutionView, depth: number, enabled: number): number {
    const { states } = this.#analysis;
    const thread = lowest(states.alternatives(depth));
    this.#branch = NONE;
    if (enabled !== states.enabled[depth] || !has(enabled, thread)) return this.#stray();
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

  #execute(execution: ExecutionView, depth: number, thread: number): number {
    this.#analysis.execute(execution, depth, thread);
    this.#depth = depth + 1;
    return thread;
  }

  /** Goes back to the latest choice that has an alternative left; false when none has. */
  #advance(): boolean {
    const { trail, states } = this.#analysis;
    const numbers = this.#numbers;
    let number = numbers.count - 1;
    for (let state = trail.count; state >= 0; state--) {
      if (state < trail.count) {
        states.sleep[state] |= 1 << trail.thread[state];
        if (states.alternatives(state) !== 0) {
          this.#branchAt(state, number + 1);
          return true;
        }
      }
      for (; numbers.isAskedAt(number, state); number--) {
        if (!numbers.hasNext(number)) continue;
        this.#takeNextNumber(number, state);
        return true;
      }
    }
    return false;
  }

  /** The next execution leaves a state in another way. Before it come `numbers` numbers. */
  #branchAt(state: number, numbers: number): void {
    this.#analysis.truncate(state);
    this.#numbers.truncate(numbers);
    this.#branch = state;
    this.#settled = state;
  }

  /** The next execution gets another number in a state. */
  #takeNextNumber(number: number, state: number): void {
    this.#analysis.truncate(state);
    this.#numbers.takeNext(number);
    this.#branch = NONE;
    // What the event before does depends on the number.
    this.#settled = Math.max(0, state - 1);
    this.#analysis.unsettle(this.#settled);
  }

  #startOver(threads: number): void {
    this.#analysis = new DporAnalysis(threads, this.#analysis.trail);
    this.#numbers = new ChosenNumbers();
    this.#branch = NONE;
    this.#settled = 0;
    this.complete = false;
    this.executions = 0;
    this.redundant = 0;
    this.#started = false;
    this.#exhausted = false;
    this.#missed = false;
  }
}
