import type { Machine } from '../machine/machine.js';
import type { CommonStressOptions } from './stress-options.js';

/** A run is looked at so often. Milliseconds. */
const WATCH_MS = 250;

/** Looks at a stress run again and again, and tells how it is getting on. */
export class StressWatch {
  readonly #machine: Machine;
  readonly #options: CommonStressOptions;
  readonly #operations: () => number;
  readonly #look: () => void;
  #start = 0;

  /**
   * @param operations how many there were
   * @param look called each time: is there something that hangs?
   */
  constructor(machine: Machine, options: CommonStressOptions, operations: () => number, look: () => void) {
    this.#machine = machine;
    this.#options = options;
    this.#operations = operations;
    this.#look = look;
  }

  /** The time of the run begins. */
  start(): void {
    this.#start = performance.now();
  }

  /** The time of the run until now; 0 before it begins. */
  seconds(): number {
    return this.#start === 0 ? 0 : (performance.now() - this.#start) / 1000;
  }

  /** Does something, and watches it. */
  async during<Value>(action: () => Promise<Value>): Promise<Value> {
    const timer = setInterval(() => {
      this.#look();
      this.#options.onProgress?.({
        seconds: this.seconds(),
        of: this.#options.seconds,
        operations: this.#operations(),
        onlineCpus: this.#machine.onlineCpus().length,
      });
    }, WATCH_MS);
    try {
      return await action();
    } finally {
      clearInterval(timer);
    }
  }
}
