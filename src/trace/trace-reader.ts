import { type KmemEvent, EventKind } from './kmem-event.js';
import { lineBlocks } from './line-blocks.js';
import { LineParser } from './line-parser.js';
import { readChunks } from './read-chunks.js';
import { type TextNumbers } from './text-numbers.js';
import { TraceError } from './trace-error.js';

/** What a trace contained besides the events that are understood. */
export interface ReadingTotals {
  /** Lines read completely. */
  readonly lines: number;
  /** Every event that occurred and how often, the most frequent first. */
  readonly events: readonly { readonly name: string; readonly kind: EventKind; readonly count: number }[];
  /** Names in `gfp_flags` that mean nothing here, and how often they came. */
  readonly unknownFlags: readonly { readonly name: string; readonly count: number }[];
  /** Events that the traced kernel could not record, where it said how many. */
  readonly lostEvents: number;
  /** How often the traced kernel said that it could not record events. */
  readonly lostReports: number;
  /** The highest CPU number of any event, plus 1. */
  readonly cpus: number;
}

/**
 * Reads the kmem events of one trace in a stream:
 *
 *     while (await reader.nextBlock()) while (reader.nextEvent()) use(reader.event);
 *
 * The outer loop waits for input, the inner one does not: a call per event is all that an event costs. Memory is
 * constant. The caller closes the reader if it stops before the end.
 */
export class TraceReader {
  /** The event that {@link nextEvent} has found; the same record every time. */
  readonly event: KmemEvent;

  readonly #blocks: AsyncGenerator<Uint8Array>;
  readonly #parser: LineParser;
  #block: Uint8Array = new Uint8Array(0);
  #position = 0;

  /**
   * @param file name of the file, plain or gzip
   * @param chunks its contents in pieces, for input that is not in a file: `file` is then just for messages
   */
  constructor(file: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array> = readChunks(file)) {
    this.#blocks = lineBlocks(file, chunks);
    this.#parser = new LineParser(file);
    this.event = this.#parser.event;
  }

  /**
   * Waits for more input.
   *
   * @returns false at the end of the trace
   * @throws TraceError when the input cannot be read, with the number of lines read before
   */
  async nextBlock(): Promise<boolean> {
    try {
      const next = await this.#blocks.next();
      this.#block = next.done === true ? new Uint8Array(0) : next.value;
      this.#position = 0;
      return next.done !== true;
    } catch (error) {
      throw error instanceof TraceError ? error.afterLines(this.#parser.line) : error;
    }
  }

  /**
   * Reads on to the next event that is understood and leaves it in {@link event}.
   *
   * @returns false when there is none left in this block
   * @throws TraceError of the kind `broken-line`
   */
  nextEvent(): boolean {
    const block = this.#block;
    const parser = this.#parser;
    while (this.#position < block.length) {
      this.#position = parser.parse(block, this.#position);
      if (parser.event.kind !== EventKind.other) return true;
    }
    return false;
  }

  /** The names of caches, by the numbers in events. */
  get caches(): TextNumbers {
    return this.#parser.fields.caches;
  }

  /** The call sites, by the numbers in events. */
  get sites(): TextNumbers {
    return this.#parser.fields.sites;
  }

  /** What was read so far. */
  totals(): ReadingTotals {
    const parser = this.#parser;
    return {
      lines: parser.line,
      events: parser.names.counted().map((entry) => ({ ...entry })),
      unknownFlags: parser.fields.flags.unknownNames(),
      lostEvents: parser.lostEvents,
      lostReports: parser.lostReports,
      cpus: parser.highestCpu + 1,
    };
  }

  /** Gives the file back; the reader ends. */
  async close(): Promise<void> {
    await this.#blocks.return(undefined);
  }
}
