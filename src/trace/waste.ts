import { NO_TEXT } from './kmem-event.js';
import { NO_CACHE, type ObjectClasses } from './object-classes.js';
import { type TextNumbers } from './text-numbers.js';
import { type WasteEntry } from './waste-table.js';

/**
 * Internal fragmentation of the same requests in two allocators, by the rules of `perf kmem stat`: the bytes given that
 * were not asked for, of all allocations.
 */
export interface WasteSums {
  readonly allocations: number;
  readonly requestedBytes: number;
  /** Given by the traced kernel. */
  readonly tracedBytes: number;
  readonly tracedWastedBytes: number;
  /** Given by the machine's slab allocator: the size of the kmalloc object, or of an object of the cache. */
  readonly givenBytes: number;
  readonly wastedBytes: number;
}

/** The sums of a cache or of a call site. */
export interface WasteRow extends WasteSums {
  /** The cache as the trace calls it, `kmalloc-N` for kmalloc objects that took N bytes there; or the call site. */
  readonly name: string;
}

/** The same allocations, added up in three ways. */
export interface WasteComparison {
  readonly total: WasteSums;
  /** What wastes most on the machine comes first. */
  readonly byCache: readonly WasteRow[];
  /** The same by who has called. */
  readonly byCaller: readonly WasteRow[];
}

/**
 * Compares what was wasted.
 *
 * @param cacheBytes what an object takes of each cache, by number (bytes)
 */
export function compareWaste(
  entries: readonly WasteEntry[],
  classes: ObjectClasses,
  sites: TextNumbers,
  cacheBytes: readonly number[],
): WasteComparison {
  const given = (entry: WasteEntry): number => {
    const { cache } = classes.get(entry.objects);
    return cache === NO_CACHE ? entry.given : entry.allocations * cacheBytes[cache];
  };
  const caches = entries.map((entry) => rowOf(classes.get(entry.objects).name, entry, given(entry)));
  const callers = entries.map((entry) =>
    rowOf(entry.site === NO_TEXT ? '(unknown)' : sites.text(entry.site), entry, given(entry)),
  );
  return { total: sumWaste(caches), byCache: grouped(caches), byCaller: grouped(callers) };
}

/** The sums of some rows. */
export function sumWaste(rows: readonly WasteSums[]): WasteSums {
  const total = {
    allocations: 0,
    requestedBytes: 0,
    tracedBytes: 0,
    tracedWastedBytes: 0,
    givenBytes: 0,
    wastedBytes: 0,
  };
  for (const row of rows) {
    total.allocations += row.allocations;
    total.requestedBytes += row.requestedBytes;
    total.tracedBytes += row.tracedBytes;
    total.tracedWastedBytes += row.tracedWastedBytes;
    total.givenBytes += row.givenBytes;
    total.wastedBytes += row.wastedBytes;
  }
  return total;
}

function rowOf(name: string, entry: WasteEntry, givenBytes: number): WasteRow {
  return {
    name,
    allocations: entry.allocations,
    requestedBytes: entry.requested,
    tracedBytes: entry.allocated,
    tracedWastedBytes: entry.allocated - entry.requested,
    givenBytes,
    wastedBytes: givenBytes - entry.requested,
  };
}

/** One row for each name, the most wasteful first. */
function grouped(rows: readonly WasteRow[]): WasteRow[] {
  const groups = new Map<string, WasteRow[]>();
  for (const row of rows) {
    const group = groups.get(row.name);
    if (group === undefined) groups.set(row.name, [row]);
    else group.push(row);
  }
  const sums = [...groups].map(([name, group]) => ({ name, ...sumWaste(group) }));
  return sums.sort(
    (a, b) =>
      b.wastedBytes - a.wastedBytes ||
      b.tracedWastedBytes - a.tracedWastedBytes ||
      (a.name < b.name ? -1 : 1),
  );
}
