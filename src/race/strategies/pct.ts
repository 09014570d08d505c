import { MAX_THREADS, type ExecutionView } from '../engine/strategy.js';
import { lowest } from './mask.js';
import { Sampler, type Sampling } from './sampler.js';

const STREAM = 16;

/**
 * Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte 2010). Threads have random priorities;
 * the highest one that can go on does. At `depth - 1` steps chosen by chance, the thread whose turn it would be falls
 * below all others. A bug that `depth` orderings make appear is found with a probability of at least
 * 1 / (threads * steps ^ (depth - 1)) in each execution.
 */
export class PctStrategy extends Sampler {
  readonly #depth: number;
  readonly #priority = new Int32Array(MAX_THREADS);
  /** Steps at which priorities change, by the priority that is given there. */
  readonly #changes: Int32Array;
  #step = 0;

  constructor(sampling: Sampling, depth: number) {
    super(sampling, STREAM + depth, depth > 1);
    this.#depth = depth;
    this.#changes = new Int32Array(depth - 1);
  }

  protected prepare(execution: ExecutionView): void {
    const priority = this.#priority;
    for (let i = 0; i < execution.threads; i++) {
      const j = this.prng.below(i + 1);
      priority[i] = priority[j];
      priority[j] = this.#depth + i;
    }
    for (let i = 0; i < this.#changes.length; i++) this.#changes[i] = this.prng.below(this.profile.steps);
    this.#step = 0;
  }

  protected choose(_execution: ExecutionView, _current: number, enabled: number): number {
    const step = this.#step++;
    let thread = this.#highest(enabled);
    for (let i = 0; i < this.#changes.length; i++) {
      if (this.#changes[i] !== step) continue;
      this.#priority[thread] = i;
      thread = this.#highest(enabled);
    }
    return thread;
  }

  #highest(enabled: number): number {
    let best = lowest(enabled);
    let rest = enabled & (enabled - 1);
    while (rest !== 0) {
      const thread = lowest(rest);
      rest &= rest - 1;
      if (this.#priority[thread] > this.#priority[best]) best = thread;
    }
    return best;
  }
}
