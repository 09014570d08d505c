import { setTimeout as sleep } from 'node:timers/promises';
import { WaitGivenUp } from '../kernel/core/errors.js';
import { makeContextIdle } from '../kernel/hotplug.js';
import { MachineStateError } from './machine-errors.js';
import type { MachineState } from './machine-state.js';
import { withCpusStopped } from './stop-machine.js';

/** How long the console tries again what it needs a lock for. Milliseconds. */
const CONSOLE_LIMIT_MS = 10_000;

/** What the console does that needs locks, or CPUs that stand still: patiently, and one thing after another. */
export class ConsoleTurns {
  readonly #state: MachineState;
  /** Ends when the last of the actions that change CPUs, which go one after another, has ended. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(state: MachineState) {
    this.#state = state;
  }

  /** {@link withCpusStopped}; what needs stopped CPUs is done one after another. */
  stopped<Value>(cpus: readonly number[], action: () => Value): Promise<Value> {
    return this.inTurn(() => this.patiently(() => withCpusStopped(this.#state.console, cpus, action)));
  }

  /**
   * Does something as the console and as CPUs that it owns, again and again as long as a lock is not free that it
   * needs. In between, this thread can learn that the one which holds the lock is dead.
   */
  async patiently<Value>(action: () => Value | Promise<Value>): Promise<Value> {
    const k = this.#state.console;
    const limit = k.platform.now() + CONSOLE_LIMIT_MS;
    for (;;) {
      try {
        return await action();
      } catch (error) {
        if (!(error instanceof WaitGivenUp)) throw error;
        makeContextIdle(k);
        await sleep(1);
        this.#state.mustRun();
        if (k.platform.now() > limit) throw new MachineStateError(error.message);
      }
    }
  }

  /** Does something when all that was to be done before has ended. */
  inTurn<Value>(action: () => Promise<Value>): Promise<Value> {
    const turn = this.#turn.then(action);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}
