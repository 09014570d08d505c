/** A thread took `to` while it had `from`. */
export interface LockOrderEdge {
  readonly from: number;
  readonly to: number;
  readonly site: number;
  readonly thread: number;
}

/** An edge with all that tells whether it can be part of a deadlock. */
interface Edge extends LockOrderEdge {
  /** Whether `from` was held, and `to` was taken, only for reading. */
  readonly fromShared: boolean;
  readonly toShared: boolean;
  /** All that the thread had at that time, `from` included. */
  readonly held: readonly Holding[];
}

interface Holding {
  readonly lock: number;
  readonly shared: boolean;
}

/**
 * Who has which lock, and in which orders locks were taken, in all executions of a scenario.
 *
 * Orders that form a circle can deadlock, whether or not an execution did. A circle counts when it can really close:
 * each of its edges was seen in another thread, no third lock keeps two of those threads apart, and nobody in it reads
 * beside a reader.
 */
export class LockOrder {
  /** By thread. */
  readonly #held: Holding[][] = [];
  /** By `from`, then by `to`. */
  readonly #edges = new Map<number, Map<number, Edge[]>>();

  /** Begins an execution: all locks are free. The orders seen so far stay known. */
  begin(): void {
    for (const held of this.#held) held.length = 0;
  }

  /**
   * The thread got a lock for which it would have waited.
   *
   * @param shared it was taken for reading
   * @returns a circle of orders that this one closes, beginning with it, the first time that it is seen
   */
  acquire(thread: number, lock: number, site: number, shared = false): readonly LockOrderEdge[] | undefined {
    const held = this.#heldBy(thread);
    let circle: readonly LockOrderEdge[] | undefined;
    for (const { lock: from, shared: fromShared } of held) {
      if (from === lock || this.#isKnown(thread, from, lock, held, fromShared, shared)) continue;
      const edge = { from, to: lock, site, thread, fromShared, toShared: shared, held: held.slice() };
      this.#add(edge);
      circle ??= this.#close([edge]);
    }
    held.push({ lock, shared });
    return circle;
  }

  /** The thread got a lock in an attempt that would have failed rather than waited: that cannot deadlock. */
  acquireByTrying(thread: number, lock: number, shared = false): void {
    this.#heldBy(thread).push({ lock, shared });
  }

  /** The thread gave the lock back. @returns false when it does not have it */
  release(thread: number, lock: number): boolean {
    const held = this.#heldBy(thread);
    for (let i = held.length - 1; i >= 0; i--) {
      if (held[i].lock !== lock) continue;
      held.splice(i, 1);
      return true;
    }
    return false;
  }

  /** Whether the thread has the lock. */
  holds(thread: number, lock: number): boolean {
    for (const holding of this.#heldBy(thread)) if (holding.lock === lock) return true;
    return false;
  }

  /** A thread that has the lock, the first one of several readers; -1 for nobody. */
  ownerOf(lock: number): number {
    for (let thread = 0; thread < this.#held.length; thread++) if (this.holds(thread, lock)) return thread;
    return -1;
  }

  /** The locks that the thread has, in the order in which it took them. */
  held(thread: number): number[] {
    return this.#heldBy(thread).map((holding) => holding.lock);
  }

  #heldBy(thread: number): Holding[] {
    while (this.#held.length <= thread) this.#held.push([]);
    return this.#held[thread];
  }

  /** Whether an edge is known that can close at least the circles that this one can. */
  #isKnown(
    thread: number,
    from: number,
    to: number,
    held: readonly Holding[],
    fromShared: boolean,
    toShared: boolean,
  ): boolean {
    const edges = this.#edges.get(from)?.get(to);
    if (edges === undefined) return false;
    for (const edge of edges) {
      if (edge.thread !== thread) continue;
      const isAsStrong = (fromShared || !edge.fromShared) && (toShared || !edge.toShared);
      if (isAsStrong && isWithin(edge.held, held)) return true;
    }
    return false;
  }

  #add(edge: Edge): void {
    let targets = this.#edges.get(edge.from);
    if (targets === undefined) this.#edges.set(edge.from, (targets = new Map<number, Edge[]>()));
    const edges = targets.get(edge.to);
    if (edges === undefined) targets.set(edge.to, [edge]);
    else edges.push(edge);
  }

  /** The shortest circle that begins with the path is found by lengthening it step by step. */
  #close(first: [Edge]): readonly Edge[] | undefined {
    let paths: Edge[][] = [first];
    while (paths.length > 0) {
      const longer: Edge[][] = [];
      for (const path of paths) {
        const last = path[path.length - 1];
        for (const edges of this.#edges.get(last.to)?.values() ?? []) {
          for (const edge of edges) {
            if (!fits(path, edge)) continue;
            if (edge.to !== path[0].from) longer.push([...path, edge]);
            else if (!edge.toShared || !path[0].fromShared) return [...path, edge];
          }
        }
      }
      paths = longer;
    }
    return undefined;
  }
}

/** Whether the edge's thread can be where it is while those of the path are where they are. */
function fits(path: readonly Edge[], edge: Edge): boolean {
  if (path[path.length - 1].toShared && edge.fromShared) return false;
  return path.every(
    (other) => other.thread !== edge.thread && other.from !== edge.from && areTogether(other.held, edge.held),
  );
}

/** Whether two threads can have these locks at the same time. */
function areTogether(one: readonly Holding[], other: readonly Holding[]): boolean {
  return one.every((a) => other.every((b) => a.lock !== b.lock || (a.shared && b.shared)));
}

/** Whether `larger` keeps away all whom `smaller` keeps away. */
function isWithin(smaller: readonly Holding[], larger: readonly Holding[]): boolean {
  return smaller.every((a) => larger.some((b) => a.lock === b.lock && (a.shared || !b.shared)));
}
