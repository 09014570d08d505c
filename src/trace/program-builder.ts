import { OP_CROSS, OPERATION_WORDS } from './program.js';

/** Room for this many operations at first. */
const FIRST_CAPACITY = 1024;

/** The program of one CPU while it is being made. */
export class ProgramBuilder {
  /** Operations added since the last {@link take}. */
  length = 0;

  #words = new Int32Array(FIRST_CAPACITY * OPERATION_WORDS);

  /**
   * Adds an operation; see program.ts for the words.
   *
   * @returns its index in the program
   */
  add(word: number, gfp: number, slot: number): number {
    const at = this.length * OPERATION_WORDS;
    if (at === this.#words.length) this.#grow();
    this.#words[at] = word;
    this.#words[at + 1] = gfp;
    this.#words[at + 2] = slot;
    return this.length++;
  }

  /** Marks an operation as one whose partner is on another CPU. */
  markCross(index: number): void {
    this.#words[index * OPERATION_WORDS] |= OP_CROSS;
  }

  /** Takes out the program, in shared memory, and begins a new one. */
  take(): Int32Array {
    const words = this.#words.subarray(0, this.length * OPERATION_WORDS);
    const program = new Int32Array(new SharedArrayBuffer(words.byteLength));
    program.set(words);
    this.length = 0;
    return program;
  }

  #grow(): void {
    const larger = new Int32Array(this.#words.length * 2);
    larger.set(this.#words);
    this.#words = larger;
  }
}
