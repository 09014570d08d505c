/**
 * Which words more than one thread uses. Only there can a switch make a difference, so only there is the strategy
 * asked. What is known grows from execution to execution; within one execution it stays as it is, so that the same
 * answers of a strategy give the same execution.
 *
 * One byte a word: the lowest bits are the thread that used it (plus 1; all ones: several), then whether a thread has
 * written it, then whether it is a scheduling point.
 */
const THREAD_BITS = 0x3f;
const WRITTEN = 0x40;
const SHARED = THREAD_BITS | WRITTEN;
/** Tags from here on are those of scheduling points. */
export const POINT = 0x80;

const CHUNK_SHIFT = 16;
const CHUNK_WORDS = 1 << CHUNK_SHIFT;
const NO_CHUNK = new Uint8Array(0);

export class SharedTags {
  readonly #chunks: Uint8Array[] = [];
  /** The chunk that was used last, and its number: most accesses are near one another. */
  #chunk: Uint8Array = NO_CHUNK;
  #index = -1;
  readonly #fresh: number[] = [];
  #grown = false;

  /** Notes a use of a word; whether the word is a scheduling point. */
  use(word: number, thread: number, writes: boolean): boolean {
    const index = word >>> CHUNK_SHIFT;
    const chunk = index === this.#index ? this.#chunk : this.#chunkOf(index);
    const at = word & (CHUNK_WORDS - 1);
    const tag = chunk[at];
    if (tag >= POINT) return true;
    let now = tag;
    const user = tag & THREAD_BITS;
    if (user === 0) now |= thread + 1;
    else if (user !== thread + 1) now |= THREAD_BITS;
    if (writes) now |= WRITTEN;
    if (now === tag) return false;
    chunk[at] = now;
    if (now === SHARED) this.#fresh.push(word);
    return false;
  }

  /** Makes the words that were found to be shared scheduling points. Between executions. */
  promote(): void {
    for (const word of this.#fresh) this.#chunks[word >>> CHUNK_SHIFT][word & (CHUNK_WORDS - 1)] |= POINT;
    if (this.#fresh.length > 0) this.#grown = true;
    this.#fresh.length = 0;
  }

  /** Whether there are more scheduling points than at the last call. */
  takeGrowth(): boolean {
    const grown = this.#grown;
    this.#grown = false;
    return grown;
  }

  #chunkOf(index: number): Uint8Array {
    while (this.#chunks.length <= index) this.#chunks.push(NO_CHUNK);
    if (this.#chunks[index].length === 0) this.#chunks[index] = new Uint8Array(CHUNK_WORDS);
    this.#chunk = this.#chunks[index];
    this.#index = index;
    return this.#chunk;
  }
}
