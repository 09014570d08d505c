import { KmemStatistics } from '../../src/trace/kmem-statistics.js';
import { TraceReader } from '../../src/trace/trace-reader.js';

/** What reading took at most. */
export interface ReadingMemory {
  readonly lines: number;
  /** Resident memory of the process (bytes). */
  readonly peakRss: number;
}

/** Reads a trace. A program of its own, called as `reading-memory.js FILE`. */
async function main(file: string): Promise<ReadingMemory> {
  const reader = new TraceReader(file);
  const statistics = new KmemStatistics();
  let peakRss = 0;
  while (await reader.nextBlock()) {
    while (reader.nextEvent()) statistics.add(reader.event);
    peakRss = Math.max(peakRss, process.memoryUsage.rss());
  }
  return { lines: reader.totals().lines, peakRss };
}

console.log(JSON.stringify(await main(process.argv[2])));
