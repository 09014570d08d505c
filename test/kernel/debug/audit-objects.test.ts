import { fc, test } from '@fast-check/vitest';
import { afterEach, beforeAll, describe, expect } from 'vitest';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { audit } from '../../../src/kernel/debug/audit.js';
import { describeViolation } from '../../../src/kernel/debug/audit-describe.js';
import type { ViolationKind } from '../../../src/kernel/debug/audit-violation.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { wordAt } from '../../../src/kernel/mm/access.js';
import { __GFP_COMP, GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { objectAt, secondRedZone, type SlabObject } from '../../../src/kernel/slab/debug-layout.js';
import { ARRAY_CACHE, BUFCTL_ACTIVE, ENTRY, ownArrays, SLAB } from '../../../src/kernel/slab/kmem-cache.js';
import { doubleAt, MEMPOOL } from '../../../src/kernel/slab/mempool-chain.js';
import {
  mempool_alloc_pages,
  mempool_alloc_slab,
  mempool_free_pages,
  mempool_free_slab,
  mempool_kfree,
  mempool_kmalloc,
} from '../../../src/kernel/slab/mempool-kinds.js';
import { addressSlot, slotSlab } from '../../../src/kernel/slab/slot.js';
import { debugMachine } from '../slab/debug-scene.js';
import { faults, register } from '../slab/slab-scene.js';
import { kinds } from './audit-kinds.js';

/** What the audit says of the objects of a debugged machine, and of memory pools. */

interface Damage {
  readonly what: string;
  readonly kind?: ViolationKind;
  readonly damage: () => void;
  readonly says: RegExp;
}

let k: Kernel;
let cache: number;
/** Objects of a cache: one in use, one in an array, one in a free chain; and 13 bytes of kmalloc. */
let used: SlabObject;
let inArray: SlabObject;
let onChain: SlabObject;
let bytes: number;
/** Pools of the three kinds with two elements each, and a second one of the last. */
let ofSlab: number;
let ofPages: number;
let ofKmalloc: number;
let another: number;
/** What tests have changed: word and former value. */
const changed: [number, number][] = [];

function objectOf(address: number): SlabObject {
  const slab = slotSlab(k, addressSlot(k, address));
  for (let index = 0; ; index++) {
    const object = objectAt(k, cache, slab, index);
    if (object.address === address) return object;
  }
}

beforeAll(() => {
  ({ k } = debugMachine({ slab: true }));
  cache = k.kmem_cache_create('things', 40, 0, 0);
  ofSlab = k.mempool_create(2, mempool_alloc_slab, mempool_free_slab, cache);
  ofPages = k.mempool_create(2, mempool_alloc_pages, mempool_free_pages, 1);
  [ofKmalloc, another] = [1, 2].map(() => k.mempool_create(2, mempool_kmalloc, mempool_kfree, 100));
  used = objectOf(k.kmem_cache_alloc(cache, GFP_KERNEL));
  k.kmem_cache_free(cache, k.kmem_cache_alloc(cache, GFP_KERNEL));
  const array = k.i32[ownArrays(k, cache)];
  inArray = objectOf(inSlot(k.i32[array + ENTRY + k.i32[array + ARRAY_CACHE.at.avail] - 1]));
  onChain = objectAt(k, cache, inArray.slab, k.i32[inArray.slab + SLAB.at.free]);
  bytes = wordAt(k, k.kmalloc(13, GFP_KERNEL)) * 4;
  expect(faults(k)).toEqual([]);
});

/** The address of the object in a slot of the cache. */
function inSlot(slot: number): number {
  return used.address + (slot - used.slot) * 4;
}

afterEach(() => {
  for (const [word, value] of changed.splice(0).reverse()) k.i32[word] = value;
});

function poke(word: number, value: number): void {
  changed.push([word, k.i32[word]]);
  k.i32[word] = value;
}

function pokeByte(byte: number, value: number): void {
  const word = Math.floor(byte / 4);
  changed.push([word, k.i32[word]]);
  k.u8[byte] = value;
}

function pokeDouble(pool: number, entry: number, value: number): void {
  const index = doubleAt(k.i32[pool + MEMPOOL.at.elements]) + entry;
  changed.push([2 * index, k.i32[2 * index]], [2 * index + 1, k.i32[2 * index + 1]]);
  k.f64[index] = value;
}

const element = (pool: number, entry: number): number =>
  k.f64[doubleAt(k.i32[pool + MEMPOOL.at.elements]) + entry];

const OBJECTS: Damage[] = [
  {
    what: 'a byte of an object in an array',
    damage: () => pokeByte(inArray.word * 4 + 7, 0),
    says: /^cache things, node 0: the object at physical 0x[\da-f]+, in an array: its byte 7 was written to while it was free$/,
  },
  {
    what: 'the last byte of an object in a free chain',
    damage: () => pokeByte(onChain.word * 4 + 39, 0x6b),
    says: /in a free chain: its byte 39 was written to while it was free$/,
  },
  {
    what: 'the red zone before an object in use',
    damage: () => poke(used.start, 0),
    says: /in use: the red zone before it was written to$/,
  },
  {
    what: 'the red zone behind an object in use',
    damage: () => poke(secondRedZone(k, used) + 1, 0),
    says: /in use: the red zone behind it was written to$/,
  },
  {
    what: 'a red zone that says in use around a free object',
    damage: () => poke(onChain.start, k.i32[used.start]),
    says: /in a free chain: the red zone before it was written to$/,
  },
  {
    what: 'the mark of an object in an array',
    damage: () => poke(inArray.bufctl, BUFCTL_ACTIVE),
    says: /in an array: its mark says that it is in use$/,
  },
  {
    what: 'a byte of kmalloc that was not asked for',
    damage: () => pokeByte(bytes + 13, 0),
    says: /^cache size-32, .* in use: its byte 13 was written to, which its user has not asked for$/,
  },
  {
    what: 'a red zone of an element of a pool',
    damage: () => poke(objectOf(element(ofSlab, 0)).start, 0),
    says: /in use by a memory pool: the red zone before it was written to$/,
  },
].map((damage) => ({ kind: 'object-damaged' as const, ...damage }));

const POOLS: Damage[] = [
  ...[0, 1].map((end): Damage => ({
    what: `the ${end === 0 ? 'next' : 'prev'} link of a pool`,
    kind: 'mempool-chain',
    damage: () => poke(ofPages + MEMPOOL.at.chain + end, 0),
    says: /^the chain of memory pools: the (next|prev) link of pool \d+ is 0, which does not link back$/,
  })),
  {
    what: 'the head of the chain',
    kind: 'mempool-chain',
    damage: () => poke(KERNEL.mempools, -1),
    says: /the next link of the head is -1/,
  },
  {
    what: 'the magic of a pool',
    kind: 'mempool-field',
    damage: () => poke(ofSlab + MEMPOOL.at.magic, 0),
    says: /^memory pool \d+: its magic is 0, which cannot be$/,
  },
  {
    what: 'less than no elements',
    kind: 'mempool-field',
    damage: () => poke(ofSlab + MEMPOOL.at.min_nr, -1),
    says: /its min_nr is -1/,
  },
  {
    what: 'more elements than there should be',
    kind: 'mempool-field',
    damage: () => poke(ofSlab + MEMPOOL.at.curr_nr, 3),
    says: /its curr_nr is 3/,
  },
  {
    what: 'a reserve that does not fit its memory',
    kind: 'structure',
    damage: () => poke(ofSlab + MEMPOOL.at.min_nr, 10_000),
    says: /^memory pool \d+, elements is \d+: lies in no object$/,
  },
  {
    what: 'a reserve elsewhere',
    kind: 'structure',
    damage: () => poke(ofSlab + MEMPOOL.at.elements, k.i32[ofSlab + MEMPOOL.at.elements] + 2),
    says: /lies in no object$/,
  },
  {
    what: 'the reserve of another pool',
    kind: 'object-twice',
    damage: () => poke(ofKmalloc + MEMPOOL.at.elements, k.i32[another + MEMPOOL.at.elements]),
    says: /in use by a memory pool and in use by a memory pool$/,
  },
  {
    what: 'a held lock of a pool',
    kind: 'lock-held',
    damage: () => poke(ofSlab + MEMPOOL.at.lock, 2),
    says: /^memory pool \d+, lock is held by CPU 1/,
  },
  {
    what: 'a held lock of the chain',
    kind: 'lock-held',
    damage: () => poke(KERNEL.mempools_lock, 1),
    says: /^mempools_lock is held by CPU 0/,
  },
];

const ELEMENTS: Damage[] = [
  {
    what: 'no element',
    damage: () => pokeDouble(ofPages, 1, 0),
    says: /element 1 of its reserve, 0, is NULL$/,
  },
  {
    what: 'an object at another byte',
    damage: () => pokeDouble(ofSlab, 0, element(ofSlab, 0) + 4),
    says: /is no object$/,
  },
  { what: 'an address of no memory', damage: () => pokeDouble(ofKmalloc, 0, 4096), says: /is no object$/ },
  {
    what: 'an object of another cache',
    damage: () => pokeDouble(ofSlab, 0, element(ofKmalloc, 0)),
    says: /is of another cache$/,
  },
  { what: 'a frame that there is not', damage: () => pokeDouble(ofPages, 0, 1e6), says: /no block in use$/ },
  { what: 'half a frame', damage: () => pokeDouble(ofPages, 0, 0.5), says: /no block in use$/ },
].map((damage) => ({ kind: 'mempool-element' as const, ...damage }));

describe('the audit finds, and nothing else:', () => {
  test.each([...OBJECTS, ...POOLS, ...ELEMENTS])('$what', ({ kind, damage, says }) => {
    damage();
    const { violations } = audit(k);
    expect(kinds(violations)).toEqual([kind]);
    for (const violation of violations) expect(describeViolation(violation)).toMatch(says);
  });

  test('an element that was freed, too', () => {
    const array = k.i32[ownArrays(k, cache)];
    poke(array + ENTRY, objectOf(element(ofSlab, 1)).slot);
    const text = audit(k).violations.map(describeViolation);
    expect(text).toContainEqual(expect.stringMatching(/in an array and in use by a memory pool$/));
  });
});

test('where somebody has died, objects in use may be half marked, but free ones are as they should be', () => {
  poke(used.start, 0);
  poke(KERNEL.cpu_deaths, 1);
  expect(faults(k)).toEqual([]);
  pokeByte(onChain.word * 4, 0);
  expect(kinds(audit(k).violations)).toEqual(['object-damaged']);
});

test('compound blocks and 0 bytes of kmalloc may be elements of a reserve', () => {
  const machine = debugMachine({ slab: true }, { slabProfile: '2.6.24' });
  const pool = machine.k.mempool_create(1, mempool_alloc_pages, mempool_free_pages, 2);
  machine.k.mempool_resize(pool, 3, GFP_KERNEL | __GFP_COMP);
  machine.k.mempool_create(2, mempool_kmalloc, mempool_kfree, 0);
  expect(faults(machine.k)).toEqual([]);
});

test('an object that is just being constructed is as it should be, with what its user did not ask for', () => {
  const machine = debugMachine({ slab: true });
  const found: string[][] = [];
  const audited = register(machine, 'audited', () => {
    found.push(faults(machine.k));
    return 0;
  });
  const things = machine.k.kmem_cache_create('audited', 45, 0, 0, audited);
  for (let i = 0; i < 3; i++) machine.k.kmem_cache_alloc(things, GFP_KERNEL);
  expect(found).toEqual([[], [], []]);
});

test.prop([
  fc.array(fc.tuple(fc.nat(), fc.nat(), fc.oneof(fc.constantFrom(0, -1, 1, 4096), fc.integer())), {
    minLength: 1,
    maxLength: 8,
  }),
])('an audit of damaged pools ends, with a report, and changes nothing', (changes) => {
  const targets = [ofSlab, ofPages, ofKmalloc].flatMap((pool): [number, number][] => [
    [pool, MEMPOOL.words],
    [k.i32[pool + MEMPOOL.at.elements], 4],
  ]);
  for (const [target, offset, value] of changes) {
    const [start, words] = targets[target % targets.length];
    poke(start + (offset % words), value | 0);
  }
  const before = changed.map(([word]) => k.i32[word]);
  for (const violation of audit(k, { limit: 3 }).violations)
    expect(describeViolation(violation)).not.toMatch(/undefined/);
  expect(changed.map(([word]) => k.i32[word])).toEqual(before);
  for (const [word, value] of changed.splice(0).reverse()) k.i32[word] = value;
});
