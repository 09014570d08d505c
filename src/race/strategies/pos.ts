import { MAX_THREADS, type ExecutionView } from '../engine/strategy.js';
import { pendingConflict } from './conflict.js';
import { has, lowest } from './mask.js';
import { Sampler, type Sampling } from './sampler.js';

const STREAM = 2;

/**
 * Partial order sampling (Yuan, Yang, Gu 2018). Every pending operation has a random priority, the highest is executed,
 * and those that it races with draw again: the chance of an order is spread over the operations whose order matters.
 */
export class PosStrategy extends Sampler {
  readonly #priority = new Float64Array(MAX_THREADS);
  /** Threads whose pending operation has no priority yet. */
  #fresh = 0;

  constructor(sampling: Sampling) {
    super(sampling, STREAM, false);
  }

  protected prepare(): void {
    this.#fresh = -1;
  }

  protected choose(execution: ExecutionView, _current: number, enabled: number): number {
    let best = -1;
    for (let rest = enabled; rest !== 0; rest &= rest - 1) {
      const thread = lowest(rest);
      if (has(this.#fresh, thread)) this.#priority[thread] = this.prng.next();
      if (best < 0 || this.#priority[thread] > this.#priority[best]) best = thread;
    }
    this.#fresh = (this.#fresh & ~enabled) | (1 << best);
    for (let rest = enabled & ~(1 << best); rest !== 0; rest &= rest - 1) {
      const thread = lowest(rest);
      if (pendingConflict(execution, best, thread)) this.#fresh |= 1 << thread;
    }
    return best;
  }
}
