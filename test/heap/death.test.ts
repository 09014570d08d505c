import { describe, expect, it } from 'vitest';
import type { MemoryImage } from '../../src/image/memory-image.js';
import { checkAllocator } from '../../src/heap/heap-check.js';
import { HeapCore } from '../../src/heap/heap-core.js';
import { makeHeapImage } from '../../src/heap/heap-machine.js';
import { HEAP } from '../../src/heap/heap-layout.js';
import { HeapLock } from '../../src/heap/heap-lock.js';
import { heapStats, noteInternal } from '../../src/heap/heap-stats.js';
import { join, leave } from '../../src/heap/heap-threads.js';
import { endPresence } from '../../src/heap/presence.js';
import { MortalThread } from './mortal.js';

const KIB = 1024;

/** What a thread does before it does something that it does not survive. */
interface Scenario {
  readonly name: string;
  readonly prepare: (core: HeapCore) => number[];
  /** What it allocates or frees: in the end that is out or not, who knows. */
  readonly fatal: (core: HeapCore, out: number[]) => void;
  /** Each how many writes it is tried to die at. */
  readonly stride: number;
}

const several = (core: HeapCore, count: number, size: number): number[] =>
  Array.from({ length: count }, () => core.allocate(size));
const free = (core: HeapCore, pointers: readonly number[]): void => {
  for (const pointer of pointers) core.release(core.locate(pointer));
};

/** Whether the allocator has free objects of a size. */
const hasFree = (core: HeapCore, wanted: number): boolean =>
  heapStats(core).classes.some(({ size, free: count }) => size === wanted && count > 0);

const scenarios: readonly Scenario[] = [
  {
    name: 'gets a new slab of small objects',
    prepare: (core) => {
      const out = [core.allocate(512)];
      while (hasFree(core, 512)) out.push(core.allocate(512));
      return out;
    },
    fatal: (core) => core.allocate(512),
    stride: 2,
  },
  {
    name: 'gets a new slab of one large object',
    prepare: (core) => several(core, 3, 16 * KIB),
    fatal: (core) => core.allocate(16 * KIB),
    stride: 2,
  },
  {
    name: 'fills its array from slabs',
    prepare: (core) => {
      const out = several(core, 300, 1024);
      free(core, out.splice(0, 290));
      core.lock.run(() => core.drainPlace(core.membership.place));
      return out;
    },
    fatal: (core) => core.allocate(1024),
    stride: 4,
  },
  {
    name: 'gives objects to the array of all threads',
    prepare: (core) => {
      const out = several(core, 60, 1024);
      free(core, out.splice(0, 53));
      return out;
    },
    fatal: (core, out) => free(core, out),
    stride: 4,
  },
  {
    name: 'gives slabs back',
    prepare: (core) => {
      const out = several(core, 30, 16 * KIB);
      free(core, out.splice(0, 23));
      return out;
    },
    fatal: (core, out) => free(core, out),
    stride: 17,
  },
  {
    name: 'looks for memory where there is no more',
    prepare: (core) => {
      const out = several(core, 200, 2 * KIB);
      free(core, out.splice(0, 150));
      for (let size = 512 * KIB; size >= 16 * KIB; size /= 2)
        for (let pointer = core.allocate(size); pointer !== 0; pointer = core.allocate(size))
          out.push(pointer);
      return out;
    },
    fatal: (core) => core.allocate(64 * KIB),
    stride: 97,
  },
];

/** Does a scenario up to a write, and lets another thread find what is left; false if the thread got to the end. */
function die(
  scenario: Scenario,
  image: MemoryImage,
  snapshot: Uint8Array,
  out: readonly number[],
  last: number,
): boolean {
  image.u8.set(snapshot);
  const thread = new MortalThread(image.buffer);
  const core = new HeapCore(thread.image, join(image));
  const survivor = new HeapCore(image, join(image));
  const doomed = [...out];
  thread.last = last;
  thread.run(() => scenario.fatal(core, doomed));
  endPresence(core.membership.presence);
  const at = `write ${last}`;

  const pointer = survivor.allocate(1000);
  expect(pointer, at).toBeGreaterThan(0);
  survivor.release(survivor.locate(pointer));
  const check = (): string[] =>
    survivor.lock.run(() => checkAllocator(survivor.kernel, survivor.caches, survivor.places()));
  expect(check(), at).toEqual([]);
  // What it had is still there; of what it was about to get or give back, one object may be.
  expect(heapStats(survivor).repairs).toBeLessThanOrEqual(1);
  const used = heapStats(survivor).classes.reduce((sum, objects) => sum + objects.used, 0);
  const freed = scenario.fatal.length > 1 ? out.length : 0;
  expect(used, at).toBeGreaterThanOrEqual(out.length - freed);
  expect(used, at).toBeLessThanOrEqual(out.length + 2);
  // All others can be freed, and all memory is there.
  if (freed === 0) free(survivor, out);
  const left = heapStats(survivor).classes.reduce((sum, objects) => sum + objects.used, 0);
  if (freed === 0) expect(left, at).toBeLessThanOrEqual(2);
  expect(check(), at).toEqual([]);
  leave(image, survivor.membership);
  return thread.isDead;
}

describe('a thread that ends inside the allocator', () => {
  for (const scenario of scenarios) {
    it(`leaves a heap that is whole when it ${scenario.name}`, () => {
      const image = makeHeapImage({ size: 4 * KIB * KIB, threads: 2 });
      const first = new HeapCore(image, join(image));
      noteInternal(first);
      const out = scenario.prepare(first);
      // Another thread takes the place, arrays and all: so nothing is drained.
      leave(image, first.membership);
      const snapshot = image.u8.slice();
      let deaths = 0;
      let repairs = 0;
      while (die(scenario, image, snapshot, out, 1 + deaths * scenario.stride)) {
        deaths++;
        repairs += image.i32[HEAP.repairs];
      }
      expect(deaths).toBeGreaterThan(10);
      expect(repairs).toBeGreaterThan(deaths / 2);
    });
  }

  it('is not needed for a repair: what fails inside is an error, and the heap goes on', () => {
    const image = makeHeapImage({ size: 4 * KIB * KIB, threads: 2 });
    const core = new HeapCore(image, join(image));
    noteInternal(core);
    const [kept, ...freed] = several(core, 100, 200);
    free(core, freed);
    const fail = (): never => {
      throw new RangeError('Maximum call stack size exceeded');
    };
    expect(() => core.lock.run(fail)).toThrow(/the heap failed: Maximum call stack/);
    expect(core.lock.run(() => checkAllocator(core.kernel, core.caches, core.places()))).toEqual([]);
    free(core, [kept]);
    const { classes, repairs } = heapStats(core);
    expect([repairs, classes.reduce((sum, { used }) => sum + used, 0)]).toEqual([1, 0]);
    leave(image, core.membership);
  });

  it('is not what a repair that fails must be like: the lock is free, and the next one repairs', () => {
    const image = makeHeapImage({ size: 4 * KIB * KIB, threads: 2 });
    const membership = join(image);
    const outcomes = ['fails', 'fails', 'works'];
    const lock = new HeapLock(image, membership, () => {
      if (outcomes.shift() === 'fails') throw new Error('no repair');
    });
    const fail = (): never => {
      throw new RangeError('damaged');
    };
    expect(() => lock.run(fail)).toThrow('no repair');
    expect(() => lock.run(() => 1)).toThrow('no repair');
    expect(lock.run(() => 2)).toBe(2);
    expect([outcomes, lock.run(() => 3)]).toEqual([[], 3]);
    leave(image, membership);
  });

  it('may be followed by one that ends while it repairs what the first has left', () => {
    const image = makeHeapImage({ size: 4 * KIB * KIB, threads: 3 });
    const scenario = scenarios.find(({ name }) => name === 'gives slabs back')!;
    const first = new HeapCore(image, join(image));
    const out = scenario.prepare(first);
    leave(image, first.membership);
    const doomed = new MortalThread(image.buffer);
    const core = new HeapCore(doomed.image, join(image));
    doomed.last = 40;
    doomed.run(() => scenario.fatal(core, out));
    expect(doomed.isDead).toBe(true);
    endPresence(core.membership.presence);
    const snapshot = image.u8.slice();
    for (let last = 1; ; last += 611) {
      image.u8.set(snapshot);
      const repairer = new MortalThread(image.buffer);
      const second = new HeapCore(repairer.image, join(image));
      repairer.last = last;
      repairer.run(() => second.allocate(1000));
      endPresence(second.membership.presence);
      const survivor = new HeapCore(image, join(image));
      expect(survivor.allocate(1000)).toBeGreaterThan(0);
      const problems = survivor.lock.run(() =>
        checkAllocator(survivor.kernel, survivor.caches, survivor.places()),
      );
      expect(problems, `write ${last}`).toEqual([]);
      leave(image, survivor.membership);
      if (!repairer.isDead) break;
    }
  });
});
