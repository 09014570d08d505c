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

  add(event: number, thread: number, kind: number, low: number, high: number, after: number): void {
    this.list.push({ event, thread, kind, low, high, after });
  }

  /** Forgets those that were taken away by event `count` or a later one. */
  truncate(count: number): void {
    while (this.list.length > 0 && this.list[this.list.length - 1].event >= count) this.list.pop();
  }
}
