import { __GFP_NOFAIL } from '../kernel/mm/gfp.js';
import { EventKind, isObjectEvent, NO_KEY, type KmemEvent } from './kmem-event.js';
import { KmemStatistics } from './kmem-statistics.js';
import { ObjectCompiler } from './object-compiler.js';
import { type CompiledTotals, ProgramCompiler } from './program-compiler.js';
import { type ProgramBatch } from './program.js';
import { SLABS_OF_2_6_10, type SlabFacts } from './slab-facts.js';
import { TraceReader } from './trace-reader.js';
import { summarizeTrace, type TraceSummary } from './trace-summary.js';
import { type WasteComparison } from './waste.js';

/** Which events of a trace are run. */
export type ReplayedEvents = 'all' | 'pages' | 'objects';

/** How a trace is to be compiled. */
export interface CompileOptions {
  /** How many programs to make: the CPUs of the machine that will run them. */
  readonly cpus: number;
  /** Operations after which a batch is full; by default BATCH_OPERATIONS. */
  readonly batchOperations?: number;
  /** Which events to compile; by default all. The others are only counted. */
  readonly events?: ReplayedEvents;
  /** The slab allocator of the machine that will run them; by default that of 2.6.10 on one node. */
  readonly slabs?: SlabFacts;
  /** The contents, if they are not in a file: the file's name is then just for messages. */
  readonly chunks?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/**
 * Reads a trace and makes programs of its page and object events, batch by batch, so that a machine can run one batch while
 * the next is read:
 *
 *     const compiler = new TraceCompiler(file, { cpus });
 *     for await (const batch of readAhead(compiler.batches())) run(batch);
 *     print(compiler.summary());
 */
export class TraceCompiler {
  readonly #file: string;
  readonly #reader: TraceReader;
  readonly #statistics = new KmemStatistics();
  readonly #compiler: ProgramCompiler;
  readonly #objects: ObjectCompiler;
  readonly #events: ReplayedEvents;

  /**
   * @param file name of the trace, plain or gzip
   * @throws RangeError when an option is out of range
   */
  constructor(file: string, options: CompileOptions) {
    this.#file = file;
    this.#events = options.events ?? 'all';
    this.#reader = new TraceReader(file, options.chunks);
    this.#objects = new ObjectCompiler(this.#reader, options.slabs ?? SLABS_OF_2_6_10);
    this.#compiler = new ProgramCompiler(options.cpus, options.batchOperations, this.#objects.caches);
  }

  /**
   * The batches of the trace, which can be got once. Each has at least one operation. Ending the iteration early
   * closes the file.
   *
   * @throws TraceError when the trace cannot be read or a line of it is broken
   */
  async *batches(): AsyncGenerator<ProgramBatch, void> {
    const reader = this.#reader;
    const compiler = this.#compiler;
    try {
      while (await reader.nextBlock()) {
        while (reader.nextEvent()) {
          this.#statistics.add(reader.event);
          this.#compile(reader.event);
          if (compiler.isFull) yield compiler.takeBatch();
        }
      }
      if (!compiler.isEmpty) yield compiler.takeBatch();
    } finally {
      await reader.close();
    }
  }

  /** Batches that free all that is live at the end of the trace; to be run after all others. */
  releaseAll(): Generator<ProgramBatch, void> {
    return this.#compiler.releaseAll();
  }

  /** What the trace says, as far as it was read. */
  summary(): TraceSummary {
    return summarizeTrace(this.#file, this.#reader.totals(), this.#statistics.totals());
  }

  /** What became of its events. */
  compiled(): CompiledTotals {
    return this.#compiler.totals();
  }

  /**
   * What the objects that were compiled take in the machine's slab allocator, and took in the traced kernel's.
   *
   * @param cacheBytes what an object takes of each cache of the batches, by number (bytes)
   */
  waste(cacheBytes: readonly number[]): WasteComparison {
    return this.#objects.waste(cacheBytes);
  }

  #compile(event: KmemEvent): void {
    if (isObjectEvent(event.kind)) {
      if (this.#events !== 'pages') this.#objects.compile(event, this.#compiler);
    } else if (this.#events !== 'objects') this.#compilePages(event);
  }

  #compilePages(event: KmemEvent): void {
    if (event.kind === EventKind.pageFree) {
      this.#compiler.free(event.cpu, event.key);
    } else if (event.kind === EventKind.pageAlloc && event.key !== NO_KEY) {
      // A smaller machine than the traced one can be out of memory for good. A replay counts failures; with
      // __GFP_NOFAIL it would try for ever.
      this.#compiler.alloc(event.cpu, event.key, event.order, event.gfp & ~__GFP_NOFAIL);
    }
  }
}
