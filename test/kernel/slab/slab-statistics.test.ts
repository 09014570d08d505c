import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import {
  countCache,
  SLABINFO_HEADING,
  slabinfoRow,
  STATISTICS_HEADING,
  statisticsColumns,
} from '../../../src/kernel/fs/proc/slabinfo.js';
import { writeFile } from '../../../src/kernel/fs/write-file.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { GFP_ATOMIC, GFP_DMA, GFP_KERNEL, GFP_THISNODE } from '../../../src/kernel/mm/gfp.js';
import { firstCache, nextCache } from '../../../src/kernel/slab/cache-chain.js';
import { drainSlabArrays } from '../../../src/kernel/slab/cpu-down.js';
import {
  ARRAY_CACHE,
  CACHE_STATISTICS,
  cacheStatistics,
  KMEM_CACHE,
  KMEM_LIST3,
  nodeList,
} from '../../../src/kernel/slab/kmem-cache.js';
import { cache_reap } from '../../../src/kernel/slab/reap.js';
import {
  DEBUG_MASK,
  SLAB_CACHE_DMA,
  SLAB_DESTROY_BY_RCU,
  SLAB_NO_REAP,
} from '../../../src/kernel/slab/slab-flags.js';
import type { LoneMachine } from '../../support/boot-in-process.js';
import { debugMachine } from './debug-scene.js';
import {
  allocate,
  exhaustNode,
  faults,
  inAlien,
  inArray,
  listField,
  nodeOf,
  register,
  rowNumbers,
  slabLine,
  slabMachine,
  slabRow,
} from './slab-scene.js';

const PATH = '/proc/slabinfo';

/** The columns that statistics add, in order. */
const COLUMNS = [
  ...(['listallocs', 'maxobjs', 'grown', 'reaped', 'error', 'maxfreeable'] as const),
  ...(['nodeallocs', 'remotefrees', 'alienoverflow'] as const),
  ...(['allochit', 'allocmiss', 'freehit', 'freemiss'] as const),
];
type Statistics = Record<(typeof COLUMNS)[number], number>;

function statisticsOfLine(line: string): Statistics {
  const numbers = rowNumbers(line).slice(11);
  return Object.fromEntries(COLUMNS.map((column, i) => [column, numbers[i]])) as Statistics;
}

function statistics(k: Kernel, name: string): Statistics {
  return statisticsOfLine(slabLine(k, name));
}

/** Objects of a cache that lie in its arrays. */
function inArrays(k: Kernel, cache: number): number {
  let count = 0;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) count += inArray(k, cache, cpu);
  for (const node of [0, 1]) {
    count += inAlien(k, cache, node, 1 - node);
    const shared = listField(k, cache, node, 'shared');
    if (shared !== 0) count += k.i32[shared + ARRAY_CACHE.at.avail];
  }
  return count;
}

/** Of all caches: what has come out and not gone back must be out. The allocator's own objects are among it. */
function expectSums(k: Kernel): void {
  const lines = k.cat(PATH).trimEnd().split('\n').slice(2);
  for (let cache = firstCache(k); cache !== 0; cache = nextCache(k, cache)) {
    const line = lines.shift() ?? '';
    const is = statisticsOfLine(line);
    const { activeObjects, slabs } = countCache(k, cache);
    const allocated = is.allochit + is.allocmiss + is.nodeallocs;
    const freed = is.freehit + is.freemiss + is.remotefrees;
    expect([line, allocated - freed]).toEqual([line, activeObjects - inArrays(k, cache)]);
    expect(is.maxobjs).toBeGreaterThanOrEqual(activeObjects);
    expect(is.listallocs).toBeGreaterThanOrEqual(is.maxobjs);
    expect(is.grown - is.reaped).toBeGreaterThanOrEqual(slabs);
  }
}

describe('the text', () => {
  it('of a real kernel comes from its numbers', () => {
    // Of a router, published in notes on the slab allocator.
    const real = [
      'task_struct           88     98   1088    7    2 : tunables   24   12    0 : slabdata     14     14      0 : globalstat     133     98    17    3    0    0    0    0    0 : cpustat   7597     19   7534      1',
      'size-16384             4      4  16384    1    4 : tunables    8    4    0 : slabdata      4      4      0 : globalstat       9      5     9    5    0    0    0    0    0 : cpustat     16      9     21      0',
    ];
    for (const line of real) {
      const numbers = rowNumbers(line);
      const row = slabinfoRow(
        line.slice(0, line.indexOf(' ')),
        numbers.slice(0, 5),
        numbers.slice(5, 8),
        numbers.slice(8, 11),
      );
      expect(row + statisticsColumns(numbers.slice(11, 20), numbers.slice(20))).toBe(line);
    }
  });

  it('has them with debug.slab', () => {
    const { k, cpus } = debugMachine();
    const cache = k.kmem_cache_create('counted', 700, 0, 0);
    expect(k.cat(PATH).startsWith(STATISTICS_HEADING)).toBe(true);
    expect(STATISTICS_HEADING).toBe(
      'slabinfo - version: 2.1 (statistics)\n' +
        '# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>' +
        ' : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>' +
        ' : globalstat <listallocs> <maxobjs> <grown> <reaped>' +
        ' <error> <maxfreeable> <nodeallocs> <remotefrees> <alienoverflow>' +
        ' : cpustat <allochit> <allocmiss> <freehit> <freemiss>\n',
    );
    const none =
      ' : globalstat       0      0     0    0    0    0    0    0    0 : cpustat      0      0      0      0';
    expect(slabLine(k, 'counted').endsWith(none)).toBe(true);
    // Five in a slab. One of each three has come from the slabs, with two others.
    const objects = allocate(k, cache, 6);
    const other = k.kmem_cache_alloc_node(cache, GFP_KERNEL, 1);
    for (const object of objects.slice(0, 5)) k.kmem_cache_free(cache, object);
    cpus[2].kmem_cache_free(cache, objects[5]);
    k.kmem_cache_free(cache, other);
    expect(slabLine(k, 'counted')).toBe(
      'counted               11     15    728    5    1 : tunables   32   16    8 : slabdata      3      3      0 : globalstat      11     11     3    0    0    0    1    2    0 : cpustat      4      2      5      0',
    );
  });

  it('has none without it, and caches have no words for them, whatever else is debugged', () => {
    const sizes = [slabMachine(), debugMachine({ slab: false, faults: true })].map(({ k }) => {
      k.kmem_cache_create('watched', 700, 0, DEBUG_MASK);
      expect(k.cat(PATH).startsWith(SLABINFO_HEADING)).toBe(true);
      expect(k.cat(PATH)).not.toMatch(/stat/);
      expect(rowNumbers(slabLine(k, 'watched'))).toHaveLength(11);
      return slabRow(k, 'kmem_cache').size;
    });
    expect(sizes[1]).toBe(sizes[0]);
  });

  it('counts from 0 again at 2^32, and names the words', () => {
    const { k } = debugMachine();
    const cache = k.kmem_cache_create('counted', 100, 0, 0);
    const word = cacheStatistics(k, cache) + CACHE_STATISTICS.at.allochit;
    expect(k.nameOf(word)).toBe('cache counted, statistics.allochit');
    k.i32[word] = 2 ** 31 - 1;
    allocate(k, cache, 2);
    expect(statistics(k, 'counted').allochit).toBe(2 ** 31);
    k.i32[word] = -1;
    allocate(k, cache, 1);
    expect(statistics(k, 'counted').allochit).toBe(0);
  });
});

describe('what is counted', () => {
  it('all objects from the boot on, those of the allocator itself, too', () => {
    const { k } = debugMachine();
    expectSums(k);
    expect(statistics(k, 'kmem_cache').allocmiss).toBeGreaterThan(0);
    const before = statistics(k, 'kmem_cache');
    const cache = k.kmem_cache_create('one', 5000, 0, 0);
    const after = statistics(k, 'kmem_cache');
    expect(after.allochit + after.allocmiss).toBe(before.allochit + before.allocmiss + 1);
    expect(k.kmem_cache_destroy(cache)).toBe(0);
    expect(statistics(k, 'kmem_cache').freehit).toBe(before.freehit + 1);
    expectSums(k);
  });

  it('slabs that come, and those of them that the reaper takes', () => {
    const { k, platform } = debugMachine();
    const cache = k.kmem_cache_create('reaped', 2000, 0, 0);
    const objects = allocate(k, cache, 40);
    const { slabs } = slabRow(k, 'reaped');
    expect(statistics(k, 'reaped')).toMatchObject({ grown: slabs, reaped: 0 });
    // All of them stay when they become empty.
    k.i32[nodeList(k, cache, 0) + KMEM_LIST3.at.free_limit] = 1000;
    for (const object of objects) k.kmem_cache_free(cache, object);
    expect(slabRow(k, 'reaped').slabs).toBe(slabs);
    let left = slabs;
    for (let round = 0; round < 10; round++) {
      platform.time += 5000;
      cache_reap(k);
      left = slabRow(k, 'reaped').slabs;
      expect(statistics(k, 'reaped').reaped).toBe(slabs - left);
    }
    expect(left).toBe(0);
    // What kmem_cache_shrink frees is not reaped.
    allocate(k, cache, 1).forEach((object) => k.kmem_cache_free(cache, object));
    expect(k.kmem_cache_shrink(cache)).toBe(0);
    const is = statistics(k, 'reaped');
    expect(is).toMatchObject({ reaped: slabs });
    expect(is.grown).toBeGreaterThan(slabs);
  });

  it('the most empty slabs that were left where a full array was flushed', () => {
    const { k } = debugMachine();
    const cache = k.kmem_cache_create('flushed', 700, 0, 0);
    writeFile(k.as(4), PATH, 'flushed 4 4 0');
    for (const object of allocate(k, cache, 20)) k.kmem_cache_free(cache, object);
    // Four times four have gone back; five are a slab.
    const expected = { maxfreeable: 3, freehit: 16, freemiss: 4, listallocs: 20, maxobjs: 20, grown: 4 };
    expect(statistics(k, 'flushed')).toMatchObject(expected);
    k.kmem_cache_shrink(cache);
    expect(statistics(k, 'flushed')).toMatchObject(expected);
  });

  it('requests for pages that got none, also where another node had some', () => {
    const { k } = debugMachine();
    const cache = k.kmem_cache_create('poor', 3000, 0, 0);
    const frames = exhaustNode(k, 0, GFP_ATOMIC | GFP_THISNODE);
    const object = k.kmem_cache_alloc(cache, GFP_KERNEL);
    expect(nodeOf(k, object)).toBe(1);
    // This node twice: for the array, then for the object alone.
    expect(statistics(k, 'poor')).toMatchObject({ error: 2, nodeallocs: 1, allochit: 0, allocmiss: 0 });
    expectSums(k);
    k.kmem_cache_free(cache, object);
    expect(statistics(k, 'poor')).toMatchObject({ remotefrees: 1, freehit: 0, freemiss: 0 });
    for (const pfn of frames) k.__free_pages(pfn, 0);
  });
});

interface Counted {
  readonly name: string;
  readonly cache: number;
  readonly gfp: number;
  readonly held: number[];
  readonly expected: Statistics;
}

/** A machine whose CPUs allocate and free, and what must have been counted. */
class Model {
  readonly machine: LoneMachine = debugMachine();
  readonly caches: readonly Counted[];

  constructor() {
    const { k } = this.machine;
    const nothing = register(this.machine, 'nothing', () => 0);
    const make = (size: number, flags: number, ctor = 0): Counted => ({
      name: `counted-${size}`,
      cache: k.kmem_cache_create(`counted-${size}`, size, 0, flags, ctor, ctor),
      gfp: (flags & SLAB_CACHE_DMA) === 0 ? GFP_ATOMIC : GFP_DMA | GFP_ATOMIC,
      held: [],
      expected: Object.fromEntries(COLUMNS.map((column) => [column, 0])) as Statistics,
    });
    this.caches = [
      make(24, 0),
      make(700, SLAB_NO_REAP, nothing),
      make(1000, SLAB_DESTROY_BY_RCU),
      make(1500, SLAB_CACHE_DMA),
      // Without red zones, and with the description of its slabs in others.
      make(8192, 0),
    ];
  }

  allocate(cpu: number, { cache, gfp, held, expected }: Counted, node: number): void {
    const k = this.machine.cpus[cpu];
    const before = countCache(k, cache);
    const isDma = (gfp & GFP_DMA) !== 0;
    const wanted = node < 0 || isDma ? k.node : node;
    const had = inArray(k, cache, cpu);
    const object = k.kmem_cache_alloc_node(cache, gfp, wanted);
    if (object === 0) throw new Error('the machine has enough memory');
    held.push(object);
    const after = countCache(k, cache);
    if (nodeOf(k, object) !== k.node) expected.nodeallocs++;
    else if (had > 0) expected.allochit++;
    else expected.allocmiss++;
    expected.listallocs += after.activeObjects - before.activeObjects;
    expected.maxobjs = Math.max(expected.maxobjs, after.activeObjects);
    expected.grown += after.slabs - before.slabs;
    // Node 1 has no such memory, which is tried twice.
    if (isDma && k.node === 1) expected.error += 2;
  }

  free(cpu: number, { cache, held, expected }: Counted, which: number): void {
    const k = this.machine.cpus[cpu];
    const [object] = held.splice(which % held.length, 1);
    const node = nodeOf(k, object);
    const isFull = inArray(k, cache, cpu) === k.i32[cache + KMEM_CACHE.at.limit];
    if (node !== k.node) {
      expected.remotefrees++;
      if (inAlien(k, cache, k.node, node) === this.alienLimit(cache, k.node)) expected.alienoverflow++;
    } else if (isFull) expected.freemiss++;
    else expected.freehit++;
    k.kmem_cache_free(cache, object);
    if (node === k.node && isFull)
      expected.maxfreeable = Math.max(expected.maxfreeable, this.emptySlabs(cache, node));
  }

  reap(cpu: number): void {
    const k = this.machine.cpus[cpu];
    this.machine.platform.time += 2500;
    const before = this.caches.map(({ cache }) => countCache(k, cache).slabs);
    cache_reap(k);
    this.caches.forEach(({ name, cache, expected }, i) => {
      // A slab can also go because its node has too many.
      const { reaped } = statistics(k, name);
      expect(reaped).toBeGreaterThanOrEqual(expected.reaped);
      expect(reaped - expected.reaped).toBeLessThanOrEqual(before[i] - countCache(k, cache).slabs);
      expected.reaped = reaped;
    });
  }

  check(): void {
    const { k } = this.machine;
    const lines = k.cat(PATH).split('\n');
    for (const { name, expected } of this.caches) {
      const line = lines.find((text) => text.startsWith(`${name} `)) ?? name;
      expect({ line, ...statisticsOfLine(line) }).toEqual({ line, ...expected });
    }
    expectSums(k);
    expect(faults(k)).toEqual([]);
  }

  private alienLimit(cache: number, node: number): number {
    const { i32 } = this.machine.k;
    return i32[i32[listField(this.machine.k, cache, node, 'alien') + 1 - node] + ARRAY_CACHE.at.limit];
  }

  private emptySlabs(cache: number, node: number): number {
    const { i32 } = this.machine.k;
    const head = nodeList(this.machine.k, cache, node) + KMEM_LIST3.at.slabs_free;
    let count = 0;
    for (let slab = i32[head]; slab !== head; slab = i32[slab]) count++;
    return count;
  }
}

const STEPS = fc.array(
  fc.record({
    do: fc.constantFrom(
      ...(['allocate', 'allocate', 'allocate', 'free', 'free', 'free'] as const),
      ...(['reap', 'shrink', 'tune', 'leave'] as const),
    ),
    cpu: fc.nat(3),
    which: fc.nat(4),
    node: fc.integer({ min: -1, max: 1 }),
    count: fc.integer({ min: 1, max: 60 }),
  }),
  { minLength: 10, maxLength: 40 },
);

test.prop([STEPS], { numRuns: 4 })(
  'numbers are those of a model, whoever allocates, frees and reaps',
  (steps) => {
    const model = new Model();
    const { k, cpus } = model.machine;
    for (const { do: what, cpu, which, node, count } of steps) {
      const counted = model.caches[which];
      if (what === 'reap') model.reap(cpu);
      else if (what === 'shrink') k.kmem_cache_shrink(counted.cache);
      else if (what === 'tune')
        writeFile(k.as(4), PATH, `${counted.name} ${count} ${Math.ceil(count / 3)} ${count % 3}`);
      else if (what === 'leave') drainSlabArrays(cpus[cpu]);
      else {
        for (let i = 0; i < count; i++) {
          if (what === 'allocate') model.allocate(cpu, counted, node);
          else if (counted.held.length > 0) model.free(cpu, counted, 7 * i + count);
        }
      }
      model.check();
    }
  },
);
