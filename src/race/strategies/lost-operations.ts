import { OP_ACQUIRE, OP_LOCAL } from '../engine/op.js';
import type { ExecutionView } from '../engine/strategy.js';
import { lowest } from './mask.js';
import type { Trail } from './trail.js';

/**
 * An operation that a thread was about to execute when an event of another thread took it away, for a while or for
 * good: a timed wait whose thread is notified, a wait that finds another value now, a spinning thread whose word changes
 * back, whatever an interrupted thread was about to do. It is not among the events that follow, so they show nothing
 * about what races with it.
 */
export interface LostOperation {
  /** The event that took it away. */
  readonly event: number;
  readonly thread: number;
  readonly kind: number;
  readonly low: number;
  readonly high: number;
  /** The thread's event before it; -1 for none. */
  readonly after: number;
}

/** The operations that the events of the running execution have taken away. */
export class LostOperations {
  readonly list: LostOperation[] = [];
  readonly #trail: Trail;

  constructor(trail: Trail) {
    this.#trail = trail;
  }

  /** Notes what a thread was about to execute before an event. */
  add(event: number, thread: number, kind: number, low: number, high: number): void {
    this.list.push({ event, thread, kind, low, high, after: this.#trail.last[thread] });
  }

  /** Notes the operations of threads that cannot go on any more because of an event. */
  addStopped(execution: ExecutionView, event: number, stopped: number): void {
    const trail = this.#trail;
    for (let rest = stopped; rest !== 0; rest &= rest - 1) {
      const thread = lowest(rest);
      const kind = execution.kindOf(thread);
      // An interrupt that cannot come now, or the return from a wait, matter to nobody else.
      if (kind === OP_LOCAL) continue;
      const low = execution.addressOf(thread);
      // Whatever matters to who wants a lock, matters to who has taken it; apart from interrupts.
      const isSame = kind === OP_ACQUIRE && trail.kind[event] === kind && trail.low[event] === low;
      if (isSame && trail.handlers === 0) continue;
      this.add(event, thread, kind, low, low + execution.sizeOf(thread));
    }
  }

  /** Forgets those that were taken away by event `count` or a later one. */
  truncate(count: number): void {
    while (this.list.length > 0 && this.list[this.list.length - 1].event >= count) this.list.pop();
  }
}
