import type { Pulse } from '../../race/campaign/pulse.js';
import { Progress } from '../output.js';
import { amount } from '../render-number.js';

/** How often a terminal sees how far the work is (milliseconds). */
const UPDATE_MS = 200;

/** How far an exploration is, on a terminal. */
export class CheckProgress {
  readonly #progress = new Progress();
  readonly #running = new Set<Pulse>();
  readonly #all: number;
  readonly #what: string;
  readonly #timer: NodeJS.Timeout;
  #done = 0;

  /**
   * @param all how many things are to be done
   * @param what they are: `scenario`
   */
  constructor(all: number, what: string) {
    this.#all = all;
    this.#what = what;
    this.#timer = setInterval(() => this.#update(), UPDATE_MS).unref();
  }

  readonly watch = (pulse: Pulse): void => {
    this.#running.add(pulse);
  };

  /** One more is done; something is printed now. */
  next(): void {
    this.#done++;
    this.#progress.done();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#progress.done();
  }

  #update(): void {
    let executions = 0;
    for (const pulse of this.#running) executions += pulse.executions;
    this.#progress.update(
      `${this.#done} of ${amount(this.#all, this.#what)}, ${amount(executions, 'execution')}`,
    );
  }
}
