import { doubled } from './access-chains.js';

const FIRST_NODES = 1024;

/**
 * The states that the running execution goes through: state n is the one before event n. What is known of each are sets
 * of threads.
 */
export class DporStates {
  /** Who can go on. */
  enabled: Int32Array = new Int32Array(FIRST_NODES);
  /** Threads to begin with; those in {@link sleep} need not, or have been. */
  backtrack: Int32Array = new Int32Array(FIRST_NODES);
  sleep: Int32Array = new Int32Array(FIRST_NODES);
  /** Who sleeps after the event. */
  sleepAfter: Int32Array = new Int32Array(FIRST_NODES);

  /** Who sleeps in a state that has just been reached. */
  asleepAt(state: number): number {
    return state === 0 ? 0 : this.sleepAfter[state - 1];
  }

  /** Adds a state behind those that are known. Only one thread has to be begun with, as far as known. */
  open(state: number, enabled: number, thread: number): void {
    if (state === this.enabled.length) this.#grow();
    this.enabled[state] = enabled;
    this.sleep[state] = this.asleepAt(state);
    this.backtrack[state] = 1 << thread;
  }

  /** The threads that a state has still to be left by. */
  alternatives(state: number): number {
    return this.backtrack[state] & ~this.sleep[state];
  }

  /** An event has taken the pending operations of these threads from them: they have to be tried before it. */
  disturb(event: number, threads: number): void {
    this.sleepAfter[event] &= ~threads;
    this.backtrack[event] |= threads & this.enabled[event] & ~this.sleep[event];
  }

  #grow(): void {
    this.enabled = doubled(this.enabled);
    this.backtrack = doubled(this.backtrack);
    this.sleep = doubled(this.sleep);
    this.sleepAfter = doubled(this.sleepAfter);
  }
}
