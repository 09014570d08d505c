import { OP_LOCAL } from '../engine/op.js';
import { MAX_THREADS, type ExecutionView } from '../engine/strategy.js';
import { has, lowest } from './mask.js';
import { Sampler, type Sampling } from './sampler.js';

const STREAM = 3;
/** One execution of so many takes all operations for interesting. */
const EVERYTHING = 4;
const ALL = -1;

/**
 * Selectively uniform random walk (Zhao, Wolff, Mathur, Roychoudhury 2025). Each execution picks the operations that it
 * is interested in: those on one contended word, or all. The next of them is that of a thread drawn with a chance in
 * proportion to how many of them it has left, which makes all their interleavings about equally likely; threads whose
 * next operation is of no interest go on by plain chance meanwhile.
 */
export class SurwStrategy extends Sampler {
  readonly #left = new Int32Array(MAX_THREADS);
  #address = ALL;
  /** The thread whose interesting operation comes next; -1 to draw it. */
  #intended = -1;

  constructor(sampling: Sampling) {
    super(sampling, STREAM, true);
  }

  protected prepare(): void {
    const { contended, operations } = this.profile;
    this.#intended = -1;
    if (contended.length === 0 || this.prng.below(EVERYTHING) === 0) {
      this.#address = ALL;
      this.#left.set(operations);
      return;
    }
    const word = contended[this.prng.below(contended.length)];
    this.#address = word.address;
    this.#left.set(word.operations);
  }

  protected choose(execution: ExecutionView, _current: number, enabled: number): number {
    if (this.#address === ALL) return this.#spend(this.#draw(enabled));
    const interested = this.#interested(execution, enabled);
    const intended = this.#intended;
    if (intended < 0 || execution.isDone(intended)) this.#intended = this.#draw(this.#alive(execution));
    const free = enabled & ~(interested & ~(1 << this.#intended));
    // Nobody is free when the intended thread waits for one of the others.
    const thread = this.anyOf(free === 0 ? enabled : free);
    if (!has(interested, thread)) return thread;
    if (thread === this.#intended) this.#intended = -1;
    return this.#spend(thread);
  }

  #spend(thread: number): number {
    if (this.#left[thread] > 0) this.#left[thread]--;
    return thread;
  }

  /** Draws a thread by what is left to it; if nothing is left to any, all have the same chance. */
  #draw(mask: number): number {
    let sum = 0;
    for (let rest = mask; rest !== 0; rest &= rest - 1) sum += this.#left[lowest(rest)];
    if (sum === 0) return this.anyOf(mask);
    let at = this.prng.below(sum);
    for (let rest = mask; ; rest &= rest - 1) {
      const thread = lowest(rest);
      at -= this.#left[thread];
      if (at < 0) return thread;
    }
  }

  #alive(execution: ExecutionView): number {
    let mask = 0;
    for (let thread = 0; thread < execution.threads; thread++) {
      if (!execution.isDone(thread)) mask |= 1 << thread;
    }
    return mask;
  }

  #interested(execution: ExecutionView, enabled: number): number {
    let mask = 0;
    for (let rest = enabled; rest !== 0; rest &= rest - 1) {
      const thread = lowest(rest);
      if (execution.kindOf(thread) === OP_LOCAL) continue;
      if (execution.addressOf(thread) === this.#address) mask |= 1 << thread;
    }
    return mask;
  }
}
