import type { AddressMap } from './address-map.js';

const FIRST_CAPACITY = 1 << 12;

/**
 * What the memory was before an execution: the old value of each word that was written, in order. Taking an execution
 * back costs as much as it wrote, whatever the size of the memory.
 */
export class UndoLog {
  readonly #memory: AddressMap;
  #words = new Int32Array(FIRST_CAPACITY);
  #values = new Int32Array(FIRST_CAPACITY);
  #length = 0;

  constructor(memory: AddressMap) {
    this.#memory = memory;
  }

  /** Notes a word that is about to be written. */
  note(word: number, value: number): void {
    const at = this.#length;
    if (at === this.#words.length) this.#grow();
    this.#words[at] = word;
    this.#values[at] = value;
    this.#length = at + 1;
  }

  /** Notes all words of a range of bytes. */
  noteRange(address: number, size: number): void {
    const end = (address + size + 3) >>> 2;
    for (let word = address >>> 2; word < end; word++) this.note(word, this.#memory.wordAt(word));
  }

  /** Makes the memory what it was, and forgets. */
  undo(): void {
    const memory = this.#memory;
    const { main } = memory;
    const words = this.#words;
    const values = this.#values;
    for (let at = this.#length - 1; at >= 0; at--) {
      const word = words[at];
      if (word < main.length) main[word] = values[at];
      else memory.setWord(word, values[at]);
    }
    this.#length = 0;
  }

  /** Forgets: the memory as it is now is what later executions begin with. */
  keep(): void {
    this.#length = 0;
  }

  #grow(): void {
    const words = new Int32Array(this.#words.length * 2);
    words.set(this.#words);
    this.#words = words;
    const values = new Int32Array(this.#values.length * 2);
    values.set(this.#values);
    this.#values = values;
  }
}
