/**
 * The numbers that an exploration has chosen on the way of the running execution. They are gone through depth first: each
 * number in every state where one is asked for, from 0 on.
 */
export class ChosenNumbers {
  /** Another execution that was to be the same has asked for other numbers here. */
  strayed = false;
  readonly #values: number[] = [];
  readonly #limits: number[] = [];
  /** How many events came before each. */
  readonly #askedAt: number[] = [];
  /** Numbers that the running execution has asked for. */
  #asked = 0;

  /** How many there are. */
  get count(): number {
    return this.#values.length;
  }

  /** An execution begins: the numbers are given out again from the first one on. */
  begin(): void {
    this.#asked = 0;
  }

  /**
   * The next number of the running execution.
   *
   * @param events how many events have come before
   */
  next(limit: number, events: number): number {
    const at = this.#asked++;
    if (at < this.#values.length) {
      if (this.#limits[at] !== limit) this.strayed = true;
      return Math.min(this.#values[at], limit - 1);
    }
    this.#values.push(0);
    this.#limits.push(limit);
    this.#askedAt.push(events);
    return 0;
  }

  /** Whether number `index` was asked for after so many events. */
  isAskedAt(index: number, events: number): boolean {
    return index >= 0 && this.#askedAt[index] === events;
  }

  /** Whether number `index` was not the last one that was possible there. */
  hasNext(index: number): boolean {
    return this.#values[index] + 1 < this.#limits[index];
  }

  /** Forgets all behind number `index`, and takes the next possible one instead of it. */
  takeNext(index: number): void {
    this.truncate(index + 1);
    this.#values[index]++;
  }

  /** Forgets all but the first `count` numbers. */
  truncate(count: number): void {
    this.#values.length = count;
    this.#limits.length = count;
    this.#askedAt.length = count;
  }
}
