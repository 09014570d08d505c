import { KmemStatistics } from '../../src/trace/kmem-statistics.js';
import { readChunks } from '../../src/trace/read-chunks.js';
import { TraceReader } from '../../src/trace/trace-reader.js';

/** What reading took at most. */
export interface ReadingMemory {
  readonly lines: number;
  /** Resident memory of the process (bytes). */
  readonly peakRss: number;
}

/**
 * Reads a trace again and again, as if it were one, until it has so many lines. A program of its own, called as
 * `reading-memory.js FILE LINES`.
 */
async function main(file: string, lines: number): Promise<ReadingMemory> {
  const reader = new TraceReader(file, again());
  async function* again(): AsyncGenerator<Uint8Array> {
    do yield* readChunks(file);
    while (reader.totals().lines < lines);
  }
  const statistics = new KmemStatistics();
  let peakRss = 0;
  while (await reader.nextBlock()) {
    while (reader.nextEvent()) statistics.add(reader.event);
    peakRss = Math.max(peakRss, process.memoryUsage.rss());
  }
  return { lines: reader.totals().lines, peakRss };
}

const [file, lines] = process.argv.slice(2);
console.log(JSON.stringify(await main(file, Number(lines))));
