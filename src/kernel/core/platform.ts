/**
 * All that the kernel needs of the world outside its memory. Threads are one implementation; an explorer of
 * interleavings and a virtual-time engine are others. Nothing else in `src/kernel` may reach the host.
 *
 * Words are word indices of the image.
 */
export interface Platform {
  /** Identifies the calling thread in the image's owner words; positive, below 2^15, unique in the machine. */
  readonly thread: number;

  /**
   * Blocks while the word equals `value`, until somebody notifies it or the time is over, whichever comes first.
   * May also return for no reason: callers loop.
   */
  wait(word: number, value: number, milliseconds: number): void;

  /** Wakes up to `count` threads that wait on the word. */
  notify(word: number, count: number): void;

  /**
   * Whether this thread may go on waiting for a lock. A host thread that alone can notice the death of others must not
   * wait for ever: it might be for a dead one.
   *
   * @param start when the wait began, as {@link now} tells it
   */
  mayWait(start: number): boolean;

  /** A hint inside a spin loop: this thread can only go on when the word changes. */
  relax(word: number): void;

  /** Monotonic time in milliseconds, with fractions. */
  now(): number;

  /**
   * The pending interrupts of a CPU, given its `pending` word. Called wherever the kernel could be interrupted,
   * so an engine can raise an interrupt here.
   *
   * @param i32 the image: the caller has it at hand, and this is called very often
   */
  poll(word: number, i32: Int32Array): number;

  /**
   * Starts a thread as the stack of a task, which calls `taskThread` with it. The task notices by its `thread` word,
   * which becomes -1 when there is no thread for it.
   */
  startThread(task: number): void;

  /** Hands a report (BUG, WARN, oops, panic) to whoever runs the machine, besides the kernel log. */
  report(text: string): void;

  /**
   * The exported function `name` of the module `url`, for a call by number across CPUs.
   *
   * @throws Error when there is no such module or export
   */
  load(url: string, name: string): ModuleFunction;
}

/** A module's function that the kernel calls on a CPU, with that CPU's kernel and one to three numbers. */
export type ModuleFunction = (k: unknown, info: number, second?: number, third?: number) => unknown;

/** Waits of unknown length are cut into pieces of this many milliseconds, so that a panic or a death is noticed. */
export const WAIT_SLICE_MS = 50;
