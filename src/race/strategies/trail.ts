import { OP_ACQUIRE, OP_AWAIT, OP_LOCAL, OP_READ, OP_RELEASE, OP_TIMEOUT, OP_WAIT } from '../engine/op.js';
import { MAX_THREADS } from '../engine/strategy.js';
import { AccessChains, CELL_BYTES, cellOf, doubled } from './access-chains.js';
import { usesMemory, usesQueue, writesMemory } from './conflict.js';
import { has, lowest } from './mask.js';

const NONE = -1;
const FIRST_EVENTS = 1024;
/** Reads in a row that a spinning thread may look at again and again. */
const MAX_WATCHED = 16;

/**
 * The operations of the running execution in their order, and which of them happen before which: those of one thread,
 * those that conflict, and those that let a waiting thread go on. Its end can be taken back.
 *
 * Event e has the clock `clocks[e * threads + t]`: the latest event of thread t that happens before e, or is e.
 */
export class Trail {
  readonly threads: number;
  count = 0;
  thread: Int32Array = new Int32Array(FIRST_EVENTS);
  kind: Int32Array = new Int32Array(FIRST_EVENTS);
  low: Float64Array = new Float64Array(FIRST_EVENTS);
  high: Float64Array = new Float64Array(FIRST_EVENTS);
  /** Threads that went on waiting before the event, and can go on because of it. */
  enables: Int32Array = new Int32Array(FIRST_EVENTS);
  /** For locks: how many hold the lock after the event. */
  holds: Int32Array = new Int32Array(FIRST_EVENTS);
  clocks: Int32Array;
  /** By thread: its latest event. */
  readonly last: Int32Array = new Int32Array(MAX_THREADS).fill(NONE);
  /** By thread that is an interrupt: the threads that stand still meanwhile; none where that is not known yet. */
  readonly interrupts: Int32Array;
  /** Threads that are interrupts, as far as known. */
  handlers: number;
  /** Locks that were held by several at once, by address. */
  readonly sharedLocks: Set<number>;
  /** What {@link analyse} has found: events that race with the analysed one. */
  races: Int32Array = new Int32Array(64);
  raceCount = 0;
  readonly #chains = new AccessChains();
  /** By event: the one before it of the same thread, and its first link in the chains. */
  #previous: Int32Array = new Int32Array(FIRST_EVENTS);
  #firstLink: Int32Array = new Int32Array(FIRST_EVENTS);
  /** The chains that an operation is on, with the bytes, and whether it writes there. */
  readonly #on: number[] = [];
  readonly #lowOn: number[] = [];
  readonly #highOn: number[] = [];
  readonly #writesOn: boolean[] = [];
  #found: Int32Array = new Int32Array(64);
  #foundCount = 0;

  /** @param known what was found out about locks and interrupts before */
  constructor(threads: number, known?: Trail) {
    this.threads = threads;
    this.sharedLocks = known?.sharedLocks ?? new Set();
    this.handlers = known?.handlers ?? 0;
    this.interrupts = known?.interrupts ?? new Int32Array(MAX_THREADS);
    this.clocks = new Int32Array(FIRST_EVENTS * threads);
  }

  /** Whether event `earlier` happens before event `later`, or is it. */
  isBefore(earlier: number, later: number): boolean {
    return this.clocks[later * this.threads + this.thread[earlier]] >= earlier;
  }

  /** Adds an event, with the races that it ends in {@link races}. */
  push(thread: number, kind: number, low: number, high: number): void {
    const event = this.count;
    this.analyse(thread, kind, low, high, false);
    this.clocks[event * this.threads + thread] = event;
    this.thread[event] = thread;
    this.kind[event] = kind;
    this.low[event] = low;
    this.high[event] = high;
    this.enables[event] = 0;
    this.#firstLink[event] = this.#chains.count;
    this.#previous[event] = this.last[thread];
    this.last[thread] = event;
    if (kind === OP_ACQUIRE || kind === OP_RELEASE) this.#countHolds(event, kind, low);
    for (let i = 0; i < this.#on.length; i++) this.#chains.push(this.#on[i], event, this.#writesOn[i]);
    this.count++;
  }

  /** Takes the latest events back, until `count` are left. */
  truncate(count: number): void {
    if (count >= this.count) return;
    for (let event = this.count - 1; event >= count; event--) {
      this.last[this.thread[event]] = this.#previous[event];
    }
    this.#chains.truncate(this.#firstLink[count]);
    this.count = count;
  }

  /**
   * Finds the clock that an operation would have as the next event, and the earlier events that race with it: that
   * conflict, and are not before it because of anything in between.
   *
   * @param waits the thread cannot go on now; the operation is a lock's
   */
  analyse(thread: number, kind: number, low: number, high: number, waits: boolean): void {
    this.#reserve();
    this.raceCount = 0;
    this.#startClock(thread);
    this.#findChains(thread, kind, low, high);
    this.#collect(thread);
    const released = kind === OP_ACQUIRE ? this.#analyseLock(low) : NONE;
    if (waits) return;
    for (let i = 0; i < this.#foundCount; i++) {
      const event = this.#found[i];
      if (this.#isKnown(event)) continue;
      if (event !== released) this.addRace(event);
      this.join(event);
    }
    if (kind === OP_LOCAL) this.#standStill(this.interruptedBy(thread));
  }

  /** Whether an event is the first one of its thread. */
  isFirst(event: number): boolean {
    return this.#previous[event] < 0;
  }

  /**
   * Threads that stand still when a thread executes an OP_LOCAL: the interrupted one, if it begins an interrupt; all,
   * while that is not known. None if it has only been woken.
   */
  interruptedBy(thread: number): number {
    if (this.last[thread] >= 0) return 0;
    return this.interrupts[thread] === 0
      ? ~(1 << thread) & ((1 << this.threads) - 1)
      : this.interrupts[thread];
  }

  addRace(event: number): void {
    if (this.raceCount === this.races.length) this.races = doubled(this.races);
    this.races[this.raceCount++] = event;
  }

  /** What happens before `event`, and the event, happens before the one that is being analysed, or before `target`. */
  join(event: number, target = this.count): void {
    const { clocks, threads } = this;
    const from = event * threads;
    const to = target * threads;
    for (let t = 0; t < threads; t++) {
      const value = clocks[from + t];
      if (value > clocks[to + t]) clocks[to + t] = value;
    }
  }

  /** The threads' operations stand on both sides of an interrupt, wherever it begins. */
  #standStill(mask: number): void {
    for (let rest = mask; rest !== 0; rest &= rest - 1) {
      const event = this.last[lowest(rest)];
      if (event < 0 || this.#isKnown(event)) continue;
      this.addRace(event);
      this.join(event);
    }
  }

  #isKnown(event: number): boolean {
    return this.clocks[this.count * this.threads + this.thread[event]] >= event;
  }

  /** What happens before whatever the thread does next: its own past, and what let it go on. */
  #startClock(thread: number): void {
    const { clocks, threads, count } = this;
    const own = this.last[thread];
    const to = count * threads;
    if (own < 0) clocks.fill(NONE, to, to + threads);
    else clocks.copyWithin(to, own * threads, (own + 1) * threads);
    for (let event = count - 1; event > own; event--) {
      if (has(this.enables[event], thread)) this.join(event);
    }
  }

  /** Finds the chains that an operation is on, and the bytes of each that it uses. */
  #findChains(thread: number, kind: number, low: number, high: number): void {
    const chains = this.#chains;
    this.#on.length = 0;
    if (usesMemory(kind)) this.#putOnMemory(low, high, writesMemory(kind));
    if (kind === OP_AWAIT) this.#watch(this.last[thread], this.#putRead);
    if (!usesQueue(kind)) return;
    this.#putOn(chains.queue(low), -Infinity, Infinity, true);
    if (kind !== OP_TIMEOUT && kind !== OP_WAIT) return;
    this.#putOn(chains.time(), -Infinity, Infinity, kind === OP_TIMEOUT);
  }

  #putOnMemory(low: number, high: number, writes: boolean): void {
    const end = cellOf(high - 1);
    for (let cell = cellOf(low); cell <= end; cell++) {
      const start = cell * CELL_BYTES;
      const chain = this.#chains.memoryCell(cell);
      this.#putOn(chain, Math.max(low, start), Math.min(high, start + CELL_BYTES), writes);
    }
  }

  #putOn(chain: number, low: number, high: number, writes: boolean): void {
    const at = this.#on.length;
    this.#on.push(chain);
    this.#lowOn[at] = low;
    this.#highOn[at] = high;
    this.#writesOn[at] = writes;
  }

  readonly #putRead = (event: number): boolean => {
    this.#putOnMemory(this.low[event], this.high[event], false);
    return false;
  };

  /**
   * Goes through the events by which a spinning thread may have looked at what it waits for: all that it has read in a
   * row until `from`.
   *
   * @returns whether `visit` has answered true
   */
  #watch(from: number, visit: (event: number) => boolean): boolean {
    let event = from;
    for (let i = 0; i < MAX_WATCHED && event >= 0 && this.kind[event] === OP_READ; i++) {
      if (visit(event)) return true;
      event = this.#previous[event];
    }
    return false;
  }

  /** Whether a thread that spins after an event of its own waits for a change of bytes among these. */
  watches(event: number, low: number, high: number): boolean {
    return this.#watch(event, (earlier) => this.#overlaps(earlier, low, high));
  }

  #overlaps(event: number, low: number, high: number): boolean {
    if (this.low[event] < high && low < this.high[event]) return true;
    if (this.kind[event] !== OP_AWAIT) return false;
    return this.#watch(this.#previous[event], (earlier) => this.#overlaps(earlier, low, high));
  }

  /** Finds the conflicting events, latest first, as far back as they do not all happen before one that was found. */
  #collect(thread: number): void {
    this.#foundCount = 0;
    for (let i = 0; i < this.#on.length; i++) this.#collectChain(thread, i);
    if (this.#on.length > 1 && this.#foundCount > 1) {
      this.#found.subarray(0, this.#foundCount).sort().reverse();
    }
  }

  #collectChain(thread: number, index: number): void {
    const chains = this.#chains;
    const chain = this.#on[index];
    const writes = this.#writesOn[index];
    const low = this.#lowOn[index];
    const high = this.#highOn[index];
    // Where bytes do not matter.
    const isExact = low === -Infinity;
    let write = chains.latestWrite[chain];
    let link = writes ? chains.latest[chain] : write;
    while (link >= 0) {
      const event = chains.event[link];
      const isOther = this.thread[event] !== thread && !this.#isKnown(event);
      if (isOther && (isExact || this.#overlaps(event, low, high))) this.#add(event);
      if (link === write) {
        if (isExact || (this.low[event] <= low && this.high[event] >= high)) return;
        write = chains.writeBefore[link];
      }
      link = writes ? chains.before[link] : write;
    }
  }

  /**
   * A lock is taken, or waited for: it races with whoever took it last, not with the release, before which it cannot be
   * taken. Unless several can hold it at once.
   *
   * @returns the release that comes before it, or none
   */
  #analyseLock(low: number): number {
    const latest = this.#lockEventBefore(this.#chains.latestWrite[this.#on[0]], low);
    if (latest < 0) return NONE;
    const event = this.#chains.event[latest];
    const taken = this.#takenAt(latest, low);
    if (taken >= 0 && !this.#isKnown(taken)) this.addRace(taken);
    const isFreed = this.kind[event] === OP_RELEASE && this.holds[event] === 0;
    return isFreed && !this.sharedLocks.has(low) ? event : NONE;
  }

  /** The event by which the lock ceased to be free, for the last time up to a link. */
  #takenAt(from: number, low: number): number {
    for (let link = from; link >= 0; link = this.#lockEventBefore(this.#chains.writeBefore[link], low)) {
      const event = this.#chains.event[link];
      if (this.kind[event] === OP_ACQUIRE && this.holds[event] === 1) return event;
    }
    return NONE;
  }

  /** The latest link, from one on, that takes or releases a lock. */
  #lockEventBefore(from: number, low: number): number {
    let link = from;
    while (link >= 0) {
      const event = this.#chains.event[link];
      const kind = this.kind[event];
      if ((kind === OP_ACQUIRE || kind === OP_RELEASE) && this.low[event] === low) return link;
      link = this.#chains.writeBefore[link];
    }
    return NONE;
  }

  #countHolds(event: number, kind: number, low: number): void {
    const link = this.#lockEventBefore(this.#chains.latestWrite[this.#on[0]], low);
    const before = link < 0 ? 0 : this.holds[this.#chains.event[link]];
    this.holds[event] = kind === OP_ACQUIRE ? before + 1 : Math.max(0, before - 1);
  }

  #add(event: number): void {
    if (this.#foundCount === this.#found.length) this.#found = doubled(this.#found);
    this.#found[this.#foundCount++] = event;
  }

  /** Makes room for one more event. */
  #reserve(): void {
    if (this.count < this.thread.length) return;
    this.thread = doubled(this.thread);
    this.kind = doubled(this.kind);
    this.enables = doubled(this.enables);
    this.holds = doubled(this.holds);
    this.#previous = doubled(this.#previous);
    this.#firstLink = doubled(this.#firstLink);
    this.clocks = doubled(this.clocks);
    this.low = doubledDoubles(this.low);
    this.high = doubledDoubles(this.high);
  }
}

function doubledDoubles(array: Float64Array): Float64Array {
  const larger = new Float64Array(2 * array.length);
  larger.set(array);
  return larger;
}
