import type { Machine } from '../machine/machine.js';
import { StressRandom } from './stress-random.js';
import { STRESS_LINES } from './task-stress-task.js';

/** Interrupts a second. */
const RATE = 1000;

/** How many a late timer makes up for at once. */
const MOST_AT_ONCE = 16;

const STREAM = -3;

/** A device that interrupts online CPUs a thousand times a second. */
export class StressDevice {
  readonly #machine: Machine;
  readonly #random: StressRandom;
  #timer: NodeJS.Timeout | undefined;
  #last = 0;
  #raised = 0;

  constructor(machine: Machine, seed: number) {
    this.#machine = machine;
    this.#random = new StressRandom(seed, STREAM);
  }

  /** Interrupts so far. */
  get raised(): number {
    return this.#raised;
  }

  start(): void {
    this.#last = performance.now();
    this.#timer = setInterval(() => {
      this.#raise();
    }, 1000 / RATE);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #raise(): void {
    const now = performance.now();
    const due = Math.floor(((now - this.#last) * RATE) / 1000);
    if (due <= 0) return;
    this.#last = due > MOST_AT_ONCE ? now : this.#last + (due * 1000) / RATE;
    if (this.#machine.panicked || this.#machine.halted) return;
    const cpus = this.#machine.onlineCpus();
    for (let i = 0; i < Math.min(due, MOST_AT_ONCE); i++) {
      const line = STRESS_LINES[this.#raised++ % STRESS_LINES.length];
      this.#machine.cpu(cpus[this.#random.below(cpus.length)]).raise(line);
    }
  }
}
