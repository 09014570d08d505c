import { MAX_THREADS } from '../engine/strategy.js';
import type { DporStates } from './dpor-states.js';
import { has, lowest } from './mask.js';
import type { Trail } from './trail.js';

/** Sees to it that the races of an execution are explored the other way round: the source sets of its states. */
export class Reversals {
  readonly #trail: Trail;
  readonly #states: DporStates;
  /** By thread that {@link #reverse} has met: its first event there. */
  readonly #firstOf = new Int32Array(MAX_THREADS);

  constructor(trail: Trail, states: DporStates) {
    this.#trail = trail;
    this.#states = states;
  }

  /** Sees to it that executions are explored in which an event of the thread does not come after `event`. */
  beforeEvent(event: number, later: number, thread: number): void {
    this.#reverse(event, later, 1 << thread);
  }

  /**
   * Sees to it that executions are explored in which an operation that never came could have come: what happened until
   * event `last`, and does not depend on `event`, comes before `event`.
   */
  beforeLost(event: number, last: number): void {
    this.#reverse(event, last + 1, 0);
  }

  /** {@link beforeEvent} for all races of an event that was pushed last, or only analysed. */
  ofRaces(event: number, thread: number): void {
    const { races, raceCount } = this.#trail;
    for (let i = 0; i < raceCount; i++) this.beforeEvent(races[i], event, thread);
  }

  /**
   * Sees to it that executions are explored in which `later`, of the thread, does not come after `event`. All that is
   * between them and does not depend on `event` could come before it, too; one of the threads that this can begin with
   * has to be explored in the state before `event`.
   *
   * @param own the thread as a set; none for an operation that never came, after the last event between the two
   */
  #reverse(event: number, later: number, own: number): void {
    const { backtrack } = this.#states;
    const covered = backtrack[event] | this.#states.sleep[event];
    const enabled = this.#states.enabled[event];
    const trail = this.#trail;
    let members = 0;
    let initials = 0;
    for (let at = event + 1; at < later; at++) {
      const other = trail.thread[at];
      if (has(members, other) || trail.isBefore(event, at)) continue;
      if (!this.#follows(members, at)) {
        if (has(covered, other)) return;
        initials |= 1 << other;
      }
      members |= 1 << other;
      this.#firstOf[other] = at;
    }
    if ((own & ~members) !== 0 && !this.#follows(members, later)) {
      // It was about to do the same before `event`: if it could not, `event` is what let it.
      if ((enabled & own) === 0) return;
      if ((covered & own) !== 0) return;
      initials |= own;
    }
    initials &= enabled;
    if ((initials & own) !== 0) backtrack[event] |= own;
    else backtrack[event] |= initials === 0 ? enabled : initials & -initials;
  }

  /** Whether an event depends on the first of those that {@link #reverse} has met of some threads. */
  #follows(members: number, event: number): boolean {
    const { clocks, threads } = this.#trail;
    const clock = event * threads;
    for (let rest = members; rest !== 0; rest &= rest - 1) {
      const thread = lowest(rest);
      if (clocks[clock + thread] >= this.#firstOf[thread]) return true;
    }
    return false;
  }
}
