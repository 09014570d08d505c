/** Rooms of a new table, a power of two. */
const FIRST_CAPACITY = 1024;

/** No key is negative. */
const NO_KEY = -1;

/** What {@link LiveTable} gives for a key that it does not hold. Values must not be negative. */
export const NOT_LIVE = -1;

/**
 * What is live, or otherwise known, by its key, with a number for each: a hash table with open addressing in two typed arrays. An entry
 * makes no object, and removing one leaves no mark behind, so that the size depends on what was live at once and
 * not on how much came and went. Keys are integers from 0 up to 2^53.
 */
export class LiveTable {
  /** Entries held. */
  size = 0;

  #keys = new Float64Array(FIRST_CAPACITY).fill(NO_KEY);
  #values = new Float64Array(FIRST_CAPACITY);
  #mask = FIRST_CAPACITY - 1;

  /**
   * Holds the value under the key.
   *
   * @returns the value it replaces, or {@link NOT_LIVE}
   */
  put(key: number, value: number): number {
    const at = this.#find(key);
    const known = this.#keys[at] === key;
    const previous = known ? this.#values[at] : NOT_LIVE;
    this.#keys[at] = key;
    this.#values[at] = value;
    if (known) return previous;
    this.size++;
    if (this.size * 2 > this.#mask) this.#grow();
    return NOT_LIVE;
  }

  /** The value of the key, or {@link NOT_LIVE}. */
  get(key: number): number {
    const at = this.#find(key);
    return this.#keys[at] === key ? this.#values[at] : NOT_LIVE;
  }

  /**
   * Takes out the key.
   *
   * @returns its value, or {@link NOT_LIVE}
   */
  take(key: number): number {
    const at = this.#find(key);
    if (this.#keys[at] !== key) return NOT_LIVE;
    const value = this.#values[at];
    this.#close(at);
    this.size--;
    return value;
  }

  /** The place of the key, or the free place where it would go. */
  #find(key: number): number {
    const keys = this.#keys;
    let at = placeOf(key) & this.#mask;
    while (keys[at] !== key && keys[at] !== NO_KEY) at = (at + 1) & this.#mask;
    return at;
  }

  /** Frees a place and moves up those behind it that it had kept from their own places. */
  #close(place: number): void {
    const keys = this.#keys;
    const mask = this.#mask;
    let hole = place;
    for (let at = (hole + 1) & mask; keys[at] !== NO_KEY; at = (at + 1) & mask) {
      const home = placeOf(keys[at]) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      keys[hole] = keys[at];
      this.#values[hole] = this.#values[at];
      hole = at;
    }
    keys[hole] = NO_KEY;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#keys = new Float64Array(keys.length * 2).fill(NO_KEY);
    this.#values = new Float64Array(keys.length * 2);
    this.#mask = keys.length * 2 - 1;
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === NO_KEY) continue;
      const at = this.#find(keys[i]);
      this.#keys[at] = keys[i];
      this.#values[at] = values[i];
    }
  }
}

/** Spreads a key over 32 bits: addresses differ in some bits in the middle. */
function placeOf(key: number): number {
  const upper = (key / 0x1_0000_0000) | 0;
  const mixed = Math.imul((key | 0) ^ Math.imul(upper, 0x85eb_ca6b), 0x9e37_79b1);
  return mixed ^ (mixed >>> 15);
}
