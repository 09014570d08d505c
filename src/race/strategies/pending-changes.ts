import { OP_CAS, OP_NOTIFY, OP_TIMEOUT, OP_WAIT } from '../engine/op.js';
import { MAX_THREADS, type ExecutionView } from '../engine/strategy.js';
import { writesMemory } from './conflict.js';
import type { LostOperations } from './lost-operations.js';
import { lowest } from './mask.js';
import type { Trail } from './trail.js';

/**
 * The pending operations of threads that an event of another one turns into other kinds: timed waits whose threads are
 * notified; waits and compareExchanges that find another value.
 */
export class PendingChanges {
  readonly #trail: Trail;
  readonly #lost: LostOperations;
  /** Threads whose pending operation may become another one by the latest event, and what it was before. */
  #threads = 0;
  readonly #kind = new Int32Array(MAX_THREADS);
  readonly #low = new Float64Array(MAX_THREADS);
  readonly #high = new Float64Array(MAX_THREADS);

  constructor(trail: Trail, lost: LostOperations) {
    this.#trail = trail;
    this.#lost = lost;
  }

  /**
   * Remembers what the event, which is about to happen, may change.
   *
   * @param enabled the threads that can go on before it
   */
  look(execution: ExecutionView, event: number, enabled: number): void {
    const trail = this.#trail;
    const kind = trail.kind[event];
    this.#threads = 0;
    const writes = writesMemory(kind);
    if (!writes && kind !== OP_NOTIFY) return;
    const low = trail.low[event];
    const high = trail.high[event];
    let rest = (enabled | this.#suspended(execution)) & ~(1 << trail.thread[event]);
    for (; rest !== 0; rest &= rest - 1) {
      const other = lowest(rest);
      const otherKind = execution.kindOf(other);
      const mayChange = writes ? otherKind === OP_WAIT || otherKind === OP_CAS : otherKind === OP_TIMEOUT;
      if (!mayChange) continue;
      const otherLow = execution.addressOf(other);
      const otherHigh = otherLow + execution.sizeOf(other);
      if (otherLow >= high || low >= otherHigh) continue;
      this.#threads |= 1 << other;
      this.#kind[other] = otherKind;
      this.#low[other] = otherLow;
      this.#high[other] = otherHigh;
    }
  }

  /**
   * Notes as lost the operations that {@link look} has seen and that are others now, after the event.
   *
   * @returns the threads that were about to execute them
   */
  lose(execution: ExecutionView, event: number): number {
    let changed = 0;
    for (let rest = this.#threads; rest !== 0; rest &= rest - 1) {
      const thread = lowest(rest);
      const kind = this.#kind[thread];
      if (execution.kindOf(thread) === kind) continue;
      changed |= 1 << thread;
      this.#lost.add(event, thread, kind, this.#low[thread], this.#high[thread]);
    }
    this.#threads = 0;
    return changed;
  }

  /** Threads that stand still while an interrupt runs. */
  #suspended(execution: ExecutionView): number {
    const { handlers, interrupts, last } = this.#trail;
    let mask = 0;
    for (let rest = handlers; rest !== 0; rest &= rest - 1) {
      const handler = lowest(rest);
      if (last[handler] >= 0 && !execution.isDone(handler)) mask |= interrupts[handler];
    }
    return mask;
  }
}
