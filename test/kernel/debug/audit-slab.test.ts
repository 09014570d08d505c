import { fc, test } from '@fast-check/vitest';
import { afterEach, beforeAll, describe, expect } from 'vitest';
import { CPU_AREA, CPU_OFFLINE, CPU_ONLINE } from '../../../src/kernel/core/cpu-area.js';
import { setCpuState } from '../../../src/kernel/core/cpu-mask.js';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { TASK, TASK_RUNNING } from '../../../src/kernel/core/task-struct.js';
import { cpuTask } from '../../../src/kernel/core/tasks.js';
import { audit } from '../../../src/kernel/debug/audit.js';
import { describeViolation } from '../../../src/kernel/debug/audit-describe.js';
import type { ViolationKind } from '../../../src/kernel/debug/audit-violation.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { PAGE, PG_buddy, pageOf } from '../../../src/kernel/mm/page.js';
import {
  NR_SLAB_RECLAIMABLE,
  NR_SLAB_UNRECLAIMABLE,
  populatedZones,
  ZONE,
} from '../../../src/kernel/mm/zone.js';
import {
  ARRAY_CACHE,
  ARRAYS,
  BUFCTL_END,
  cacheWords,
  ENTRY,
  KMEM_CACHE,
  KMEM_LIST3,
  nodeList,
  nodeListsOf,
  ownArrays,
  SLAB,
  slab_bufctl,
} from '../../../src/kernel/slab/kmem-cache.js';
import { slotFrame, wordSlot } from '../../../src/kernel/slab/slot.js';
import { allocate, cacheCalled, faults, slabMachine } from '../slab/slab-scene.js';
import { kinds } from './audit-kinds.js';

/** A machine with slabs of all sorts: full, partly used and empty ones, arrays with objects, of both nodes. */
interface Scene {
  readonly k: Kernel;
  readonly i32: Int32Array;
  readonly cache: number;
  /** size-1024, whose slabs are described elsewhere. */
  readonly offSlab: number;
}

const LIST = KMEM_LIST3.at;

let scene: Scene;
/** What tests have changed: word and former value. */
const changed: [number, number][] = [];

beforeAll(() => {
  const { k, cpus } = slabMachine();
  const cache = k.kmem_cache_create('things', 200, 0, 0);
  const held = cpus.map((cpu) => allocate(cpu, cache, 320));
  // Slabs of the first stay full, those of the next lose some objects.
  for (const cpu of cpus) {
    for (let i = 40; i < 130; i += 2) cpu.kmem_cache_free(cache, held[cpu.cpu][i]);
    for (let i = 0; i < 9; i++) cpu.kmalloc(1000, GFP_KERNEL);
  }
  k.kmem_cache_shrink(cache);
  // Each CPU has some in its array, its node some in the shared one, and some for the other node.
  for (const cpu of cpus) {
    for (const object of held[cpu.cpu].slice(130, 133)) cpus[3 - cpu.cpu].kmem_cache_free(cache, object);
    for (const object of held[cpu.cpu].slice(133)) cpu.kmem_cache_free(cache, object);
  }
  scene = { k, i32: k.i32, cache, offSlab: cacheCalled(k, 'size-1024') };
  expect(faults(k)).toEqual([]);
});

afterEach(() => {
  for (const [word, value] of changed.splice(0).reverse()) scene.i32[word] = value;
});

function poke(word: number, value: number): void {
  changed.push([word, scene.i32[word]]);
  scene.i32[word] = value;
}

const list = (node = 0): number => nodeList(scene.k, scene.cache, node);
const array = (cpu: number, cache = scene.cache): number => scene.i32[ownArrays(scene.k, cache) + cpu];
const shared = (node: number): number => scene.i32[list(node) + LIST.shared];
const alien = (node: number): number => scene.i32[scene.i32[list(node) + LIST.alien] + 1 - node];

/** The first slab of a list of node 0. */
function slabIn(name: 'slabs_partial' | 'slabs_full' | 'slabs_free', cache = scene.cache): number {
  const head = nodeList(scene.k, cache, 0) + LIST[name];
  const slab = scene.i32[head];
  if (slab === head) throw new Error(`the test has no slab in ${name}`);
  return slab;
}

/** Word index of the struct page of a slab's first page. */
function pageOfSlab(slab: number): number {
  const { i32 } = scene;
  return pageOf(i32, slotFrame(i32[slab + SLAB.at.s_mem] - i32[slab + SLAB.at.colouroff] / 4));
}

/** Takes a slab out of its list. */
function unlink(slab: number): void {
  const [next, prev] = [scene.i32[slab], scene.i32[slab + 1]];
  poke(next + 1, prev);
  poke(prev, next);
}

/** Puts it in front of another one. */
function link(slab: number, head: number): void {
  const next = scene.i32[head];
  poke(slab, next);
  poke(slab + 1, head);
  poke(next + 1, slab);
  poke(head, slab);
}

interface Damage {
  readonly what: string;
  readonly kind: ViolationKind;
  readonly damage: () => void;
  /** What the sentence says. */
  readonly says?: RegExp;
}

const FIELDS = [
  ['num', 1],
  ['buffer_size', 8],
  ['gfporder', 1],
  ['gfpflags', 1],
  ['align', 8],
  ['obj_offset', 4],
  ['obj_size', 16],
  ['colour', 1],
  ['colour_off', 64],
  ['slab_size', 8],
  ['slabp_cache', 7],
  ['flags', 1],
  ['limit', -1000],
  ['batchcount', 1000],
  ['shared', -1000],
] as const;

const CACHES: Damage[] = [
  ...FIELDS.map(([field, more]): Damage => ({
    what: `${field} of a cache`,
    kind: 'cache-field',
    damage: () =>
      poke(scene.cache + KMEM_CACHE.at[field], scene.i32[scene.cache + KMEM_CACHE.at[field]] + more),
    says: /^cache things, \w+ is -?\d+; it should be/,
  })),
  ...(['ctor', 'dtor'] as const).map((field): Damage => ({
    what: `a ${field} that is no function`,
    kind: 'structure',
    damage: () => poke(scene.cache + KMEM_CACHE.at[field], 1024 + 255),
  })),
  ...[0, 1].map((end): Damage => ({
    what: `the ${end === 0 ? 'next' : 'prev'} link of a cache`,
    kind: 'cache-chain',
    damage: () => poke(scene.offSlab + KMEM_CACHE.at.next + end, scene.cache),
    says: /^the chain of caches: the (next|prev) link of size-1024 is \d+, which does not link back$/,
  })),
  ...[0, 1].map((end): Damage => ({
    what: `the ${end === 0 ? 'next' : 'prev'} link of the chain's head`,
    kind: 'cache-chain',
    damage: () => poke(KERNEL.cache_chain + end, 0x7fffffff),
    says: /link of the head/,
  })),
  {
    what: 'a general cache of another size',
    kind: 'structure',
    damage: () => poke(KERNEL.malloc_caches + 3, scene.cache),
    says: /malloc_caches\[3\]|kmalloc_arrays\[3\]/,
  },
  { what: 'no cache of caches', kind: 'structure', damage: () => poke(KERNEL.cache_cache, scene.i32.length) },
  {
    what: 'a node without lists',
    kind: 'structure',
    damage: () => poke(nodeListsOf(scene.k, scene.cache) + 1, 0),
  },
  {
    what: 'a held list_lock',
    kind: 'lock-held',
    damage: () => poke(list(1) + LIST.list_lock, 3),
    says: /cache things, node 1, list_lock is held by CPU 2/,
  },
  {
    what: 'a held lock of an array',
    kind: 'lock-held',
    damage: () => poke(alien(0) + ARRAY_CACHE.at.lock, 1),
  },
  { what: 'a held lock of the chain', kind: 'lock-held', damage: () => poke(KERNEL.cache_chain_lock, 1) },
];

const SLABS: Damage[] = [
  ...([0, 1] as const).flatMap((end) =>
    [
      () => 0,
      () => -7,
      () => scene.i32.length,
      () => slabIn('slabs_full'),
      () => list() + LIST.slabs_free,
    ].map((value, i): Damage => ({
      what: `the ${end === 0 ? 'next' : 'prev'} link of a slab (${i})`,
      kind: 'slab-list',
      damage: () => poke(slabIn('slabs_partial') + end, value()),
      says: /cache things, node 0, slabs_partial: the (next|prev) link of slab \d+ is/,
    })),
  ),
  {
    what: 'the head of a list',
    kind: 'slab-list',
    damage: () => poke(list() + LIST.slabs_full, 0),
    says: /slabs_full: the next link of the head is 0/,
  },
  {
    what: 'a full slab among the partly used ones',
    kind: 'slab-place',
    damage: () => {
      const slab = slabIn('slabs_full');
      unlink(slab);
      link(slab, list() + LIST.slabs_partial);
    },
    says: /is in slabs_partial, but belongs into slabs_full$/,
  },
  {
    what: 'a partly used slab among the empty ones',
    kind: 'slab-place',
    damage: () => {
      const slab = slabIn('slabs_partial');
      unlink(slab);
      link(slab, list() + LIST.slabs_free);
    },
  },
  {
    what: 'inuse of a slab',
    kind: 'slab-inuse',
    damage: () =>
      poke(slabIn('slabs_partial') + SLAB.at.inuse, scene.i32[slabIn('slabs_partial') + SLAB.at.inuse] - 1),
    says: /inuse is \d+, but \d+ objects are not free$/,
  },
  ...[-3, 19, 1e9, BUFCTL_END - 1].map((value): Damage => ({
    what: `a free chain that begins at ${value}`,
    kind: 'slab-chain',
    damage: () => poke(slabIn('slabs_partial') + SLAB.at.free, value + (value === 19 ? 1 : 0)),
  })),
  {
    what: 'a free chain that runs in a circle',
    kind: 'slab-chain',
    damage: () => {
      const slab = slabIn('slabs_partial');
      const first = scene.i32[slab + SLAB.at.free];
      poke(slab_bufctl(scene.k, slab) + first, first);
    },
    says: /leaves it or runs in a circle/,
  },
  {
    what: 'a free chain that ends too soon',
    kind: 'slab-inuse',
    damage: () => {
      const slab = slabIn('slabs_partial');
      poke(slab + SLAB.at.free, BUFCTL_END);
    },
  },
  {
    what: 'the node of a slab',
    kind: 'slab-field',
    damage: () => poke(slabIn('slabs_partial') + SLAB.at.nodeid, 1),
  },
  ...([4, 1024, 0x7fffff00] as const).map((more): Damage => ({
    what: `a first object ${more} words further`,
    kind: 'slab-field',
    damage: () =>
      poke(
        slabIn('slabs_partial') + SLAB.at.s_mem,
        scene.i32[slabIn('slabs_partial') + SLAB.at.s_mem] + more,
      ),
    says: /its s_mem is -?\d+, which cannot be/,
  })),
  {
    what: 'the same of a slab that is described elsewhere',
    kind: 'slab-field',
    damage: () => {
      const slab = slabIn('slabs_full', scene.offSlab);
      poke(slab + SLAB.at.colouroff, 64);
    },
  },
  {
    what: 'a page that says it is of another slab',
    kind: 'slab-page',
    damage: () => poke(pageOfSlab(slabIn('slabs_full')) + PAGE.at.lru + 1, slabIn('slabs_partial')),
    says: /is of slab \d+ of cache things, but says it is of slab \d+/,
  },
  {
    what: 'a page that says it is of another cache',
    kind: 'slab-page',
    damage: () => poke(pageOfSlab(slabIn('slabs_full')) + PAGE.at.lru, scene.offSlab),
  },
  {
    what: 'a page of a slab that does not say so',
    kind: 'slab-page',
    damage: () => {
      const page = pageOfSlab(slabIn('slabs_full'));
      poke(page + PAGE.at.flags, scene.i32[page + PAGE.at.flags] & ~0x80);
    },
    says: /has no PG_slab/,
  },
  {
    what: 'a slab that is in no list',
    kind: 'slab-lost',
    damage: () => unlink(slabIn('slabs_full')),
    says: /is lost: it says that it is of slab \d+ of cache things, but that is in no list$/,
  },
  {
    what: 'free_objects',
    kind: 'free-objects',
    damage: () => poke(list(1) + LIST.free_objects, scene.i32[list(1) + LIST.free_objects] + 1),
    says: /cache things, node 1: free_objects is \d+, but its slabs have \d+$/,
  },
  {
    what: 'a colour that there is not',
    kind: 'cache-field',
    damage: () => poke(list() + LIST.colour_next, 99),
  },
  ...[NR_SLAB_RECLAIMABLE, NR_SLAB_UNRECLAIMABLE].map((item): Damage => ({
    what: `statistic ${item}`,
    kind: 'slab-pages',
    damage: () => {
      const word = populatedZones(scene.k)[0] + ZONE.at.vm_stat + item;
      poke(word, scene.i32[word] + 1);
    },
    says: /nr_slab_\w+ is \d+, but slabs have \d+ pages$/,
  })),
];

function entryOf(cpu: number): number {
  return array(cpu) + ENTRY;
}

const ARRAY_DAMAGES: Damage[] = [
  ...[-1, 1000].map((value): Damage => ({
    what: `avail of an array: ${value}`,
    kind: 'array-field',
    damage: () => poke(array(1) + ARRAY_CACHE.at.avail, value),
    says: /cache things, array of CPU 1: its avail is -?\d+, but can be 120 at most/,
  })),
  {
    what: 'batchcount of an array',
    kind: 'array-field',
    damage: () => poke(shared(0) + ARRAY_CACHE.at.batchcount, 0),
  },
  { what: 'limit of an array', kind: 'array-field', damage: () => poke(alien(1) + ARRAY_CACHE.at.limit, 0) },
  {
    what: 'a limit that is larger than the object that the array lies in',
    kind: 'structure',
    damage: () => poke(array(1) + ARRAY_CACHE.at.limit, 130),
    says: /array of CPU 1 is \d+: lies in no object/,
  },
  {
    what: 'the array of another CPU',
    kind: 'object-twice',
    damage: () => {
      poke(ownArrays(scene.k, scene.cache) + 3, array(2));
      poke(scene.cache + ARRAYS + 3, array(2));
    },
  },
  { what: 'no array', kind: 'structure', damage: () => poke(ownArrays(scene.k, scene.cache) + 3, 0) },
  {
    what: 'another array on the short way',
    kind: 'structure',
    damage: () => poke(scene.cache + ARRAYS + 3, array(1)),
    says: /array of CPU 3, shortcut is \d+: is not that array/,
  },
  {
    what: 'another array on the short way of kmalloc',
    kind: 'structure',
    damage: () => poke(scene.i32[KERNEL.cpu_area + 1] + CPU_AREA.at.kmalloc_arrays + 2, 0),
    says: /cpu 1, kmalloc_arrays\[2\] is 0/,
  },
  ...[1, 2, 1 << 28, -1].map((more): Damage => ({
    what: `an entry ${more} words further`,
    kind: 'array-entry',
    damage: () => poke(entryOf(0), scene.i32[entryOf(0)] + more),
    says: /cache things, array of CPU 0: entry 0, physical 0x[\da-f]+, is no object$/,
  })),
  {
    what: 'an entry in an array of the other node',
    kind: 'array-entry',
    damage: () => poke(entryOf(0), scene.i32[entryOf(2)]),
    says: /is of another node$/,
  },
  {
    what: 'an entry of another cache',
    kind: 'array-entry',
    damage: () => poke(entryOf(0), scene.i32[slabIn('slabs_full', scene.offSlab) + SLAB.at.s_mem]),
    says: /is of another cache$/,
  },
  {
    what: 'an object twice in an array',
    kind: 'object-twice',
    damage: () => poke(entryOf(0), scene.i32[entryOf(0) + 1]),
    says: /the object at physical 0x[\da-f]+ is in two places: in an array and in an array$/,
  },
  {
    what: 'an object in two arrays',
    kind: 'object-twice',
    damage: () => poke(entryOf(1), scene.i32[shared(0) + ENTRY]),
  },
  {
    what: 'an object that has been freed to its slab, too',
    kind: 'object-twice',
    damage: () => {
      const slab = slabIn('slabs_partial');
      const words = scene.i32[scene.cache + KMEM_CACHE.at.buffer_size] / 4;
      poke(entryOf(0), scene.i32[slab + SLAB.at.s_mem] + scene.i32[slab + SLAB.at.free] * words);
    },
    says: /in a free chain and in an array$/,
  },
  {
    what: 'what the allocator itself uses in an array',
    kind: 'object-twice',
    damage: () => {
      const caches = scene.i32[KERNEL.cache_cache];
      const descriptions = array(0, caches);
      poke(descriptions + ARRAY_CACHE.at.avail, 1);
      poke(descriptions + ENTRY, wordSlot(scene.k, scene.cache));
    },
    says: /in an array and in use by the allocator$/,
  },
  {
    what: 'an array for a node itself',
    kind: 'structure',
    damage: () => poke(scene.i32[list() + LIST.alien], alien(0)),
  },
  { what: 'no arrays for other nodes', kind: 'structure', damage: () => poke(list() + LIST.alien, 0) },
];

describe('the audit finds, and nothing else:', () => {
  test.each([...CACHES, ...SLABS, ...ARRAY_DAMAGES])('$what', ({ kind, damage, says }) => {
    damage();
    const { violations } = audit(scene.k);
    expect(kinds(violations)).toEqual([kind]);
    if (says !== undefined)
      for (const violation of violations) expect(describeViolation(violation)).toMatch(says);
  });

  test('objects of a CPU that is away', () => {
    setCpuState(scene.k, 1, CPU_OFFLINE);
    const { violations } = audit(scene.k);
    setCpuState(scene.k, 1, CPU_ONLINE);
    const text = violations.filter(({ kind }) => kind === 'offline-array').map(describeViolation);
    expect(text).toContainEqual(
      expect.stringMatching(/^CPU 1 is offline, but its array of cache things has \d+ objects$/),
    );
  });
});

test('a slab in no list may be one that is just being made, where a task is in the middle of something', () => {
  unlink(slabIn('slabs_full'));
  expect(kinds(audit(scene.k).violations)).toEqual(['slab-lost']);
  poke(cpuTask(scene.k, 0) + TASK.at.state, TASK_RUNNING);
  expect(kinds(audit(scene.k).violations)).not.toContain('slab-lost');
});

test('what was just being made when a CPU or a task died is no violation', () => {
  unlink(slabIn('slabs_full'));
  for (const word of [KERNEL.cpu_deaths, KERNEL.task_deaths]) {
    poke(word, 1);
    expect(faults(scene.k)).toEqual([]);
    poke(word, 0);
  }
});

test('violations of frames say of which cache their pages are', () => {
  const page = pageOfSlab(slabIn('slabs_full'));
  poke(page + PAGE.at.flags, scene.i32[page + PAGE.at.flags] | (1 << PG_buddy));
  expect(faults(scene.k)[0]).toMatch(/has PG_buddy.*\npage of a slab of cache things$/);
});

/** Stretches of memory that the audit follows, `[first word, words]`. */
function targets(): [number, number][] {
  const { k, i32, cache, offSlab } = scene;
  const words = [cache, offSlab].flatMap((word): [number, number][] => [
    [word, cacheWords(k)],
    ...[0, 1].map((node): [number, number] => [nodeList(k, word, node), KMEM_LIST3.words]),
    [i32[ownArrays(k, word)], ENTRY + 8],
  ]);
  const page = pageOfSlab(slabIn('slabs_full'));
  return [
    ...words,
    [slabIn('slabs_partial'), SLAB.words + 8],
    [slabIn('slabs_full'), SLAB.words + 8],
    [slabIn('slabs_full', offSlab), SLAB.words],
    [page, PAGE.words],
    [alien(0), ENTRY + 2],
    [i32[list() + LIST.alien], 2],
    [KERNEL.malloc_caches, KERNEL.lockdep_lock - KERNEL.malloc_caches],
  ];
}

const VALUES = fc.oneof(
  fc.constantFrom(0, 1, -1, 2, 0x7fffffff, -0x80000000, 1 << 30, 4096),
  fc.integer({ min: -0x80000000, max: 0x7fffffff }),
);

test.prop([fc.array(fc.tuple(fc.nat(), fc.nat(), VALUES, fc.boolean()), { minLength: 1, maxLength: 12 })], {
  numRuns: 60,
})('an audit of damaged slabs ends, with a report, and changes nothing', (changes) => {
  const { k, i32 } = scene;
  const places = targets();
  for (const [target, offset, value, isNear] of changes) {
    const [start, words] = places[target % places.length];
    const word = start + (offset % words);
    poke(word, isNear ? i32[word] + (value % 64) : value);
  }
  const before = changed.map(([word]) => i32[word]);
  for (const violation of audit(k, { limit: 3 }).violations)
    expect(describeViolation(violation)).not.toBe('');
  for (const [word] of changed) expect(k.nameOf(word)).not.toBe('');
  expect(changed.map(([word]) => i32[word])).toEqual(before);
  for (const [word, value] of changed.splice(0).reverse()) i32[word] = value;
});

test('says how much it looked at', () => {
  const { checked } = audit(scene.k);
  expect(checked.caches).toBe(scene.k.cat('/proc/slabinfo').split('\n').length - 3);
  expect(checked.slabs).toBeGreaterThan(checked.caches);
});

describe('names of words', () => {
  test('of caches, lists and arrays', () => {
    const { k, cache } = scene;
    expect(k.nameOf(cache + KMEM_CACHE.at.num)).toBe('cache things, num');
    expect(k.nameOf(ownArrays(k, cache) + 2)).toBe('cache things, array[2]');
    expect(k.nameOf(nodeListsOf(k, cache) + 1)).toBe('cache things, nodelists[1]');
    expect(k.nameOf(cache + ARRAYS)).toBe('cache things, shortcut[0]');
    expect(k.nameOf(list(0) + LIST.list_lock)).toBe('cache things, node 0 list_lock');
    expect(k.nameOf(list(1) + LIST.slabs_free + 1)).toBe('cache things, node 1 slabs_free.prev');
    expect(k.nameOf(nodeList(k, cacheCalled(k, 'size-64'), 0) + LIST.list_lock)).toBe(
      'cache size-64, node 0 list_lock',
    );
    expect(k.nameOf(array(1))).toBe('cache things, cpu 1 array.avail');
    expect(k.nameOf(array(1) + ENTRY + 5)).toBe('cache things, cpu 1 array[5]');
    expect(k.nameOf(shared(1) + ARRAY_CACHE.at.limit)).toBe('cache things, node 1 shared.limit');
    expect(k.nameOf(alien(0) + ARRAY_CACHE.at.lock)).toBe('cache things, node 0 alien[1].lock');
    expect(k.nameOf(scene.i32[list(0) + LIST.alien] + 1)).toBe('cache things, node 0 alien[1]');
  });

  test('of slabs and objects', () => {
    const { k, i32 } = scene;
    const slab = slabIn('slabs_partial');
    expect(k.nameOf(slab + SLAB.at.inuse)).toBe(`cache things, slab at word ${slab}, inuse`);
    expect(k.nameOf(slab_bufctl(k, slab) + 3)).toBe(`cache things, slab at word ${slab}, bufctl[3]`);
    const first = slab + i32[scene.cache + KMEM_CACHE.at.slab_size] / 4;
    expect(k.nameOf(first + 50 + 3)).toBe(`cache things, object 1 of the slab at word ${slab}, byte 12`);
  });
});
