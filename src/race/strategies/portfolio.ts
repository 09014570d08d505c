import type { ExecutionEnd, ExecutionView, Strategy } from '../engine/strategy.js';
import { DfsStrategy } from './dfs.js';
import { DporStrategy } from './dpor.js';
import { PctStrategy } from './pct.js';
import { PosStrategy } from './pos.js';
import { Profile } from './profile.js';
import { RandomStrategy } from './random.js';
import type { Sampling } from './sampler.js';
import { SurwStrategy } from './surw.js';

/** Preemptions up to which all schedules are tried first. */
const FIRST_BOUND = 1;
/** Executions after which the others take turns with that. */
const FIRST_LIMIT = 600;
/** Executions in a row by one strategy. They take about the same time with each; the clock would not be repeatable. */
const SLICE = 16;

/** What a member sees when it begins: whether scheduling points became more since *it* was asked last. */
class MemberView implements ExecutionView {
  grown = false;
  #execution: ExecutionView | undefined;

  look(execution: ExecutionView): this {
    this.#execution = execution;
    return this;
  }

  get threads(): number {
    return this.#view().threads;
  }

  get steps(): number {
    return this.#view().steps;
  }

  kindOf(thread: number): number {
    return this.#view().kindOf(thread);
  }

  addressOf(thread: number): number {
    return this.#view().addressOf(thread);
  }

  sizeOf(thread: number): number {
    return this.#view().sizeOf(thread);
  }

  isDone(thread: number): boolean {
    return this.#view().isDone(thread);
  }

  takeGrowth(): boolean {
    const { grown } = this;
    this.grown = false;
    return grown;
  }

  #view(): ExecutionView {
    if (this.#execution === undefined) throw new Error('a view before the first execution');
    return this.#execution;
  }
}

class Member {
  readonly strategy: Strategy;
  readonly view = new MemberView();

  constructor(strategy: Strategy) {
    this.strategy = strategy;
  }

  begin(execution: ExecutionView): boolean {
    return this.strategy.begin(this.view.look(execution));
  }
}

/**
 * The default: what nobody has to choose. First all schedules with at most one preemption, which find most bugs and give
 * the simplest reports, or as many of them as there is room for; then the others take turns, each going on where it was. Complete as soon as one of them has
 * covered everything.
 *
 * Which execution is whose depends on the executions before it alone. Where the first execution is not number 0, the
 * exhaustive beginning and dpor are left out: they belong to whoever has number 0.
 */
export class PortfolioStrategy implements Strategy {
  complete = false;
  readonly #profile = new Profile();
  readonly #first: Member | undefined;
  readonly #rotation: Member[];
  #isFirst: boolean;
  #firstExecutions = 0;
  #turn = 0;
  #inSlice = 0;
  #current: Strategy;

  constructor(sampling: Sampling) {
    const shared = { ...sampling, profile: this.#profile };
    const isWhole = sampling.firstExecution === 0;
    this.#first = isWhole ? new Member(new DfsStrategy(FIRST_BOUND)) : undefined;
    this.#isFirst = isWhole;
    const strategies: Strategy[] = [
      new PctStrategy(shared, 2),
      new PctStrategy(shared, 3),
      new PosStrategy(shared),
      new SurwStrategy(shared),
      new RandomStrategy(shared),
    ];
    if (isWhole) strategies.push(new DporStrategy());
    this.#rotation = strategies.map((strategy) => new Member(strategy));
    this.#current = strategies[0];
  }

  begin(execution: ExecutionView): boolean {
    if (this.complete) return false;
    if (execution.takeGrowth()) this.#noteGrowth();
    if (this.#isFirst && this.#first !== undefined) {
      if (this.#begins(this.#first, execution)) {
        this.#noteFirst(this.#first);
        return true;
      }
      if (this.#ends(this.#first)) return false;
      this.#isFirst = false;
    }
    const slice = this.#inSlice++;
    if (slice === SLICE) {
      this.#turn = (this.#turn + 1) % this.#rotation.length;
      this.#inSlice = 1;
    }
    while (!this.#begins(this.#rotation[this.#turn], execution)) {
      if (this.#ends(this.#rotation[this.#turn])) return false;
      // It has nothing left but cannot say that this was all.
      this.#rotation.splice(this.#turn, 1);
      this.#turn %= this.#rotation.length;
      this.#inSlice = 1;
    }
    return true;
  }

  /** Long executions have so many places for one preemption that the others would never have their turn. */
  #noteFirst(first: Member): void {
    if (++this.#firstExecutions < FIRST_LIMIT) return;
    this.#isFirst = false;
    this.#rotation.push(first);
  }

  nextThread(execution: ExecutionView, current: number, enabled: number): number {
    return this.#current.nextThread(execution, current, enabled);
  }

  nextNumber(execution: ExecutionView, limit: number): number {
    return this.#current.nextNumber(execution, limit);
  }

  end(execution: ExecutionView, end: ExecutionEnd): void {
    this.#current.end(execution, end);
  }

  #noteGrowth(): void {
    this.#profile.forget();
    if (this.#first !== undefined) this.#first.view.grown = true;
    for (const member of this.#rotation) {
      member.view.grown = member === this.#first || member.strategy instanceof DporStrategy;
    }
  }

  #begins(member: Member, execution: ExecutionView): boolean {
    this.#current = member.strategy;
    return member.begin(execution);
  }

  /** Whether a member that has nothing left has covered everything. */
  #ends(member: Member): boolean {
    if (member.strategy.complete) this.complete = true;
    return this.complete;
  }
}
