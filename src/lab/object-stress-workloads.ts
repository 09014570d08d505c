import { KERNEL } from '../kernel/core/kernel-data.js';
import { __GFP_NOWARN, GFP_ATOMIC, GFP_DMA, GFP_KERNEL, GFP_NOFS, GFP_NOWAIT } from '../kernel/mm/gfp.js';
import { SLAB_HWCACHE_ALIGN, SLAB_RECLAIM_ACCOUNT } from '../kernel/slab/slab-flags.js';
import {
  checkObjectCanary,
  construct,
  isCleared,
  isConstructed,
  writeObjectCanary,
} from './object-stress-canary.js';
import { CACHES, constructOrDestroy, KMALLOC, MAX_RESERVE, POOLS } from './object-stress-kinds.js';
import type { ObjectWorkload } from './object-stress-result.js';
import type { ObjectWorker } from './object-stress-worker.js';

/** The workloads of a stress run of objects: each is made for a task and gives a function that does one operation. */
type Step = () => void;

/** Requests that fail are part of the game, so they are made without the message in the log. */
const QUIET = __GFP_NOWARN;
const MASKS = [GFP_KERNEL, GFP_KERNEL, GFP_ATOMIC, GFP_NOWAIT, GFP_NOFS] as const;

const SHRINK_ONCE_IN = 800;
const CACHE_ONCE_IN = 400;
const RESIZE_ONCE_IN = 100;
const YIELD_ONCE_IN = 200;

/** Objects of a cache of a task's own, at most. */
const OWN_OBJECTS = 60;

/** A workload for one task. */
export function objectStep(workload: ObjectWorkload, worker: ObjectWorker): Step {
  switch (workload) {
    case 'kmalloc':
      return kmallocStep(worker);
    case 'slab':
      return slabStep(worker);
    case 'mempool':
      return mempoolStep(worker);
  }
}

/** What all do with the objects that they hold: whether this operation was such a thing. */
function passOn(w: ObjectWorker): boolean {
  const { random } = w;
  if (random.oneIn(YIELD_ONCE_IN)) w.k.yield();
  if (random.oneIn(4) && w.receive()) return true;
  if (w.isFull || random.oneIn(3)) {
    w.freeAny();
    return true;
  }
  if (random.oneIn(6)) {
    w.sendAny();
    return true;
  }
  return false;
}

/** Frees some objects after a failure, so that others have a chance. */
function giveUpSome(w: ObjectWorker): void {
  for (let i = w.random.below(16); i > 0; i--) w.freeAny();
}

function expectCleared(w: ObjectWorker, base: number, bytes: number): void {
  if (!isCleared(w.k.i32, base, bytes >>> 2)) w.fail('an object that should be cleared is not');
}

function anyMask(w: ObjectWorker): number {
  return MASKS[w.random.below(MASKS.length)] | QUIET;
}

// kmalloc

function anySize(w: ObjectWorker): number {
  const { random, k } = w;
  const limit = random.oneIn(40) ? k.i32[KERNEL.kmalloc_max] : random.oneIn(4) ? 4096 : 512;
  return 1 + random.below(limit);
}

function kmallocStep(w: ObjectWorker): Step {
  const { k, random } = w;
  return () => {
    if (passOn(w)) return;
    const bytes = anySize(w);
    const gfp = anyMask(w) | (random.oneIn(25) ? GFP_DMA : 0);
    const holds = (_base: number, element: number): void => {
      if (k.ksize(element) < bytes) w.fail(`kmalloc(${bytes}) gave ${k.ksize(element)} bytes`);
    };
    let got = true;
    switch (random.below(6)) {
      case 0:
        got = w.allocate(
          KMALLOC,
          bytes,
          () => k.kzalloc(bytes, gfp),
          (base) => expectCleared(w, base, bytes),
        );
        break;
      case 1: {
        const node = random.below(w.plan.nodes);
        got = w.allocate(KMALLOC, bytes, () => k.kmalloc_node(bytes, gfp, node), holds);
        break;
      }
      case 2:
        w.exchangeAny(bytes, (element) => k.krealloc(element, bytes, gfp));
        break;
      default:
        got = w.allocate(KMALLOC, bytes, () => k.kmalloc(bytes, gfp), holds);
    }
    if (!got) giveUpSome(w);
  };
}

// Caches

function slabStep(w: ObjectWorker): Step {
  const { k, random, control, plan } = w;
  let caches = 0;
  return () => {
    // Whoever dies while it makes or shrinks a cache has cache_chain_mutex for ever.
    if (!plan.kills && random.oneIn(SHRINK_ONCE_IN)) {
      k.kmem_cache_shrink(control.handle(random.below(CACHES.length)));
      w.count('shrinks');
      return;
    }
    if (!plan.kills && random.oneIn(CACHE_ONCE_IN)) {
      ownCache(w, ++caches);
      return;
    }
    if (passOn(w)) return;
    const number = random.below(CACHES.length);
    const { bytes, constructed } = CACHES[number];
    const cache = control.handle(number);
    const gfp = anyMask(w);
    let got: boolean;
    if (!constructed && random.oneIn(4)) {
      got = w.allocate(
        number,
        bytes,
        () => k.kmem_cache_zalloc(cache, gfp),
        (base) => expectCleared(w, base, bytes),
      );
    } else {
      const node = random.oneIn(5) ? random.below(plan.nodes) : -1;
      const check = (base: number): void => {
        if (constructed && !isConstructed(k.i32, base, bytes >>> 2))
          w.fail(`canary broken: an object of stress-${bytes} is not as it was constructed`);
      };
      got = w.allocate(number, bytes, () => k.kmem_cache_alloc_node(cache, gfp, node), check);
    }
    if (!got) giveUpSome(w);
  };
}

/** A cache that comes, is used and goes: nothing of it may be left. */
function ownCache(w: ObjectWorker, serial: number): void {
  const { k, random } = w;
  const bytes = 8 + random.below(random.oneIn(4) ? 9000 : 500);
  const words = bytes >>> 2;
  const flags = (random.oneIn(3) ? SLAB_HWCACHE_ALIGN : 0) | (random.oneIn(3) ? SLAB_RECLAIM_ACCOUNT : 0);
  const ctor = random.oneIn(2) ? k.module_symbol(MODULE, constructOrDestroy.name) : 0;
  const cache = k.kmem_cache_create(`stress-own-${w.number}-${serial}`, bytes, 0, flags, ctor, ctor);
  if (cache === 0) {
    w.count('failed');
    giveUpSome(w);
    return;
  }
  w.count('created');
  const objects: { address: number; tag: number }[] = [];
  for (let i = random.below(OWN_OBJECTS); i > 0; i--) {
    const address = k.kmem_cache_alloc(cache, anyMask(w));
    if (address === 0) break;
    const tag = w.control.nextTag(w.number);
    writeObjectCanary(k.i32, k.wordAt(address), words, tag);
    objects.push({ address, tag });
  }
  if (random.oneIn(4)) k.kmem_cache_shrink(cache);
  for (const { address, tag } of objects) {
    const base = k.wordAt(address);
    const wrong = checkObjectCanary(k.i32, base, words, tag);
    if (wrong !== undefined) w.fail(`canary broken: ${wrong}`);
    if (ctor !== 0) construct(k.i32, base, words);
    k.kmem_cache_free(cache, address);
  }
  if (k.kmem_cache_destroy(cache) !== 0) w.fail(`kmem_cache_destroy of a cache of which nothing is out`);
  w.count('destroyed');
}

const MODULE = new URL('./object-stress-kinds.js', import.meta.url).href;

// Memory pools

/** A task has at most one element while it waits for one: else all could wait for one another. */
function mempoolStep(w: ObjectWorker): Step {
  const { k, random, control } = w;
  return () => {
    const number = random.below(POOLS.length);
    const pool = control.handle(number);
    const { bytes, min } = POOLS[number];
    if (random.oneIn(RESIZE_ONCE_IN)) {
      k.mempool_resize(pool, min + random.below(MAX_RESERVE), GFP_KERNEL | QUIET);
      w.count('resizes');
      return;
    }
    if (random.oneIn(3)) {
      // Without waiting, whatever it has.
      w.allocate(number, bytes, () => k.mempool_alloc(pool, GFP_ATOMIC));
      if (w.held > 4) w.freeAll();
      return;
    }
    w.freeAll();
    w.count('waits');
    if (!w.allocate(number, bytes, () => k.mempool_alloc(pool, GFP_KERNEL)))
      w.fail('mempool_alloc gave NULL');
    if (random.oneIn(8)) k.msleep(1);
    else if (random.oneIn(2)) k.yield();
  };
}
