import type { SimThread } from './thread.js';
import { twinOf } from './twin.js';

/** How an Atomics.wait or waitAsync ended. */
export type WaitResult = 'ok' | 'not-equal' | 'timed-out';

type Callback = (value: unknown) => unknown;

/**
 * The promise of an `Atomics.waitAsync` that has to wait. When it is notified, its callbacks run as a thread of their own:
 * between any two operations of the others, as far as these can tell. There is no `await`: simulated code is synchronous.
 */
export class SimulatedPromise {
  readonly #continuation: SimThread;
  readonly #next: { readonly callback: Callback; readonly promise: SimulatedPromise }[] = [];
  readonly #onThen: () => void;

  /**
   * @param continuation the thread that runs the callbacks
   * @param onThen called when there is something to run
   */
  constructor(continuation: SimThread, onThen: () => void) {
    this.#continuation = continuation;
    this.#onThen = onThen;
  }

  /** Whether nothing is to be done when the wait is over. */
  get isIdle(): boolean {
    return this.#next.length === 0;
  }

  /** What is to be done when the wait is over; the value is `ok` or `timed-out`. */
  then(callback: Callback): SimulatedPromise {
    if (this.#continuation.done) {
      throw new Error('then() of an Atomics.waitAsync that is over: call it before anything else');
    }
    const promise = new SimulatedPromise(this.#continuation, this.#onThen);
    this.#next.push({ callback, promise });
    this.#onThen();
    return promise;
  }

  /** Runs the callbacks, and those that wait for them. */
  *run(value: unknown): Generator<undefined, void, undefined> {
    for (const { callback, promise } of this.#next) {
      const twin = twinOf(callback) as
        ((value: unknown) => Generator<undefined, unknown, undefined>) | undefined;
      yield* promise.run(twin === undefined ? callback(value) : yield* twin(value));
    }
  }
}

/** What `Atomics.waitAsync` gives. */
export type AsyncWait =
  | { readonly async: false; readonly value: 'not-equal' | 'timed-out' }
  | { readonly async: true; readonly value: SimulatedPromise };
