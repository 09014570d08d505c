import { MODE_ATOMIC, MODE_MARKED, MODE_PLAIN } from '../engine/op.js';
import { AccessList, isCovered, NODE_IS_WRITE, NODE_NEXT } from './access-list.js';
import { LOCK, PublishedClocks, WAITERS } from './published-clocks.js';
import {
  CELL_ATOMIC,
  CELL_READ,
  CELL_SHIFT,
  CELL_SPLIT,
  CELL_SYNC,
  CELL_WRITE,
  MAX_PACKED_SIZE,
  packRange,
  rangeDelta,
  rangeSize,
  RECORD_RANGE,
  RECORD_SITE,
  RECORD_STAMP,
  RECORD_STEP,
  STAMP_ATOMIC,
  STAMP_CLOCK_SHIFT,
  STAMP_THREAD_MASK,
} from './shadow-cell.js';
import { CHUNK_MASK, CHUNK_SHIFT, ShadowWords, wordOf } from './shadow-words.js';
import { CLOCK_SHIFT, ThreadClocks } from './thread-clocks.js';

/** The earlier one of two accesses that race. */
export interface RacePartner {
  readonly thread: number;
  readonly isWrite: boolean;
  /** `MODE_*` */
  readonly mode: number;
  readonly address: number;
  readonly size: number;
  readonly site: number;
  readonly step: number;
}

/** Addresses up to here can be shifted. */
const MAX_SHORT_ADDRESS = 0xffff_fffc;

const PLAIN_READ = 0;
const PLAIN_WRITE = 1;
const ATOMIC_READ = 2;
const ATOMIC_WRITE = 3;

/**
 * Finds data races as JavaScript's memory model defines them: two accesses to overlapping bytes, at least one of them a
 * write, not both by `Atomics` on exactly the same range, and neither one ordered before the other. Deliberate races
 * (`MODE_MARKED`) are left out.
 *
 * What orders accesses: the program of each thread; an atomic load that reads what an atomic store or read-modify-write
 * of the same range left; locks; the beginning, end and waking of threads.
 *
 * The idea is FastTrack's: most accesses need one record and one comparison, whole vector clocks are rare. Up to the
 * first race of an execution the answer is exact. Atomics are aligned, as typed arrays have them, and buffers start at
 * multiples of 8.
 */
export class HappensBefore {
  readonly #clocks = new ThreadClocks();
  readonly #shadow: ShadowWords;
  readonly #published: PublishedClocks;
  readonly #list = new AccessList();
  /** `#clocks`' and `#shadow`'s, one step nearer. */
  readonly #stamps: Int32Array;
  readonly #rows: Int32Array;
  readonly #chunks: readonly (Int32Array | undefined)[];

  /** Address and size of this execution's accesses that are longer than MAX_PACKED_SIZE. */
  #longRanges: number[] = [];

  // The access that is being looked at.
  #thread = 0;
  #site = 0;
  #step = 0;
  #size = 0;

  /** @param bytes size of the memory; see also {@link grow} */
  constructor(bytes: number) {
    this.#shadow = new ShadowWords(bytes);
    this.#published = new PublishedClocks(this.#shadow, this.#clocks);
    this.#stamps = this.#clocks.stamps;
    this.#rows = this.#clocks.rows;
    this.#chunks = this.#shadow.chunks;
  }

  /** Watches a larger memory from now on. */
  grow(bytes: number): void {
    this.#shadow.grow(bytes);
  }

  /** Begins an execution. All that was before happened before all of its threads. */
  begin(threads: number): void {
    this.#list.begin();
    this.#published.begin();
    if (this.#longRanges.length > 0) this.#longRanges = [];
    if (this.#clocks.begin(threads)) return;
    this.#shadow.clear();
    this.#published.clear();
  }

  /** The child begins after all that the parent did. */
  fork(parent: number, child: number): void {
    this.wake(parent, child);
  }

  /** The parent goes on after all that the child did. */
  join(parent: number, child: number): void {
    this.wake(child, parent);
  }

  /** `to` goes on after all that `from` did. */
  wake(from: number, to: number): void {
    this.#clocks.join(from, to);
    this.#clocks.tick(from);
  }

  /** Stands for what the thread does now, for {@link isOrdered}. */
  stampOf(thread: number): number {
    return this.#stamps[thread];
  }

  /** Whether what a stamp stands for happened before what the thread does now. 0 stands for what was before all threads. */
  isOrdered(stamp: number, thread: number): boolean {
    return this.#clocks.isOrdered(stamp, thread);
  }

  /** The thread got the lock. */
  acquire(thread: number, address: number): void {
    this.#published.join(this.#published.slotOf(address, LOCK), thread);
  }

  /** The thread gives the lock, or its share of it, back. */
  release(thread: number, address: number): void {
    this.#published.add(this.#published.slotOf(address, LOCK), thread);
  }

  /**
   * The thread calls wait or notify at the address. Each such call comes after all earlier ones there: the language
   * has them enter the list of waiters one after the other.
   */
  visitWaiters(thread: number, address: number): void {
    const slot = this.#published.slotOf(address, WAITERS);
    this.#published.join(slot, thread);
    this.#published.publish(slot, thread);
  }

  /** Notes a load. @returns an earlier access that it races with */
  read(
    thread: number,
    address: number,
    size: number,
    mode: number,
    site: number,
    step: number,
  ): RacePartner | undefined {
    if (mode === MODE_PLAIN) {
      if (size === 4 && (address & 3) === 0 && address <= MAX_SHORT_ADDRESS) {
        const word = address >>> 2;
        const cells = this.#chunks[word >>> CHUNK_SHIFT];
        if (cells !== undefined) {
          const cell = (word & CHUNK_MASK) << CELL_SHIFT;
          const stamp = this.#stamps[thread];
          // Nothing to compare: whoever came in between has been compared with the record.
          if (cells[cell + CELL_READ] === stamp || cells[cell + CELL_WRITE] === stamp) return undefined;
          if (cells[cell + CELL_SPLIT] === 0) {
            this.#set(thread, size, site, step);
            return this.#plainRead(cells, cell, address, packRange(0, 4));
          }
        }
      }
      this.#set(thread, size, site, step);
      return this.#visit(PLAIN_READ, address, size);
    }
    if (mode === MODE_MARKED) return undefined;
    this.#set(thread, size, site, step);
    this.#published.join(this.#published.slotOf(address, size), thread);
    return this.#visit(ATOMIC_READ, address, size);
  }

  /** Notes a store. @returns an earlier access that it races with */
  write(
    thread: number,
    address: number,
    size: number,
    mode: number,
    site: number,
    step: number,
  ): RacePartner | undefined {
    if (mode === MODE_PLAIN) {
      if (size === 4 && (address & 3) === 0 && address <= MAX_SHORT_ADDRESS) {
        const word = address >>> 2;
        const cells = this.#chunks[word >>> CHUNK_SHIFT];
        if (cells !== undefined) {
          const cell = (word & CHUNK_MASK) << CELL_SHIFT;
          if (cells[cell + CELL_WRITE] === this.#stamps[thread]) return undefined;
          if (cells[cell + CELL_SPLIT] === 0) {
            const slot = cells[(cell & ~(1 << CELL_SHIFT)) + CELL_SYNC];
            if (slot !== 0) this.#published.overwriteUnit(slot, address & 4, (address & 4) + 4);
            this.#set(thread, size, site, step);
            return this.#plainWrite(cells, cell, address, packRange(0, 4));
          }
        }
      }
      this.#set(thread, size, site, step);
      this.#published.overwrite(address, size);
      return this.#visit(PLAIN_WRITE, address, size);
    }
    if (mode === MODE_MARKED) {
      this.#published.overwrite(address, size);
      return undefined;
    }
    return this.#store(thread, address, size, site, step, this.#published.slotOf(address, size));
  }

  /** Notes an atomic read-modify-write that wrote. @returns an earlier access that it races with */
  readWrite(
    thread: number,
    address: number,
    size: number,
    site: number,
    step: number,
  ): RacePartner | undefined {
    const slot = this.#published.slotOf(address, size);
    this.#published.join(slot, thread);
    return this.#store(thread, address, size, site, step, slot);
  }

  /** An atomic store, whose clock has this slot. */
  #store(thread: number, address: number, size: number, site: number, step: number, slot: number) {
    this.#published.overwrite(address, size);
    this.#set(thread, size, site, step);
    const partner = this.#visit(ATOMIC_WRITE, address, size);
    this.#published.publish(slot, thread);
    return partner;
  }

  #set(thread: number, size: number, site: number, step: number): void {
    this.#thread = thread;
    this.#size = size;
    this.#site = site;
    this.#step = step;
  }

  /** Any access, cell by cell. */
  #visit(kind: number, address: number, size: number): RacePartner | undefined {
    if (size === 4 && (address & 3) === 0) {
      const word = wordOf(address);
      const cells = this.#shadow.chunkOf(word);
      const cell = (word & CHUNK_MASK) << CELL_SHIFT;
      if (cells[cell + CELL_SPLIT] === 0) {
        return this.#visitCell(kind, cells, cell, address, packRange(0, size));
      }
    }
    return this.#visitRange(kind, address, size);
  }

  #visitRange(kind: number, address: number, size: number): RacePartner | undefined {
    let longRange = 0;
    if (size > MAX_PACKED_SIZE) longRange = ~(this.#longRanges.push(address, size) - 2);
    const end = address + size;
    let partner: RacePartner | undefined;
    for (let word = wordOf(address); word * 4 < end; word++) {
      const cells = this.#shadow.chunkOf(word);
      const cell = (word & CHUNK_MASK) << CELL_SHIFT;
      const start = word * 4;
      const isWhole = start >= address && start + 4 <= end;
      if (isWhole && cells[cell + CELL_SPLIT] === 0) {
        const range = longRange === 0 ? packRange(start - address, size) : longRange;
        const found = this.#visitCell(kind, cells, cell, start, range);
        partner ??= found;
        continue;
      }
      const block = this.#shadow.split(cells, cell, this.#list);
      const last = Math.min(start + 4, end);
      for (let byte = Math.max(start, address); byte < last; byte++) {
        const range = longRange === 0 ? packRange(byte - address, size) : longRange;
        const byteCell = block + ((byte - start) << CELL_SHIFT);
        const found = this.#visitCell(kind, this.#shadow.bytes, byteCell, byte, range);
        partner ??= found;
      }
    }
    return partner;
  }

  #visitCell(kind: number, cells: Int32Array, cell: number, at: number, range: number) {
    switch (kind) {
      case PLAIN_READ:
        return this.#plainRead(cells, cell, at, range);
      case PLAIN_WRITE:
        return this.#plainWrite(cells, cell, at, range);
      case ATOMIC_READ:
        return this.#atomicRead(cells, cell, at, range);
      default:
        return this.#atomicWrite(cells, cell, at, range);
    }
  }

  #plainRead(cells: Int32Array, cell: number, at: number, range: number): RacePartner | undefined {
    const stamp = this.#stamps[this.#thread];
    if (cells[cell + CELL_READ] === stamp || cells[cell + CELL_WRITE] === stamp) return undefined;
    const hasList = this.#list.first(cells, cell) !== 0;
    if (hasList && this.#list.hasRead(cells, cell, stamp, 0)) return undefined;
    let partner = this.#compare(cells, cell, CELL_WRITE, at);
    partner ??= this.#compare(cells, cell, CELL_ATOMIC, at);
    if (hasList) {
      partner ??= this.#compareWithList(cells, cell, at, PLAIN_READ);
      this.#list.pruneForRead(cells, cell, this.#clocks, this.#thread, 0);
    }
    // A read that is ordered before this one: what races with it races with this one.
    if (!this.#isOrdered(cells[cell + CELL_READ])) this.#list.push(cells, cell, cell + CELL_READ, false);
    this.#record(cells, cell + CELL_READ, stamp, range);
    return partner;
  }

  #plainWrite(cells: Int32Array, cell: number, at: number, range: number): RacePartner | undefined {
    const stamp = this.#stamps[this.#thread];
    if (cells[cell + CELL_WRITE] === stamp) return undefined;
    let partner = this.#compare(cells, cell, CELL_WRITE, at);
    partner ??= this.#compare(cells, cell, CELL_READ, at);
    partner ??= this.#compare(cells, cell, CELL_ATOMIC, at);
    if (this.#list.first(cells, cell) !== 0) {
      partner ??= this.#compareWithList(cells, cell, at, PLAIN_WRITE);
      this.#list.clear(cells, cell);
    }
    this.#record(cells, cell + CELL_WRITE, stamp, range);
    // All that was before is ordered before this write, or has been reported.
    cells[cell + CELL_READ] = 0;
    cells[cell + CELL_ATOMIC] = 0;
    return partner;
  }

  #atomicRead(cells: Int32Array, cell: number, at: number, range: number): RacePartner | undefined {
    const stamp = this.#stamps[this.#thread] | STAMP_ATOMIC;
    const size = this.#size;
    const old = cells[cell + CELL_READ];
    const oldRange = cells[cell + CELL_READ + RECORD_RANGE];
    if (old === stamp && rangeSize(oldRange) === size) return undefined;
    const hasList = this.#list.first(cells, cell) !== 0;
    if (hasList && this.#list.hasRead(cells, cell, stamp, size)) return undefined;
    let partner = this.#compare(cells, cell, CELL_WRITE, at);
    if (this.#isOther(cells, cell + CELL_ATOMIC)) partner ??= this.#compare(cells, cell, CELL_ATOMIC, at);
    if (hasList) {
      partner ??= this.#compareWithList(cells, cell, at, ATOMIC_READ);
      this.#list.pruneForRead(cells, cell, this.#clocks, this.#thread, size);
    }
    if (!this.#isSuperfluous(old, oldRange, false, false)) {
      this.#list.push(cells, cell, cell + CELL_READ, false);
    }
    this.#record(cells, cell + CELL_READ, stamp, range);
    return partner;
  }

  #atomicWrite(cells: Int32Array, cell: number, at: number, range: number): RacePartner | undefined {
    const stamp = this.#stamps[this.#thread] | STAMP_ATOMIC;
    let partner = this.#compare(cells, cell, CELL_WRITE, at);
    if (this.#isOther(cells, cell + CELL_READ)) partner ??= this.#compare(cells, cell, CELL_READ, at);
    if (this.#isOther(cells, cell + CELL_ATOMIC)) partner ??= this.#compare(cells, cell, CELL_ATOMIC, at);
    if (this.#list.first(cells, cell) !== 0) {
      partner ??= this.#compareWithList(cells, cell, at, ATOMIC_WRITE);
      this.#list.pruneForAtomicWrite(cells, cell, this.#clocks, this.#thread, this.#size);
    }
    const old = cells[cell + CELL_ATOMIC];
    if (!this.#isSuperfluous(old, cells[cell + CELL_ATOMIC + RECORD_RANGE], true, true)) {
      this.#list.push(cells, cell, cell + CELL_ATOMIC, true);
    }
    this.#record(cells, cell + CELL_ATOMIC, stamp, range);
    return partner;
  }

  /** Whether the record is of an access that an atomic one of the present size may race with. */
  #isOther(cells: Int32Array, record: number): boolean {
    const isAtomic = (cells[record + RECORD_STAMP] & STAMP_ATOMIC) !== 0;
    return !isAtomic || rangeSize(cells[record + RECORD_RANGE]) !== this.#size;
  }

  /** Whether an old record need not be kept, because the present atomic access takes its place. */
  #isSuperfluous(stamp: number, range: number, wasWrite: boolean, isWrite: boolean): boolean {
    if (stamp >> STAMP_CLOCK_SHIFT <= this.#clocks.base) return true;
    return this.#isOrdered(stamp) && isCovered(stamp, range, wasWrite, this.#size, isWrite);
  }

  #isOrdered(stamp: number): boolean {
    const seen = this.#rows[(this.#thread << CLOCK_SHIFT) + (stamp & STAMP_THREAD_MASK)];
    return stamp >> STAMP_CLOCK_SHIFT <= seen;
  }

  #record(cells: Int32Array, record: number, stamp: number, range: number): void {
    cells[record + RECORD_STAMP] = stamp;
    cells[record + RECORD_SITE] = this.#site;
    cells[record + RECORD_STEP] = this.#step;
    cells[record + RECORD_RANGE] = range;
  }

  /** The access in one of the cell's records, if it is not ordered before the present one. */
  #compare(cells: Int32Array, cell: number, record: number, at: number): RacePartner | undefined {
    if (this.#isOrdered(cells[cell + record])) return undefined;
    return this.#partner(cells, cell + record, at, record !== CELL_READ);
  }

  #compareWithList(cells: Int32Array, cell: number, at: number, kind: number): RacePartner | undefined {
    const nodes = this.#list.nodes;
    for (let node = this.#list.first(cells, cell); node !== 0; node = nodes[node + NODE_NEXT]) {
      if (this.#isOrdered(nodes[node + RECORD_STAMP])) continue;
      const isWrite = nodes[node + NODE_IS_WRITE] !== 0;
      const isConflict =
        kind === PLAIN_WRITE ||
        (kind === PLAIN_READ && isWrite) ||
        (kind === ATOMIC_READ && isWrite && this.#isOther(nodes, node)) ||
        (kind === ATOMIC_WRITE && this.#isOther(nodes, node));
      if (isConflict) return this.#partner(nodes, node, at, isWrite);
    }
    return undefined;
  }

  /** @param at the first byte of the cell */
  #partner(records: Int32Array, record: number, at: number, isWrite: boolean): RacePartner {
    const stamp = records[record + RECORD_STAMP];
    const range = records[record + RECORD_RANGE];
    return {
      thread: stamp & STAMP_THREAD_MASK,
      isWrite,
      mode: (stamp & STAMP_ATOMIC) === 0 ? MODE_PLAIN : MODE_ATOMIC,
      address: range < 0 ? this.#longRanges[~range] : at - rangeDelta(range),
      size: range < 0 ? this.#longRanges[~range + 1] : rangeSize(range),
      site: records[record + RECORD_SITE],
      step: records[record + RECORD_STEP],
    };
  }
}
