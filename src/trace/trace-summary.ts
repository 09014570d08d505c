import { type KmemTotals, type ObjectStatistics, type PageStatistics } from './kmem-statistics.js';
import { EventKind } from './kmem-event.js';
import { type ReadingTotals } from './trace-reader.js';

/** A name and how often it came. */
export interface NamedCount {
  readonly name: string;
  readonly count: number;
}

/** All that a trace says, as data. */
export interface TraceSummary {
  /** The file's name as the caller gave it. */
  readonly file: string;
  /** Lines read, comments and blank lines included. */
  readonly lines: number;
  /** Events of all kinds. */
  readonly events: number;
  /** The events that are understood, the most frequent first. */
  readonly kmemEvents: readonly NamedCount[];
  /** The events that were counted and skipped, the most frequent first. */
  readonly otherEvents: readonly NamedCount[];
  /** Events that the traced kernel could not record, where it said how many. */
  readonly lostEvents: number;
  /** How often the traced kernel said that it could not record events. */
  readonly lostReports: number;
  /** Names in `gfp_flags` that mean nothing to gfp's kernel and were left out of the masks. */
  readonly unknownFlags: readonly NamedCount[];
  /** The highest CPU number of any event, plus 1. */
  readonly cpus: number;
  readonly objects: ObjectStatistics;
  readonly pages: PageStatistics;
}

/**
 * Puts together what a reader and the statistics of its events know.
 *
 * @param file the file's name
 */
export function summarizeTrace(file: string, reading: ReadingTotals, totals: KmemTotals): TraceSummary {
  const counts = reading.events.map(({ name, kind, count }) => ({
    known: kind !== EventKind.other,
    name,
    count,
  }));
  const named = (known: boolean): NamedCount[] =>
    counts.filter((entry) => entry.known === known).map(({ name, count }) => ({ name, count }));
  return {
    file,
    lines: reading.lines,
    events: counts.reduce((sum, { count }) => sum + count, 0),
    kmemEvents: named(true),
    otherEvents: named(false),
    lostEvents: reading.lostEvents,
    lostReports: reading.lostReports,
    unknownFlags: reading.unknownFlags,
    cpus: reading.cpus,
    objects: totals.objects,
    pages: totals.pages,
  };
}
