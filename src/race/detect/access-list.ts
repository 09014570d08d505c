import {
  CELL_LIST,
  CELL_LIST_EXECUTION,
  RECORD_RANGE,
  RECORD_SITE,
  RECORD_STAMP,
  RECORD_STEP,
  rangeSize,
  shiftRange,
  STAMP_ATOMIC,
} from './shadow-cell.js';
import type { ThreadClocks } from './thread-clocks.js';

/** A node starts with a record. */
export const NODE_IS_WRITE = 4;
export const NODE_NEXT = 5;
const NODE_SHIFT = 3;
const FIRST_NUMBERS = 256;

/**
 * The records of a cell that found no place in it: reads and atomic writes that are not ordered before the later ones,
 * so that the next access has to be compared with all of them. Few cells have any, and seldom more than a node for
 * each thread. Lists end with their execution.
 */
export class AccessList {
  /** The nodes. Node 0 is not used. Replaced when it grows. */
  nodes = new Int32Array(FIRST_NUMBERS);
  /** Number of the execution, never 0. */
  execution = 0;
  #used = 0;
  #free = 0;

  /** Begins an execution: all lists are empty. */
  begin(): void {
    this.execution++;
    this.#used = 1 << NODE_SHIFT;
    this.#free = 0;
  }

  /** The first node of a cell's list; 0 for none. */
  first(cells: Int32Array, cell: number): number {
    return cells[cell + CELL_LIST_EXECUTION] === this.execution ? cells[cell + CELL_LIST] : 0;
  }

  /** Puts the record that stands at `record` into the list of the cell. */
  push(cells: Int32Array, cell: number, record: number, isWrite: boolean): void {
    const node = this.#take();
    const nodes = this.nodes;
    nodes[node + RECORD_STAMP] = cells[record + RECORD_STAMP];
    nodes[node + RECORD_SITE] = cells[record + RECORD_SITE];
    nodes[node + RECORD_STEP] = cells[record + RECORD_STEP];
    nodes[node + RECORD_RANGE] = cells[record + RECORD_RANGE];
    nodes[node + NODE_IS_WRITE] = isWrite ? 1 : 0;
    nodes[node + NODE_NEXT] = this.first(cells, cell);
    cells[cell + CELL_LIST] = node;
    cells[cell + CELL_LIST_EXECUTION] = this.execution;
  }

  /** Empties the list of the cell. */
  clear(cells: Int32Array, cell: number): void {
    for (let node = this.first(cells, cell); node !== 0;) {
      const next = this.nodes[node + NODE_NEXT];
      this.#giveBack(node);
      node = next;
    }
    cells[cell + CELL_LIST_EXECUTION] = 0;
  }

  /** Whether the list has a read with this stamp and, if it is an atomic one, of this size. */
  hasRead(cells: Int32Array, cell: number, stamp: number, size: number): boolean {
    const nodes = this.nodes;
    for (let node = this.first(cells, cell); node !== 0; node = nodes[node + NODE_NEXT]) {
      if (nodes[node + RECORD_STAMP] !== stamp || nodes[node + NODE_IS_WRITE] !== 0) continue;
      if ((stamp & STAMP_ATOMIC) === 0 || rangeSize(nodes[node + RECORD_RANGE]) === size) return true;
    }
    return false;
  }

  /** Removes what a read of the thread makes superfluous, whether plain (`atomicSize` 0) or atomic. */
  pruneForRead(cells: Int32Array, cell: number, clocks: ThreadClocks, thread: number, atomicSize: number) {
    this.#prune(cells, cell, clocks, thread, atomicSize, false);
  }

  /** Removes what an atomic write of the thread makes superfluous. */
  pruneForAtomicWrite(cells: Int32Array, cell: number, clocks: ThreadClocks, thread: number, size: number) {
    this.#prune(cells, cell, clocks, thread, size, true);
  }

  /** Gives another cell, `bytes` further on, a copy of the list. */
  copy(from: Int32Array, fromCell: number, to: Int32Array, toCell: number, bytes: number): void {
    to[toCell + CELL_LIST_EXECUTION] = 0;
    for (let node = this.first(from, fromCell); node !== 0; node = this.nodes[node + NODE_NEXT]) {
      const copy = this.#take();
      const nodes = this.nodes;
      nodes.copyWithin(copy, node, node + NODE_NEXT);
      nodes[copy + RECORD_RANGE] = shiftRange(nodes[node + RECORD_RANGE], bytes);
      nodes[copy + NODE_NEXT] = this.first(to, toCell);
      to[toCell + CELL_LIST] = copy;
      to[toCell + CELL_LIST_EXECUTION] = this.execution;
    }
  }

  #prune(
    cells: Int32Array,
    cell: number,
    clocks: ThreadClocks,
    thread: number,
    size: number,
    isWrite: boolean,
  ): void {
    const nodes = this.nodes;
    let previous = 0;
    for (let node = this.first(cells, cell); node !== 0;) {
      const next = nodes[node + NODE_NEXT];
      const stamp = nodes[node + RECORD_STAMP];
      const isOldWrite = nodes[node + NODE_IS_WRITE] !== 0;
      if (
        clocks.isOrdered(stamp, thread) &&
        isCovered(stamp, nodes[node + RECORD_RANGE], isOldWrite, size, isWrite)
      ) {
        if (previous === 0) cells[cell + CELL_LIST] = next;
        else nodes[previous + NODE_NEXT] = next;
        this.#giveBack(node);
      } else {
        previous = node;
      }
      node = next;
    }
  }

  #take(): number {
    const node = this.#free;
    if (node !== 0) {
      this.#free = this.nodes[node + NODE_NEXT];
      return node;
    }
    const fresh = this.#used;
    this.#used += 1 << NODE_SHIFT;
    if (this.#used > this.nodes.length) {
      const larger = new Int32Array(this.nodes.length * 2);
      larger.set(this.nodes);
      this.nodes = larger;
    }
    return fresh;
  }

  #giveBack(node: number): void {
    this.nodes[node + NODE_NEXT] = this.#free;
    this.#free = node;
  }
}

/**
 * Whether all that may race with an old read or atomic write would race with the new one too, which is ordered after
 * it.
 *
 * @param size of the new access if it is atomic, 0 for a plain read
 */
export function isCovered(stamp: number, range: number, wasWrite: boolean, size: number, isWrite: boolean) {
  if (size === 0) return !wasWrite;
  return (stamp & STAMP_ATOMIC) !== 0 && rangeSize(range) === size && (isWrite || !wasWrite);
}
