import { PAGE_SIZE } from '../arch/page.js';
import {
  __GFP_COLD,
  __GFP_COMP,
  __GFP_DMA,
  __GFP_FS,
  __GFP_HARDWALL,
  __GFP_HIGH,
  __GFP_IO,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_REPEAT,
  __GFP_THISNODE,
  __GFP_WAIT,
  __GFP_ZERO,
} from '../kernel/mm/gfp.js';
import { ANY_NODE, EventKind, NO_KEY, type KmemEvent } from './kmem-event.js';
import { type CacheSpec, NO_CACHE, ObjectClasses } from './object-classes.js';
import { type ProgramCompiler } from './program-compiler.js';
import {
  ARGUMENT_LIMIT,
  ARGUMENT_SHIFT,
  KIND_CACHE,
  KIND_KMALLOC,
  KIND_LARGE,
  NODE_SHIFT,
  OP_ON_NODE,
} from './program.js';
import { type SlabFacts } from './slab-facts.js';
import { type TraceReader } from './trace-reader.js';
import { compareWaste, type WasteComparison } from './waste.js';
import { WasteTable } from './waste-table.js';

/** What a request for an object may say; the rest is for pages, or would make a replay try for ever. */
const OBJECT_FLAGS =
  __GFP_DMA |
  __GFP_WAIT |
  __GFP_HIGH |
  __GFP_IO |
  __GFP_FS |
  __GFP_COLD |
  __GFP_NOWARN |
  __GFP_REPEAT |
  __GFP_NORETRY |
  __GFP_ZERO |
  __GFP_NOMEMALLOC |
  __GFP_HARDWALL |
  __GFP_THISNODE;

/** A node number in word 1 of an operation is below this. */
const NODE_LIMIT = 1 << (32 - NODE_SHIFT);

/** Makes operations of object events, and adds up what the objects take. */
export class ObjectCompiler {
  readonly #slabs: SlabFacts;
  readonly #sites: TraceReader['sites'];
  readonly #classes: ObjectClasses;
  readonly #waste = new WasteTable();
  /** The largest request that kmalloc fulfils (bytes). */
  readonly #largest: number;

  /**
   * @param reader where the events come from
   * @param slabs the slab allocator of the machine that will run the operations
   */
  constructor(reader: TraceReader, slabs: SlabFacts) {
    this.#slabs = slabs;
    this.#sites = reader.sites;
    this.#largest = Math.min(slabs.kmallocSizes.at(-1)?.size ?? 0, ARGUMENT_LIMIT - 1);
    this.#classes = new ObjectClasses(reader.caches, this.#largest, slabs.cacheNames);
  }

  /** The caches that operations name, by number. It grows while events are compiled. */
  get caches(): readonly CacheSpec[] {
    return this.#classes.caches;
  }

  /** Adds an event of objects to a program, if there is something to run for it. */
  compile(event: KmemEvent, compiler: ProgramCompiler): void {
    if (event.kind === EventKind.objectFree) {
      if (event.key !== NO_KEY) compiler.freeObject(event.cpu, event.key);
    } else this.#compileAlloc(event, compiler);
  }

  /**
   * What the objects take and took, for each class and call site.
   *
   * @param cacheBytes what an object of each of {@link caches} takes (bytes)
   */
  waste(cacheBytes: readonly number[]): WasteComparison {
    return compareWaste(this.#waste.rows(), this.#classes, this.#sites, cacheBytes);
  }

  #compileAlloc(event: KmemEvent, compiler: ProgramCompiler): void {
    const { bytesRequested: size, site } = event;
    const number = this.#classes.numberOf(event);
    const { cache } = this.#classes.get(number);
    const given = cache === NO_CACHE ? this.#kmallocBytes(size) : 0;
    this.#waste.add(site, number, size, event.bytesAllocated, given);
    if (event.key === NO_KEY) return;
    let gfp = event.gfp & OBJECT_FLAGS;
    let content: number;
    if (cache !== NO_CACHE) {
      // The caches are not SLAB_CACHE_DMA: such a cache adds the flag itself, and its events do not have it.
      gfp &= ~__GFP_DMA;
      content = KIND_CACHE | (cache << ARGUMENT_SHIFT);
    } else if (size <= this.#largest) {
      content = KIND_KMALLOC | (size << ARGUMENT_SHIFT);
    } else {
      gfp |= __GFP_COMP;
      content = KIND_LARGE | (orderOf(size) << ARGUMENT_SHIFT);
    }
    const node = event.node === ANY_NODE ? ANY_NODE : event.node % this.#slabs.nodes;
    if (node === ANY_NODE || node >= NODE_LIMIT) compiler.allocObject(event.cpu, event.key, content, 0, gfp);
    else compiler.allocObject(event.cpu, event.key, content, OP_ON_NODE, gfp | (node << NODE_SHIFT));
  }

  /** What kmalloc takes for a request (bytes). */
  #kmallocBytes(size: number): number {
    for (const step of this.#slabs.kmallocSizes) if (size <= step.size) return step.bytes;
    return PAGE_SIZE * 2 ** orderOf(size);
  }
}

/** log2 of the pages that hold `size` bytes: of the smallest power of two. */
function orderOf(size: number): number {
  return Math.ceil(Math.log2(Math.ceil(size / PAGE_SIZE)));
}
