import { EventKind, NO_KEY, type KmemEvent } from './kmem-event.js';
import { LiveTable, NOT_LIVE } from './live-table.js';

/** What a trace says about objects: kmalloc and the slab caches. */
export interface ObjectStatistics {
  /** Allocations, failed ones included. */
  readonly allocations: number;
  readonly failures: number;
  /** Frees of an object, with or without its allocation in the trace. */
  readonly frees: number;
  /** Frees of NULL, which do nothing. */
  readonly nullFrees: number;
  /** Frees of objects whose allocation is not in the trace. */
  readonly unmatchedFrees: number;
  /** Allocations at an address that was still live: the free between them is not in the trace. */
  readonly missingFrees: number;
  /** Sizes asked for (bytes). */
  readonly requestedBytes: number;
  /** Sizes given (bytes). */
  readonly allocatedBytes: number;
  /** Sizes given of the objects freed, as far as their allocation is in the trace (bytes). */
  readonly freedBytes: number;
  /** Given but not asked for: the internal fragmentation (bytes). */
  readonly wastedBytes: number;
  /** The same as a part of what was given (percent); 0 if nothing was given. */
  readonly wastedPercent: number;
  /** Objects allocated and not freed at the end. */
  readonly liveObjects: number;
}

/** What a trace says about pages. A block is what one allocation gives: 2^order pages. */
export interface PageStatistics {
  /** Allocations, failed ones included. */
  readonly allocations: number;
  readonly failures: number;
  /** Pages in all blocks allocated. */
  readonly allocatedPages: number;
  /** Frees of a block, with or without its allocation in the trace. */
  readonly frees: number;
  /** Frees of blocks whose allocation is not in the trace. */
  readonly unmatchedFrees: number;
  /** Events that repeat a free (`mm_page_free_batched`). */
  readonly repeatedFrees: number;
  /** Allocations of a frame that was still live: the free between them is not in the trace. */
  readonly missingFrees: number;
  /** Frees with another order than the allocation's: the block was split. */
  readonly splitFrees: number;
  /** Blocks allocated and not freed at the end. */
  readonly liveBlocks: number;
  /** Pages in them. */
  readonly livePages: number;
}

/** The sums of a trace. */
export interface KmemTotals {
  readonly objects: ObjectStatistics;
  readonly pages: PageStatistics;
}

/**
 * Adds up the events of a trace by the rules of `perf kmem stat`:
 * - an object is known by its address, whatever gave it and whatever frees it; a page block by its first frame;
 * - a free counts when its allocation was seen, with the sizes of the allocation;
 * - an allocation of what is still live counts in full and takes the place of the older one: the free between
 *   them was lost, so its bytes are never counted as freed, and one object is live, not two;
 * - a failed allocation counts as an allocation, an object also with its sizes, but nothing of it is live.
 *
 * Memory depends on what is live at once, not on the length of the trace.
 */
export class KmemStatistics {
  readonly #liveObjects = new LiveTable();
  readonly #liveBlocks = new LiveTable();
  readonly #objects = {
    allocations: 0,
    failures: 0,
    frees: 0,
    nullFrees: 0,
    unmatchedFrees: 0,
    missingFrees: 0,
    requestedBytes: 0,
    allocatedBytes: 0,
    freedBytes: 0,
  };
  readonly #pages = {
    allocations: 0,
    failures: 0,
    allocatedPages: 0,
    frees: 0,
    unmatchedFrees: 0,
    repeatedFrees: 0,
    missingFrees: 0,
    splitFrees: 0,
    livePages: 0,
  };

  /** Takes one event into account. */
  add(event: KmemEvent): void {
    switch (event.kind) {
      case EventKind.pageAlloc:
        this.#allocBlock(event);
        break;
      case EventKind.pageFree:
        this.#freeBlock(event);
        break;
      case EventKind.pageFreeRepeated:
        this.#pages.repeatedFrees++;
        break;
      case EventKind.objectAlloc:
      case EventKind.cacheAlloc:
        this.#allocObject(event);
        break;
      case EventKind.objectFree:
        this.#freeObject(event);
        break;
      case EventKind.other:
        break;
    }
  }

  /** The sums so far. */
  totals(): KmemTotals {
    const { requestedBytes, allocatedBytes } = this.#objects;
    const wastedBytes = allocatedBytes - requestedBytes;
    return {
      objects: {
        ...this.#objects,
        wastedBytes,
        wastedPercent: allocatedBytes === 0 ? 0 : (wastedBytes / allocatedBytes) * 100,
        liveObjects: this.#liveObjects.size,
      },
      pages: { ...this.#pages, liveBlocks: this.#liveBlocks.size },
    };
  }

  #allocObject(event: KmemEvent): void {
    const sums = this.#objects;
    sums.allocations++;
    sums.requestedBytes += event.bytesRequested;
    sums.allocatedBytes += event.bytesAllocated;
    if (event.key === NO_KEY) sums.failures++;
    else if (this.#liveObjects.put(event.key, event.bytesAllocated) !== NOT_LIVE) sums.missingFrees++;
  }

  #freeObject(event: KmemEvent): void {
    const sums = this.#objects;
    if (event.key === NO_KEY) {
      sums.nullFrees++;
      return;
    }
    sums.frees++;
    const bytes = this.#liveObjects.take(event.key);
    if (bytes === NOT_LIVE) sums.unmatchedFrees++;
    else sums.freedBytes += bytes;
  }

  #allocBlock(event: KmemEvent): void {
    const sums = this.#pages;
    sums.allocations++;
    if (event.key === NO_KEY) {
      sums.failures++;
      return;
    }
    sums.allocatedPages += 2 ** event.order;
    sums.livePages += 2 ** event.order;
    const previous = this.#liveBlocks.put(event.key, event.order);
    if (previous === NOT_LIVE) return;
    sums.missingFrees++;
    sums.livePages -= 2 ** previous;
  }

  #freeBlock(event: KmemEvent): void {
    const sums = this.#pages;
    sums.frees++;
    const order = this.#liveBlocks.take(event.key);
    if (order === NOT_LIVE) {
      sums.unmatchedFrees++;
      return;
    }
    sums.livePages -= 2 ** order;
    if (order !== event.order) sums.splitFrees++;
  }
}
