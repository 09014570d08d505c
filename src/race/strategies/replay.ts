import type { Schedule } from '../engine/schedule.js';
import type { ExecutionView, Strategy } from '../engine/strategy.js';
import { has, staying } from './mask.js';

/** `strict` gives up where the schedule does not fit; `lenient` goes on as it can, which is for shrinking. */
export type ReplayMode = 'strict' | 'lenient';

/** Where a schedule did not fit the program. */
export interface Divergence {
  /** Operations executed before. */
  readonly step: number;
  readonly message: string;
}

/**
 * Repeats a schedule. Every operation has to be a scheduling point then, for a schedule counts all of them. Each `begin`
 * repeats it anew.
 *
 * Lenient: while the thread that the schedule wants cannot go on, the last one does, or else the lowest that can; such
 * steps are not counted against the segment. A segment of a thread that has ended is left out. Where the schedule ends,
 * it goes on in the same way, in both modes.
 */
export class ReplayStrategy implements Strategy {
  readonly complete: boolean = false;
  /** The first place where the schedule did not fit; kept until the next `begin`. */
  divergence: Divergence | undefined;
  readonly #schedule: Schedule;
  readonly #mode: ReplayMode;
  #segment = 0;
  #executed = 0;
  #number = 0;

  constructor(schedule: Schedule, mode: ReplayMode) {
    this.#schedule = schedule;
    this.#mode = mode;
  }

  begin(): boolean {
    this.divergence = undefined;
    this.#segment = 0;
    this.#executed = 0;
    this.#number = 0;
    return true;
  }

  nextThread(execution: ExecutionView, current: number, enabled: number): number {
    const wanted = this.#wanted(execution);
    if (wanted < 0) return staying(current, enabled);
    if (has(enabled, wanted)) {
      this.#executed++;
      return wanted;
    }
    this.#diverge(execution, `the schedule wants thread ${wanted}, which cannot go on`);
    return this.#mode === 'strict' ? -1 : staying(current, enabled);
  }

  nextNumber(execution: ExecutionView, limit: number): number {
    const { numbers } = this.#schedule;
    const number = this.#number < numbers.length ? numbers[this.#number] : 0;
    this.#number++;
    if (number < limit) return number;
    this.#diverge(
      execution,
      `the schedule wants number ${number}, where numbers below ${limit} are asked for`,
    );
    return 0;
  }

  end(): void {}

  /** The thread that the schedule wants next; -1 when it is over. */
  #wanted(execution: ExecutionView): number {
    const { segments } = this.#schedule;
    while (this.#segment < segments.length) {
      const { thread, steps } = segments[this.#segment];
      const exists = thread < execution.threads && !execution.isDone(thread);
      if (this.#executed < steps && (exists || this.#mode === 'strict')) {
        // A last segment without an end goes as far as its thread.
        if (exists || steps !== Infinity) return thread;
      } else if (this.#executed < steps) {
        this.#diverge(execution, `the schedule wants thread ${thread}, which has ended`);
      }
      this.#segment++;
      this.#executed = 0;
    }
    return -1;
  }

  #diverge(execution: ExecutionView, message: string): void {
    this.divergence ??= { step: execution.steps, message };
  }
}

export function replayStrategy(schedule: Schedule, mode: ReplayMode): ReplayStrategy {
  return new ReplayStrategy(schedule, mode);
}
