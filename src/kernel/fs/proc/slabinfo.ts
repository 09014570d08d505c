import type { Cpu } from '../../core/cpu.js';
import { KERNEL } from '../../core/kernel-data.js';
import { spin_lock_irqsave, spin_unlock_irqrestore } from '../../sync/spinlock.js';
import { readOnce } from '../../core/access-once.js';
import { firstCache, nextCache } from '../../slab/cache-chain.js';
import { kmem_cache_name } from '../../slab/cache-name.js';
import {
  ARRAY_CACHE,
  CACHE_STATISTICS,
  cacheStatistics,
  KMEM_CACHE,
  KMEM_LIST3,
  nodeList,
  SLAB,
} from '../../slab/kmem-cache.js';
import { keepsStatistics } from '../../slab/statistics.js';
import { atomic_read } from '../../sync/atomic.js';
import { lu } from '../format.js';

const CACHE = KMEM_CACHE.at;
const LIST = KMEM_LIST3.at;

const VERSION = 'slabinfo - version: 2.1';
const COLUMNS =
  '# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>' +
  ' : tunables <limit> <batchcount> <sharedfactor>' +
  ' : slabdata <active_slabs> <num_slabs> <sharedavail>';

/** The first two lines. */
export const SLABINFO_HEADING = `${VERSION}\n${COLUMNS}\n`;

/** The first two lines on a machine with debug.slab. */
export const STATISTICS_HEADING =
  `${VERSION} (statistics)\n${COLUMNS}` +
  ' : globalstat <listallocs> <maxobjs> <grown> <reaped>' +
  ' <error> <maxfreeable> <nodeallocs> <remotefrees> <alienoverflow>' +
  ' : cpustat <allochit> <allocmiss> <freehit> <freemiss>\n';

/** What /proc/slabinfo counts of a cache. */
export interface CacheCounts {
  /** Those that lie in the arrays of CPUs and nodes included. */
  activeObjects: number;
  /** Slabs with an object that is out. */
  activeSlabs: number;
  slabs: number;
  /** Objects in the arrays that the CPUs of a node share. */
  shared: number;
}

/**
 * /proc/slabinfo (version 2.1): a line for each cache, the newest first. Under cache_chain_lock; the slabs of each node are
 * counted under its list_lock. With debug.slab the caches' statistics are behind that; where they do not fit together, something
 * has happened while they were read.
 */
export function slabinfo(k: Cpu): string {
  let text = keepsStatistics(k) ? STATISTICS_HEADING : SLABINFO_HEADING;
  const flags = spin_lock_irqsave(k, KERNEL.cache_chain_lock);
  try {
    for (let cache = firstCache(k); cache !== 0; cache = nextCache(k, cache))
      text += `${slabinfoLine(k, cache)}\n`;
  } finally {
    // The console gives up a wait for a lock that takes too long.
    spin_unlock_irqrestore(k, KERNEL.cache_chain_lock, flags);
  }
  return text;
}

function slabinfoLine(k: Cpu, cache: number): string {
  const counts = countCache(k, cache);
  const { i32 } = k;
  const num = i32[cache + CACHE.num];
  const row = slabinfoRow(
    kmem_cache_name(k, cache),
    [
      counts.activeObjects,
      counts.slabs * num,
      i32[cache + CACHE.buffer_size],
      num,
      1 << i32[cache + CACHE.gfporder],
    ],
    [
      readOnce(k, cache + CACHE.limit),
      readOnce(k, cache + CACHE.batchcount),
      readOnce(k, cache + CACHE.shared),
    ],
    [counts.activeSlabs, counts.slabs, counts.shared],
  );
  return keepsStatistics(k) ? row + statisticsOf(k, cache) : row;
}

/** Of CACHE_STATISTICS, what each part of a line shows. */
const { listallocs, maxobjs, grown, reaped, error, maxfreeable } = CACHE_STATISTICS.at;
const { nodeallocs, remotefrees, alienoverflow } = CACHE_STATISTICS.at;
const { allochit, allocmiss, freehit, freemiss } = CACHE_STATISTICS.at;
const GLOBAL_WORDS = [
  ...[listallocs, maxobjs, grown, reaped, error, maxfreeable],
  ...[nodeallocs, remotefrees, alienoverflow],
];
const CPU_WORDS = [allochit, allocmiss, freehit, freemiss];

function statisticsOf(k: Cpu, cache: number): string {
  const statistics = cacheStatistics(k, cache);
  return statisticsColumns(readAll(k, statistics, GLOBAL_WORDS), readAll(k, statistics, CPU_WORDS));
}

function readAll(k: Cpu, statistics: number, words: readonly number[]): number[] {
  const values: number[] = [];
  for (const word of words) values.push(atomic_read(k, statistics + word) >>> 0);
  return values;
}

/** Columns of the numbers, in each of the three parts of a line. */
const OBJECT_COLUMNS = [6, 6, 6, 4, 4] as const;
const TUNABLE_COLUMNS = [4, 4, 4] as const;
const SLAB_COLUMNS = [6, 6, 6] as const;
/** And in what statistics add. */
const GLOBAL_COLUMNS = [7, 6, 5, 4, 4, 4, 4, 4, 4] as const;
const CPU_COLUMNS = [6, 6, 6, 6] as const;

/** One line without statistics, from its numbers, in the order of the heading. */
export function slabinfoRow(
  name: string,
  objects: readonly number[],
  tunables: readonly number[],
  slabs: readonly number[],
): string {
  return (
    name.padEnd(17) +
    columns(objects, OBJECT_COLUMNS) +
    ` : tunables${columns(tunables, TUNABLE_COLUMNS)}` +
    ` : slabdata${columns(slabs, SLAB_COLUMNS)}`
  );
}

/** What statistics add to a line, in the order of the heading. */
export function statisticsColumns(globals: readonly number[], ofCpus: readonly number[]): string {
  return ` : globalstat${columns(globals, GLOBAL_COLUMNS)} : cpustat${columns(ofCpus, CPU_COLUMNS)}`;
}

function columns(values: readonly number[], widths: readonly number[]): string {
  let text = '';
  for (let i = 0; i < widths.length; i++) text += ` ${lu(values[i], widths[i])}`;
  return text;
}

/** Counts a cache's slabs and objects. Under cache_chain_lock or cache_chain_mutex; takes each list_lock. */
export function countCache(k: Cpu, cache: number): CacheCounts {
  const counts = { activeObjects: 0, activeSlabs: 0, slabs: 0, shared: 0 };
  for (let node = 0; node < k.i32[KERNEL.nr_nodes]; node++) {
    const list = nodeList(k, cache, node);
    if (list !== 0) countNode(k, list, counts);
  }
  return counts;
}

function countNode(k: Cpu, list: number, counts: CacheCounts): void {
  const flags = spin_lock_irqsave(k, list + LIST.list_lock);
  counts.activeSlabs += countSlabs(k, list + LIST.slabs_full, counts);
  counts.activeSlabs += countSlabs(k, list + LIST.slabs_partial, counts);
  countSlabs(k, list + LIST.slabs_free, counts);
  const shared = k.i32[list + LIST.shared];
  if (shared !== 0) counts.shared += k.i32[shared + ARRAY_CACHE.at.avail];
  spin_unlock_irqrestore(k, list + LIST.list_lock, flags);
}

/** Adds the slabs of a list, and the objects that are out; how many slabs. */
function countSlabs(k: Cpu, head: number, counts: CacheCounts): number {
  const { i32 } = k;
  let slabs = 0;
  for (let slab = i32[head]; slab !== head; slab = i32[slab]) {
    counts.activeObjects += i32[slab + SLAB.at.inuse];
    slabs++;
  }
  counts.slabs += slabs;
  return slabs;
}
