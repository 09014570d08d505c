import type { ExecutionEnd, ExecutionView, Strategy } from '../engine/strategy.js';
import { nth, sizeOfMask } from './mask.js';
import { Prng } from './prng.js';
import { Profile } from './profile.js';

/** Which executions a strategy that goes by chance makes. */
export interface Sampling {
  readonly seed: number;
  /** Number of the first one; the others follow. */
  readonly firstExecution: number;
  /** What several strategies have learned together; else each learns for itself. */
  readonly profile?: Profile;
}

/** Number of the execution in which a profile is measured: none that anybody asks for. */
const MEASUREMENT = 2 ** 53 - 1;
/** The rarest of the frequencies with which numbers are other than 0 is 2 to the minus this. */
const RAREST = 8;

/**
 * A strategy that chooses by chance. Execution n of a seed depends on the seed, n and, where {@link learns}, the
 * profile of the program, which is measured in an execution of its own before the first one. Never complete.
 */
export abstract class Sampler implements Strategy {
  readonly complete: boolean = false;
  protected readonly prng = new Prng();
  protected readonly profile: Profile;
  readonly #sampling: Sampling;
  readonly #stream: number;
  readonly #learns: boolean;
  #execution: number;
  #measures = false;
  #rarity = 0;

  /**
   * @param stream tells the random numbers of strategies apart
   * @param learns whether it needs the profile
   */
  constructor(sampling: Sampling, stream: number, learns: boolean) {
    this.#sampling = sampling;
    this.#execution = sampling.firstExecution;
    this.#stream = stream;
    this.#learns = learns;
    this.profile = sampling.profile ?? new Profile();
  }

  begin(execution: ExecutionView): boolean {
    if (execution.takeGrowth()) this.profile.forget();
    this.#measures = this.#learns && !this.profile.known;
    if (this.#measures) this.profile.forget();
    const number = this.#measures ? MEASUREMENT : this.#execution++;
    this.prng.restart(this.#sampling.seed, this.#stream, number);
    this.#rarity = 1 + this.prng.below(RAREST);
    if (!this.#measures) this.prepare(execution);
    return true;
  }

  nextThread(execution: ExecutionView, current: number, enabled: number): number {
    if (!this.#measures) return this.choose(execution, current, enabled);
    const thread = this.anyOf(enabled);
    this.profile.note(execution, thread);
    return thread;
  }

  /** Mostly 0: how rarely not is another chance in each execution, for it is not known how often it will be asked. */
  nextNumber(_execution: ExecutionView, limit: number): number {
    if (limit < 2 || this.prng.below(2 ** this.#rarity) !== 0) return 0;
    return 1 + this.prng.below(limit - 1);
  }

  end(_execution: ExecutionView, end: ExecutionEnd): void {
    if (this.#measures && end.finished) this.profile.finish();
  }

  /** Gets ready for an execution. */
  protected abstract prepare(execution: ExecutionView): void;

  /** {@link Strategy.nextThread} of an execution that is no measurement. */
  protected abstract choose(execution: ExecutionView, current: number, enabled: number): number;

  /** One of the threads, each with the same chance. */
  protected anyOf(mask: number): number {
    if ((mask & (mask - 1)) === 0) return nth(mask, 0);
    return nth(mask, this.prng.below(sizeOfMask(mask)));
  }
}
