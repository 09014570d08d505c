/**
 * Random numbers for schedules (sfc32, 128 bits of state): the same seed gives the same numbers on every host. Each
 * execution has numbers of its own, which depend on nothing but its number, so it can be repeated alone.
 */
export class Prng {
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 1;

  /**
   * Starts the numbers of one execution.
   *
   * @param seed of the exploration: any safe integer
   * @param stream strategies of one exploration have streams of their own
   * @param execution its number
   */
  restart(seed: number, stream: number, execution: number): void {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) ^ Math.imul(stream + 1, 0x9e3779b1);
    this.#c = execution | 0;
    this.#counter = 1 + Math.floor(execution / 2 ** 32);
    // Until every bit of the start has reached every bit of the state.
    for (let i = 0; i < 15; i++) this.next();
  }

  /** The next number: an integer from 0 to 2^32 - 1. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** An integer from 0 to `limit - 1`. */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit);
  }
}
