import { textOf } from './ascii.js';
import { ByteStringCache, hashStep } from './byte-string-cache.js';

/** As many bytes at the end of a text make its hash: there are millions of texts to find. */
const HASHED_BYTES = 8;

/**
 * Numbers for texts that come again and again, such as the names of caches and call sites: 0, 1, 2, in the order in
 * which the texts first came. They are found by their bytes, without making a string.
 */
export class TextNumbers {
  readonly #limit: number;
  readonly #further: string;
  readonly #cache: ByteStringCache<number>;
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];

  /**
   * @param limit how many texts get numbers of their own, so that memory stays bounded
   * @param further stands for all further texts; they share one number
   * @param cached how many texts are found quickly, a power of two
   */
  constructor(limit: number, further: string, cached: number) {
    this.#limit = limit;
    this.#further = further;
    this.#cache = new ByteStringCache(cached);
  }

  /** How many numbers there are. */
  get size(): number {
    return this.#texts.length;
  }

  /** The number of the text in the bytes from start up to end, not included. */
  find(bytes: Uint8Array, start: number, end: number): number {
    let hash = end - start;
    // Call sites of one function differ at the end; so do caches that are numbered.
    for (let at = Math.max(start, end - HASHED_BYTES); at < end; at++) hash = hashStep(hash, bytes[at]);
    const cached = this.#cache.find(bytes, start, end, hash);
    if (cached !== undefined) return cached;
    const found = this.#findText(textOf(bytes, start, end));
    this.#cache.keep(bytes, start, end, hash, found);
    return found;
  }

  /** The text of a number that {@link find} has given. */
  text(number: number): string {
    return this.#texts[number];
  }

  #findText(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const kept = this.#texts.length < this.#limit ? text : this.#further;
    const number = this.#numbers.get(kept) ?? this.#texts.push(kept) - 1;
    this.#numbers.set(kept, number);
    return number;
  }
}
