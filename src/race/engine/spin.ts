import type { AddressMap } from './address-map.js';

/**
 * Spin loops. A round of a loop that changed nothing and read the same values as the round before can only go on like
 * that until a word that it read changes; so the thread waits for that, and no strategy has to be fair.
 *
 * A loop that counts (`attempts++`) does change something, which only it sees. It waits only after many rounds.
 */

/** Rounds alike after which a loop that changes no variable by counting waits. */
const SPIN_ROUNDS = 1;
/** The same for a loop that counts: more than any bounded spin that is meant. */
const COUNTING_ROUNDS = 64;
/** Rounds without a change after which a loop waits although each round reads something else, such as several queues in turn. */
const QUIET_ROUNDS = 128;
/** Words that a round may read; one that reads more is no spin loop. */
const MAX_WATCHED = 96;
/** Reads that are remembered; two rounds must fit. */
const LOG_SIZE = 256;
const LOG_MASK = LOG_SIZE - 1;
/** Loops around one another. */
const MAX_NESTING = 64;

/** What the loops of one thread do. */
export class SpinWatch {
  // Words that it changed, with what they were before, the last LOG_SIZE times.
  #writes = 0;
  readonly #writtenWords = new Int32Array(LOG_SIZE);
  readonly #oldValues = new Int32Array(LOG_SIZE);
  // What it read, the last LOG_SIZE reads.
  #reads = 0;
  readonly #words = new Int32Array(LOG_SIZE);
  readonly #values = new Int32Array(LOG_SIZE);
  // The loops that it is in, outermost first. Those that were left disappear when one further out goes on.
  #depth = 0;
  readonly #ids = new Int32Array(MAX_NESTING);
  readonly #roundStart = new Float64Array(MAX_NESTING);
  readonly #lastStart = new Float64Array(MAX_NESTING);
  readonly #writesThen = new Float64Array(MAX_NESTING);
  readonly #alike = new Int32Array(MAX_NESTING);
  readonly #quiet = new Int32Array(MAX_NESTING);
  // cpu_relax: the last word, and its value then.
  #relaxedWord = -1;
  #relaxedValue = 0;
  #relaxedWrites = 0;
  // What the thread waits for: a change of one of these.
  #watched = 0;
  readonly #watchedWords = new Int32Array(MAX_WATCHED);
  readonly #watchedValues = new Int32Array(MAX_WATCHED);

  reset(): void {
    this.#writes = 0;
    this.#reads = 0;
    this.#depth = 0;
    this.#relaxedWord = -1;
    this.#watched = 0;
  }

  /** Whether reads have to be noted. */
  get isInLoop(): boolean {
    return this.#depth > 0;
  }

  noteRead(word: number, value: number): void {
    const at = this.#reads++ & LOG_MASK;
    this.#words[at] = word;
    this.#values[at] = value;
  }

  /** The thread changes a word. */
  noteWrite(word: number, before: number): void {
    const at = this.#writes++ & LOG_MASK;
    this.#writtenWords[at] = word;
    this.#oldValues[at] = before;
  }

  /** The thread changes more than a word: no round that does is like the one before. */
  noteLargeWrite(): void {
    this.#writes += LOG_SIZE;
  }

  /** The thread comes to a loop. */
  enter(id: number): void {
    // The same loop again, right after it was left: the entry serves once more.
    const isTop = this.#depth > 0 && this.#ids[this.#depth - 1] === id;
    if (!isTop) this.#push(id);
    const top = this.#depth - 1;
    // What the head of the loop reads belongs to the first round.
    this.#roundStart[top] = this.#reads;
    this.#writesThen[top] = this.#writes;
    this.#lastStart[top] = -1;
    this.#alike[top] = 0;
    this.#quiet[top] = 0;
  }

  #push(id: number): void {
    if (this.#depth === MAX_NESTING) this.#dropOldest();
    this.#ids[this.#depth] = id;
    this.#depth++;
  }

  /** Most likely a loop that was left long ago; if not, it is entered anew when its next round begins. */
  #dropOldest(): void {
    this.#ids.copyWithin(0, 1);
    this.#roundStart.copyWithin(0, 1);
    this.#lastStart.copyWithin(0, 1);
    this.#writesThen.copyWithin(0, 1);
    this.#alike.copyWithin(0, 1);
    this.#quiet.copyWithin(0, 1);
    this.#depth--;
  }

  /**
   * A round of a loop begins.
   *
   * @param counting the loop changes a variable by counting
   * @returns whether the thread has to wait until something changes that the last round read
   */
  round(id: number, counting: boolean, memory: AddressMap): boolean {
    const depth = this.#find(id);
    if (depth < 0) {
      this.enter(id);
      return false;
    }
    this.#depth = depth + 1;
    const writes = this.#writesThen[depth];
    const quiet = this.#reads > this.#roundStart[depth] && !this.#hasChangedSince(writes, memory);
    const alike = quiet && this.#sameReads(depth);
    this.#alike[depth] = alike ? this.#alike[depth] + 1 : 0;
    this.#quiet[depth] = quiet ? this.#quiet[depth] + 1 : 0;
    this.#lastStart[depth] = this.#roundStart[depth];
    this.#roundStart[depth] = this.#reads;
    this.#writesThen[depth] = this.#writes;
    if (this.#alike[depth] >= (counting ? COUNTING_ROUNDS : SPIN_ROUNDS)) {
      this.#watch(this.#lastStart[depth], writes);
      return true;
    }
    return this.#quiet[depth] >= QUIET_ROUNDS && this.#watchAll(memory);
  }

  /**
   * Waits for a change of any word among the last reads.
   *
   * @returns false when there are too many of them
   */
  #watchAll(memory: AddressMap): boolean {
    this.#watched = 0;
    for (let i = this.#reads - 1; i >= Math.max(0, this.#reads - LOG_SIZE); i--) {
      const word = this.#words[i & LOG_MASK];
      if (this.#isWatched(word)) continue;
      if (this.#watched === MAX_WATCHED) return false;
      const isOwn = this.#firstWrite(word, Math.max(0, this.#writes - LOG_SIZE)) >= 0;
      this.#watchedWords[this.#watched] = word;
      this.#watchedValues[this.#watched] = isOwn ? memory.wordAt(word) : this.#values[i & LOG_MASK];
      this.#watched++;
    }
    return true;
  }

  #isWatched(word: number): boolean {
    for (let i = 0; i < this.#watched; i++) if (this.#watchedWords[i] === word) return true;
    return false;
  }

  #find(id: number): number {
    let depth = this.#depth - 1;
    while (depth >= 0 && this.#ids[depth] !== id) depth--;
    return depth;
  }

  /** Whether the round that ends now read what the one before it did. */
  #sameReads(depth: number): boolean {
    const start = this.#roundStart[depth];
    const before = this.#lastStart[depth];
    const count = this.#reads - start;
    if (before < 0 || count === 0 || count > MAX_WATCHED || start - before !== count) return false;
    for (let i = 0; i < count; i++) {
      const one = (before + i) & LOG_MASK;
      const other = (start + i) & LOG_MASK;
      if (this.#words[one] !== this.#words[other] || this.#values[one] !== this.#values[other]) return false;
    }
    return true;
  }

  /** Whether a word has another value now than before the thread's writes from number `start` on. */
  #hasChangedSince(start: number, memory: AddressMap): boolean {
    const count = this.#writes - start;
    if (count > MAX_WATCHED) return true;
    for (let i = 0; i < count; i++) {
      const word = this.#writtenWords[(start + i) & LOG_MASK];
      if (
        !this.#isWrittenBefore(word, start, i) &&
        memory.wordAt(word) !== this.#oldValues[(start + i) & LOG_MASK]
      ) {
        return true;
      }
    }
    return false;
  }

  #isWrittenBefore(word: number, start: number, end: number): boolean {
    for (let i = 0; i < end; i++) if (this.#writtenWords[(start + i) & LOG_MASK] === word) return true;
    return false;
  }

  /** Waits for a change of what was read from number `start` on; the writes since number `writes` changed nothing. */
  #watch(start: number, writes: number): void {
    this.#watched = this.#reads - start;
    for (let i = 0; i < this.#watched; i++) {
      const at = (start + i) & LOG_MASK;
      const word = this.#words[at];
      this.#watchedWords[i] = word;
      // What it read between two writes of its own is not there any more.
      const write = this.#firstWrite(word, writes);
      this.#watchedValues[i] = write < 0 ? this.#values[at] : this.#oldValues[write];
    }
  }

  /** Where the first write of a word since number `start` is noted; -1 if there was none. */
  #firstWrite(word: number, start: number): number {
    for (let i = start; i < this.#writes; i++)
      if (this.#writtenWords[i & LOG_MASK] === word) return i & LOG_MASK;
    return -1;
  }

  /**
   * `cpu_relax(word)`: whether the thread has relaxed on this word before and found the same value both times. Then it
   * waits for a change of that word. The first time it goes on: what it read may have been old already.
   */
  relaxesInVain(word: number, memory: AddressMap): boolean {
    const value = memory.wordAt(word);
    const same =
      this.#relaxedWord === word &&
      this.#relaxedValue === value &&
      !this.#hasChangedSince(this.#relaxedWrites, memory);
    this.#relaxedWord = word;
    this.#relaxedValue = value;
    this.#relaxedWrites = this.#writes;
    if (!same) return false;
    this.#watched = 1;
    this.#watchedWords[0] = word;
    this.#watchedValues[0] = value;
    return true;
  }

  /** Whether one of the words that the thread waits for has changed. */
  hasChanged(memory: AddressMap): boolean {
    for (let i = 0; i < this.#watched; i++) {
      if (memory.wordAt(this.#watchedWords[i]) !== this.#watchedValues[i]) return true;
    }
    return false;
  }

  /** The first word that the thread waits for. */
  get watchedWord(): number {
    return this.#watchedWords[0];
  }
}
