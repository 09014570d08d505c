/** A small generator of random numbers (xorshift, 32 bits): the same seed gives the same numbers on every host. */
export class StressRandom {
  #state: number;

  /**
   * @param seed any integer; its lower 32 bits count
   * @param stream numbers of different streams of one seed have nothing to do with each other
   */
  constructor(seed: number, stream = 0) {
    const mixed = scramble(scramble(seed | 0) ^ Math.imul(stream + 1, 0x9e3779b1));
    // The generator stays at 0 for ever.
    this.#state = mixed === 0 ? 0x6d2b79f5 : mixed;
  }

  /** The next number: an integer of 32 bits, signed, never 0. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x;
  }

  /** An integer from 0 to `limit - 1`. */
  below(limit: number): number {
    return Math.floor(((this.next() >>> 0) / 2 ** 32) * limit);
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }
}

/** Spreads the bits of a number (the finisher of MurmurHash3). */
function scramble(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
