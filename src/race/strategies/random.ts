import type { ExecutionView } from '../engine/strategy.js';
import { Sampler, type Sampling } from './sampler.js';

const STREAM = 1;

/** Each step by any thread that can go on, all with the same chance. */
export class RandomStrategy extends Sampler {
  constructor(sampling: Sampling) {
    super(sampling, STREAM, false);
  }

  protected prepare(): void {}

  protected choose(_execution: ExecutionView, _current: number, enabled: number): number {
    return this.anyOf(enabled);
  }
}
