import { OP_AWAIT, OP_LOCAL } from '../engine/op.js';
import { conflicts, writesMemory } from './conflict.js';
import type { LostOperation, LostOperations } from './lost-operations.js';
import { has } from './mask.js';
import type { Reversals } from './reversals.js';
import type { Trail } from './trail.js';

/** The races of events with operations that earlier events have taken away. */
export class LostRaces {
  readonly #trail: Trail;
  readonly #lost: LostOperations;
  readonly #reversals: Reversals;

  constructor(trail: Trail, lost: LostOperations, reversals: Reversals) {
    this.#trail = trail;
    this.#lost = lost;
    this.#reversals = reversals;
  }

  /**
   * What has just been executed may also come before an operation that an earlier event has taken away, and matter to it
   * there.
   */
  ofEvent(event: number): void {
    for (const lost of this.#lost.list) {
      if (this.#matters(event, lost)) this.#reversals.beforeLost(lost.event, event);
    }
  }

  /** The same as {@link ofEvent} for threads that can go on because of the event, and could have done so before. */
  ofEnabled(event: number): void {
    const enables = this.#trail.enables[event];
    if (enables === 0) return;
    for (const lost of this.#lost.list) {
      if (has(enables, lost.thread) && lost.event < event && !this.#trail.isBefore(lost.event, event)) {
        this.#reversals.beforeLost(lost.event, event);
      }
    }
  }

  #matters(event: number, lost: LostOperation): boolean {
    const trail = this.#trail;
    const thread = trail.thread[event];
    if (thread === lost.thread || trail.isBefore(lost.event, event)) return false;
    const kind = trail.kind[event];
    const low = trail.low[event];
    const high = trail.high[event];
    if (kind === OP_LOCAL) return trail.isFirst(event) && has(trail.interrupts[thread], lost.thread);
    if (lost.kind === OP_AWAIT && writesMemory(kind) && trail.watches(lost.after, low, high)) return true;
    return conflicts(lost.kind, lost.low, lost.high, kind, low, high);
  }
}
