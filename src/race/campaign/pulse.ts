import type { Scenario } from '../scenario.js';

/** Words of the memory that the host shares with a unit of work. */
const STARTED = 0;
const BEATS = 1;
const STOPPED = 2;
const EXECUTIONS = 3;
const WORDS = 4;

/**
 * What the host and the thread that does a unit of work tell each other while it is done, without messages: the thread
 * may be busy, or lost in a loop.
 */
export class Pulse {
  readonly words: Int32Array;

  constructor(
    words: Int32Array = new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)),
  ) {
    this.words = words;
  }

  /** By the thread: it has begun. */
  start(): void {
    Atomics.store(this.words, STARTED, 1);
  }

  get started(): boolean {
    return Atomics.load(this.words, STARTED) !== 0;
  }

  /** By the thread: something goes on. */
  beat(): void {
    this.words[BEATS]++;
  }

  get beats(): number {
    return Atomics.load(this.words, BEATS);
  }

  /** By the host: the result is no longer needed. */
  stop(): void {
    Atomics.store(this.words, STOPPED, 1);
  }

  get stopped(): boolean {
    return Atomics.load(this.words, STOPPED) !== 0;
  }

  /** Executions so far, for those who watch. */
  get executions(): number {
    return Atomics.load(this.words, EXECUTIONS);
  }

  set executions(count: number) {
    Atomics.store(this.words, EXECUTIONS, count);
  }
}

/** The scenario, with a beat at the beginning of every execution, those of shrinking too. */
export function withBeats(scenario: Scenario, pulse: Pulse): Scenario {
  const setup = (m: never): void => {
    pulse.beat();
    (scenario.setup as ((m: never) => void) | undefined)?.call(scenario, m);
  };
  return Object.create(scenario, { setup: { value: setup } }) as Scenario;
}
