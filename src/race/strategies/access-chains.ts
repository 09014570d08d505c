/** Bytes that share a chain: the widest element. Wider or unaligned accesses are on several chains. */
export const CELL_BYTES = 8;
const NONE = -1;

/**
 * For each place of memory, the accesses of the running execution to it, latest first: all of them, and apart from them
 * the writes. Accesses are taken off again in the opposite order when the execution is taken back.
 */
export class AccessChains {
  /** By link: the access, the links before it on the same chain, and the chain itself. */
  event: Int32Array = new Int32Array(1024);
  before: Int32Array = new Int32Array(1024);
  writeBefore: Int32Array = new Int32Array(1024);
  #cell: Int32Array = new Int32Array(1024);
  /** Links in use. */
  count = 0;
  /** By chain: its latest link, and the latest that is a write. */
  readonly latest: number[] = [];
  readonly latestWrite: number[] = [];
  readonly #memory = new Map<number, number>();
  readonly #queues = new Map<number, number>();

  /** The chain of a cell of memory. */
  memoryCell(cell: number): number {
    return this.#chainOf(this.#memory, cell);
  }

  /** The chain of the threads that wait on a word. */
  queue(address: number): number {
    return this.#chainOf(this.#queues, address);
  }

  /** The chain of what all waits that end by themselves share. */
  time(): number {
    return this.#chainOf(this.#queues, NONE);
  }

  push(chain: number, event: number, writes: boolean): void {
    const link = this.count++;
    if (link === this.event.length) this.#grow();
    this.event[link] = event;
    this.before[link] = this.latest[chain];
    this.writeBefore[link] = this.latestWrite[chain];
    this.#cell[link] = chain;
    this.latest[chain] = link;
    if (writes) this.latestWrite[chain] = link;
  }

  /** Takes the latest accesses off, until `count` are left. */
  truncate(count: number): void {
    for (let link = this.count - 1; link >= count; link--) {
      const chain = this.#cell[link];
      this.latest[chain] = this.before[link];
      this.latestWrite[chain] = this.writeBefore[link];
    }
    this.count = count;
  }

  #chainOf(chains: Map<number, number>, key: number): number {
    let chain = chains.get(key);
    if (chain === undefined) {
      chain = this.latest.length;
      this.latest.push(NONE);
      this.latestWrite.push(NONE);
      chains.set(key, chain);
    }
    return chain;
  }

  #grow(): void {
    this.event = doubled(this.event);
    this.before = doubled(this.before);
    this.writeBefore = doubled(this.writeBefore);
    this.#cell = doubled(this.#cell);
  }
}

/** The cell that a byte lies in. */
export function cellOf(address: number): number {
  return Math.floor(address / CELL_BYTES);
}

export function doubled(array: Int32Array): Int32Array {
  const larger = new Int32Array(2 * array.length);
  larger.set(array);
  return larger;
}
