import { CPU_AREA } from '../../../kernel/core/cpu-area.js';
import { KERNEL } from '../../../kernel/core/kernel-data.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { GFP_ATOMIC, GFP_KERNEL } from '../../../kernel/mm/gfp.js';
import { drain_cpu_caches } from '../../../kernel/slab/drain.js';
import { KMEM_LIST3, nodeList } from '../../../kernel/slab/kmem-cache.js';
import { cache_reap } from '../../../kernel/slab/reap.js';
import { SLAB_RED_ZONE } from '../../../kernel/slab/slab-flags.js';
import { scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, NOT_GUARDED, type KernelPart } from './kernel-part.js';
import { oneZone, twoNodes } from './machines.js';
import { scratchLine } from './scratch.js';
import { expectCache, giveObject, makeSmallCache, takeObject } from './slab-objects.js';

/** The slab allocator: arrays of CPUs, lists of nodes, objects that come back to another node, the reaper, the end of a cache. */

const REFILL = 'kernel/slab/refill';
const FLUSH = 'kernel/slab/flush';
const DRAIN = 'kernel/slab/drain';
const REAP = 'kernel/slab/reap';

/** Enables interrupts, without a look whether there are any. */
const INTERRUPTS_ON = `k.i32[k.area + ${CPU_AREA.at.irqs_disabled}] = 0;`;

/** The cache; objects on their way from one CPU to another, doubles; whether they are there, or back. */
const CACHE = scratchLine(0);
const PASSED = scratchLine(1) / 2;
const READY = scratchLine(2);

/** An array holds two objects, what CPUs share one. */
function smallCache(k: Kernel): void {
  k.i32[CACHE] = makeSmallCache(k, 2, 1);
}

function finallyInOrder(k: Kernel): void {
  expectCache(k, k.i32[CACHE], 0);
}

/** More objects than an array holds: it is refilled and flushed. */
function threeObjects(k: Kernel): void {
  const cache = k.i32[CACHE];
  const mark = k.cpu + 1;
  const first = takeObject(k, cache, mark);
  const second = takeObject(k, cache, mark);
  const third = takeObject(k, cache, mark);
  giveObject(k, cache, first, mark);
  giveObject(k, cache, second, mark);
  giveObject(k, cache, third, mark);
}

const arrays = kernelPart(
  scenario({
    name: 'kernel: two CPUs refill their arrays of objects and flush them',
    machine: oneZone(2),
    setup: smallCache,
    threads: [threeObjects, threeObjects],
    final: finallyInOrder,
  }),
  {
    'an array is refilled without list_lock': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: REFILL,
          find: 'const slab = slabWithObjects(k, list);',
          replace:
            'spin_unlock(k, list + LOCK); const slab = slabWithObjects(k, list); spin_lock(k, list + LOCK);',
        },
      ],
    },
    'a CPU takes from the array of another': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: 'kernel/slab/array-cache',
          find: 'return k.i32[ownArrays(k, cache) + k.cpu] & INDEX;',
          replace: 'return k.i32[ownArrays(k, cache) + 0] & INDEX;',
        },
      ],
    },
    'objects go into the shared array without list_lock': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: FLUSH,
          find: 'i32[shared + AVAIL] += batch;',
          replace: 'spin_unlock(k, list + LOCK); i32[shared + AVAIL] += batch; spin_lock(k, list + LOCK);',
        },
      ],
    },
    'a new slab is added without list_lock': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: 'kernel/slab/grow',
          find: 'list_add_tail(i32, slab, list + FREE);',
          replace:
            'spin_unlock(k, list + LOCK); list_add_tail(i32, slab, list + FREE); spin_lock(k, list + LOCK);',
        },
      ],
    },
  },
);

/** More objects than an array holds. */
function objectsInHandler(k: Kernel): void {
  const cache = k.i32[CACHE];
  const objects: number[] = [];
  for (let i = 0; i < 3; i++) objects.push(k.kmem_cache_alloc(cache, GFP_ATOMIC));
  for (const object of objects) k.write32(object, 9);
  for (const object of objects) giveObject(k, cache, object, 9);
}

const interrupted = kernelPart(
  scenario({
    name: 'kernel: an interrupt handler uses the objects of the CPU that it interrupts',
    machine: oneZone(1),
    // To the explorer interrupts come wherever they are enabled: of a debugged cache all objects go the long ways, where they
    // are not. The short ways rely on polls.
    setup: (k) => {
      k.i32[CACHE] = makeSmallCache(k, 2, 1, SLAB_RED_ZONE);
    },
    threads: [threeObjects],
    interrupts: [{ cpu: 0, handler: objectsInHandler }],
    final: finallyInOrder,
  }),
  {
    'an array is refilled with interrupts on': {
      kinds: [...NOT_GUARDED, 'deadlock'],
      patches: [
        { file: REFILL, find: 'fill(k, cache, array);', replace: `${INTERRUPTS_ON} fill(k, cache, array);` },
      ],
    },
    'an array is flushed with interrupts on': {
      kinds: [...NOT_GUARDED, 'deadlock'],
      patches: [
        {
          file: FLUSH,
          find: 'let batch = i32[array + BATCH];',
          replace: `let batch = i32[array + BATCH]; ${INTERRUPTS_ON}`,
        },
      ],
    },
  },
);

/** CPU 1 gets two objects of node 0; its array for that node holds one. */
function passObjects(k: Kernel): void {
  const cache = makeSmallCache(k, 1, 0);
  k.i32[CACHE] = cache;
  for (let i = 0; i < 2; i++) k.f64[PASSED + i] = takeObject(k, cache, 7);
}

function freePassed(k: Kernel): void {
  for (let i = 0; i < 2; i++) giveObject(k, k.i32[CACHE], k.f64[PASSED + i], 7);
}

const aliens = kernelPart(
  scenario({
    name: 'kernel: objects come back to the node that they are of while that uses others',
    machine: twoNodes(),
    setup: passObjects,
    threads: [threeObjects, freePassed],
    final: finallyInOrder,
  }),
  {
    'objects of another node go into the own array': {
      kinds: NOT_GUARDED,
      patches: [{ file: 'kernel/slab/free', find: 'if (node === k.node) {', replace: 'if (true) {' }],
    },
    'the array for a node is drained without the list_lock of that node': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: FLUSH,
          find: 'free_block(k, cache, alien + ENTRY, i32[alien + AVAIL], list);',
          replace:
            'spin_unlock(k, list + LOCK); free_block(k, cache, alien + ENTRY, i32[alien + AVAIL], list); spin_lock(k, list + LOCK);',
        },
      ],
    },
    'the lock of the own node is taken for the objects of another': {
      kinds: [...NOT_GUARDED, 'unlock-not-owner'],
      patches: [
        {
          file: FLUSH,
          find: 'if (i32[alien + AVAIL] === 0)',
          replace: 'node = k.node; if (i32[alien + AVAIL] === 0)',
        },
      ],
    },
  },
);

/** Time for the reaper to look at everything. */
function reapNow(k: Kernel): void {
  const cache = k.i32[CACHE];
  for (let node = 0; node < k.i32[KERNEL.nr_nodes]; node++) {
    k.i32[nodeList(k, cache, node) + KMEM_LIST3.at.next_reap] = -1;
  }
}

/** A cache with objects in the arrays of both CPUs, in what they share, and in an empty slab. */
function usedCache(k: Kernel): void {
  smallCache(k);
  threeObjects(k);
  threeObjects(k.as(1));
  reapNow(k);
}

function reap(k: Kernel): void {
  cache_reap(k);
  cache_reap(k);
}

const reaping = kernelPart(
  scenario({
    name: 'kernel: the reaper takes back objects and slabs while a CPU uses others',
    machine: oneZone(2),
    setup: usedCache,
    threads: [reap, threeObjects],
    final: finallyInOrder,
  }),
  {
    'what CPUs share is reaped without list_lock': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: DRAIN,
          find: 'const count = portion(i32[array + AVAIL], i32[array + LIMIT]);',
          replace:
            'spin_unlock(k, list + LOCK); const count = portion(i32[array + AVAIL], i32[array + LIMIT]); spin_lock(k, list + LOCK);',
        },
      ],
    },
    'the reaper takes from the array of another CPU': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: DRAIN,
          find: 'isShared ? i32[list + SHARED] : ownArray(k, cache)',
          replace: 'isShared ? i32[list + SHARED] : ownArray(k.as(1), cache)',
        },
      ],
    },
  },
);

/** Three slabs of which no object is out. */
function emptySlabs(k: Kernel): void {
  usedCache(k);
  const cache = k.i32[CACHE];
  drain_cpu_caches(k, cache);
  k.i32[nodeList(k, cache, 0) + KMEM_LIST3.at.free_touched] = 0;
}

const emptied = kernelPart(
  scenario({
    name: 'kernel: the reaper frees empty slabs while a CPU takes objects from them',
    machine: oneZone(2),
    setup: emptySlabs,
    threads: [(k) => cache_reap(k), threeObjects],
    final: finallyInOrder,
  }),
  {
    'an empty slab is taken without list_lock': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: DRAIN,
          find: 'list_del(i32, slab);',
          replace:
            'spin_unlock_irqrestore(k, list + LOCK, flags); list_del(i32, slab); spin_lock_irqsave(k, list + LOCK);',
        },
      ],
    },
    'the objects of a freed slab count as free': {
      kinds: ['assertion'],
      patches: [
        { file: DRAIN, find: 'i32[list + FREE_OBJECTS] -= i32[cache + KMEM_CACHE.at.num];', replace: '' },
      ],
    },
  },
);

/** CPU 0 has an object. */
function objectOfOther(k: Kernel): void {
  smallCache(k);
  k.f64[PASSED] = takeObject(k, k.i32[CACHE], 7);
}

/** Frees the last object, and says so. */
function freeLast(k: Kernel): void {
  giveObject(k, k.i32[CACHE], k.f64[PASSED], 7);
  Atomics.store(k.i32, READY, 1);
}

function destroyWhenFree(k: Kernel): void {
  while (Atomics.load(k.i32, READY) === 0) k.cpu_relax(READY);
  expectValue('what kmem_cache_destroy returns', k.kmem_cache_destroy(k.i32[CACHE]), 0);
  const other = k.kmem_cache_create('another', 1360, 0, 0);
  const object = k.kmem_cache_alloc(other, GFP_KERNEL);
  k.write32(object, 1);
}

const destroying = kernelPart(
  scenario({
    name: 'kernel: a cache is destroyed when its last object has come back on another CPU',
    machine: oneZone(2),
    setup: objectOfOther,
    // Who frees comes first: alone, nobody has to wait.
    threads: [freeLast, destroyWhenFree],
  }),
  {
    'the arrays of other CPUs are not emptied': {
      kinds: ['assertion'],
      patches: [
        { file: DRAIN, find: 'on_each_cpu(k, SYM_DO_DRAIN, cache, true);', replace: 'do_drain(k, cache);' },
      ],
    },
    'nobody waits until the arrays of other CPUs are empty': {
      kinds: [...NOT_GUARDED],
      patches: [
        {
          file: DRAIN,
          find: 'on_each_cpu(k, SYM_DO_DRAIN, cache, true);',
          replace: 'on_each_cpu(k, SYM_DO_DRAIN, cache, false);',
        },
      ],
    },
  },
);

const chain = kernelPart(
  scenario({
    name: 'kernel: a cache is destroyed while the reaper looks at all caches',
    machine: oneZone(2),
    setup: usedCache,
    threads: [
      (k) => {
        expectValue('what kmem_cache_destroy returns', k.kmem_cache_destroy(k.i32[CACHE]), 0);
      },
      (k) => {
        cache_reap(k);
      },
    ],
  }),
  {
    'the reaper does not keep caches in the chain': {
      kinds: NOT_GUARDED,
      patches: [
        { file: REAP, find: 'if (spin_trylock(k, KERNEL.cache_chain_lock)) {', replace: 'if (true) {' },
        { file: REAP, find: 'spin_unlock(k, KERNEL.cache_chain_lock);', replace: '' },
      ],
    },
    'a cache leaves the chain while the reaper is at it': {
      kinds: NOT_GUARDED,
      patches: [
        {
          file: 'kernel/slab/cache-chain',
          find: 'list_del(k.i32, cache + NEXT);',
          replace:
            'spin_unlock_irqrestore(k, KERNEL.cache_chain_lock, flags); list_del(k.i32, cache + NEXT); spin_lock_irqsave(k, KERNEL.cache_chain_lock);',
        },
      ],
    },
  },
);

export const SLAB_PARTS: readonly KernelPart[] = [
  arrays,
  interrupted,
  aliens,
  reaping,
  emptied,
  destroying,
  chain,
];
