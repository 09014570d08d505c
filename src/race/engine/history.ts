import type { HistoryEntry } from '../detect/linearizability.js';
import { def, type Twinned } from './twin.js';
import type { Executor } from './executor.js';

type Entry = { -readonly [Key in keyof HistoryEntry]: HistoryEntry[Key] };

/** The operations on a modelled object that an execution has called, in the order of their calls. */
export class History {
  readonly entries: Entry[] = [];
  readonly #executor: Executor;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /** A new execution. */
  begin(): void {
    this.entries.length = 0;
    this.#executor.clock = 0;
  }

  /**
   * The function `call(name, argument, action)` of scenarios: runs the action as one operation. Its time begins with its
   * first access to shared memory, not with the call: between the two nobody can tell them apart.
   */
  recorder(): <Result>(name: string, argument: unknown, action: () => Result) => Result {
    const open = this.#open.bind(this);
    const close = this.#close.bind(this);
    const call = <Result>(name: string, argument: unknown, action: () => Result): Result => {
      const entry = open(name, argument);
      const result = action();
      close(entry, result);
      return result;
    };
    return def(call, function* (name: string, argument: unknown, action: Twinned & (() => unknown)) {
      const entry = open(name, argument);
      const result = action.$r === undefined ? action() : yield* action.$r();
      close(entry, result);
      return result;
    });
  }

  #open(name: string, argument: unknown): Entry {
    const t = this.#executor.current;
    const entry: Entry = {
      thread: t?.id ?? -1,
      name,
      argument,
      result: undefined,
      called: -1,
      returned: undefined,
    };
    this.entries.push(entry);
    if (t !== null) t.call = entry;
    return entry;
  }

  #close(entry: Entry, result: unknown): void {
    const t = this.#executor.current;
    if (t !== null) t.call = null;
    if (entry.called < 0) entry.called = this.#executor.clock++;
    entry.result = result;
    entry.returned = this.#executor.clock++;
  }
}
