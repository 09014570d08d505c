import type { ExecutionView, Strategy } from '../../../../src/race/engine/strategy.js';

/** Every schedule and every number, in the plainest way: what the clever strategies are measured against. */
export class Exhaustive implements Strategy {
  complete = false;
  #choices: { options: number[]; at: number }[] = [];
  #depth = 0;
  #started = false;

  begin(): boolean {
    while (this.#started && this.#choices.length > 0) {
      const last = this.#choices[this.#choices.length - 1];
      if (++last.at < last.options.length) break;
      this.#choices.pop();
    }
    if (this.#started && this.#choices.length === 0) {
      this.complete = true;
      return false;
    }
    this.#started = true;
    this.#depth = 0;
    return true;
  }

  nextThread(execution: ExecutionView, _current: number, enabled: number): number {
    const threads = Array.from({ length: execution.threads }, (_, thread) => thread);
    return this.#choose(threads.filter((thread) => (enabled & (1 << thread)) !== 0));
  }

  nextNumber(_execution: ExecutionView, limit: number): number {
    return this.#choose(Array.from({ length: limit }, (_, number) => number));
  }

  end(): void {}

  #choose(options: number[]): number {
    if (this.#depth === this.#choices.length) this.#choices.push({ options, at: 0 });
    const choice = this.#choices[this.#depth++];
    return choice.options[choice.at];
  }
}
