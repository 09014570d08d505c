import { OP_LOCAL } from '../engine/op.js';
import { MAX_THREADS, type ExecutionView } from '../engine/strategy.js';
import { writesMemory } from './conflict.js';

/** Operations on one word (by its first byte), as one execution had them. */
class WordProfile {
  readonly address: number;
  readonly operations = new Int32Array(MAX_THREADS);
  users = 0;
  written = false;

  constructor(address: number) {
    this.address = address;
  }
}

/**
 * What an execution of the program is like, learned from one that is run for it: how many steps, how many operations by
 * each thread on each word. It stays as it is until the scheduling points change, so that what a strategy makes of it
 * does not depend on how many executions went before.
 */
export class Profile {
  /** There is something to rely on. */
  known = false;
  steps = 0;
  readonly operations = new Int32Array(MAX_THREADS);
  /** Words that threads get in each other's way on: used by several, and written. */
  readonly contended: WordProfile[] = [];
  readonly #words = new Map<number, WordProfile>();

  /** Forgets everything: the next execution has to be measured. */
  forget(): void {
    this.known = false;
    this.steps = 0;
    this.operations.fill(0);
    this.contended.length = 0;
    this.#words.clear();
  }

  /** The thread executes the operation that it is about to. */
  note(execution: ExecutionView, thread: number): void {
    this.steps++;
    this.operations[thread]++;
    const kind = execution.kindOf(thread);
    if (kind === OP_LOCAL) return;
    const address = execution.addressOf(thread);
    let word = this.#words.get(address);
    if (word === undefined) {
      word = new WordProfile(address);
      this.#words.set(address, word);
    }
    word.operations[thread]++;
    word.users |= 1 << thread;
    if (writesMemory(kind)) word.written = true;
  }

  /** The measured execution is over. */
  finish(): void {
    for (const word of this.#words.values()) {
      if (word.written && (word.users & (word.users - 1)) !== 0) this.contended.push(word);
    }
    this.#words.clear();
    this.known = this.steps > 0;
  }
}
