import { KmemStatistics } from '../../src/trace/kmem-statistics.js';
import { TraceReader } from '../../src/trace/trace-reader.js';

/** How fast a trace was read. */
export interface TraceReadingSpeed {
  readonly lines: number;
  /** Time of the median run (seconds). */
  readonly seconds: number;
  readonly linesPerSecond: number;
}

async function readOnce(file: string): Promise<{ lines: number; seconds: number }> {
  const start = performance.now();
  const reader = new TraceReader(file);
  const statistics = new KmemStatistics();
  while (await reader.nextBlock()) {
    while (reader.nextEvent()) statistics.add(reader.event);
  }
  return { lines: reader.totals().lines, seconds: (performance.now() - start) / 1000 };
}

/**
 * Measures reading a trace, from the file to its sums: unpacking, parsing and statistics.
 *
 * @param file a trace, plain or gzip
 * @param runs how often it is read; the median counts
 */
export async function measureTraceReading(file: string, runs = 5): Promise<TraceReadingSpeed> {
  const results: { lines: number; seconds: number }[] = [];
  for (let run = 0; run < runs; run++) results.push(await readOnce(file));
  results.sort((a, b) => a.seconds - b.seconds);
  const { lines, seconds } = results[results.length >> 1];
  return { lines, seconds, linesPerSecond: lines / seconds };
}
