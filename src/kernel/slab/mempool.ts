import { BUG, BUG_ON } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { describeValue } from '../core/describe-value.js';
import { DEBUG_SLEEP, KERNEL } from '../core/kernel-data.js';
import { TASK_UNINTERRUPTIBLE } from '../core/task-struct.js';
import { HZ } from '../cpu/jiffies.js';
import { might_sleep } from '../cpu/might-sleep.js';
import { checkSymbol } from '../cpu/module-symbols.js';
import { ownsCpu } from '../cpu/ownership.js';
import { wordAt } from '../mm/access.js';
import {
  __GFP_IO,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_WAIT,
  GFP_KERNEL,
  type gfp_t,
} from '../mm/gfp.js';
import { schedule_timeout } from '../sched/timeout.js';
import {
  abort_exclusive_wait,
  DEFINE_WAIT,
  finish_wait,
  init_waitqueue_head,
  prepare_to_wait_exclusive,
  waitqueue_active,
  wake_up,
} from '../sched/wait-queue.js';
import { spin_lock_init, spin_lock_irqsave, spin_unlock_irqrestore } from '../sync/spinlock.js';
import { kfree } from './free.js';
import { kmalloc_node } from './kmalloc.js';
import { chainPool, doubleAt, MEMPOOL, MEMPOOL_MAGIC, poolData, unchainPool } from './mempool-chain.js';
import { slotAddress, wordSlot } from './slot.js';

/** A memory pool: a word index of the image. 0 is NULL. */
export type mempool_t = number;

/**
 * Memory pools (facts file, section 5): a reserve of elements for those who must get one even when there is no memory. As long
 * as there is memory, elements come from there. If there is none, the reserve is used, and when that is empty, too, whoever
 * may sleep waits until somebody gives an element back. So all get on in turn as long as each gives back what it has without
 * asking for a second one.
 *
 * An element is any number but 0 that the pool's own function returns; a pool (`mempool_t *`) is a word index of the image.
 */

const {
  magic: MAGIC,
  alloc: ALLOC,
  free: FREE,
  elements: ELEMENTS,
  min_nr: MIN_NR,
  curr_nr: CURR_NR,
  pool_data: POOL_DATA,
  lock: LOCK,
  wait: WAIT,
} = MEMPOOL.at;

const ENOMEM = 12;

/** The reserves of the page allocator stay untouched, nobody tries hard, and nobody complains: there is the pool. */
const FOR_POOL = __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;

/** Seconds that a task sleeps at most before it looks again whether there is memory elsewhere. */
const WAIT_SECONDS = 5;

/**
 * Makes a pool and fills its reserve. May sleep; process context.
 *
 * @param min_nr elements of the reserve, 0 or more
 * @param alloc_fn symbol number of `(k, gfp, pool_data) => element`, which returns 0 (NULL) without memory
 * @param free_fn symbol number of `(k, element, pool_data)`
 * @param pool_data what both get: any number
 * @returns word index of the pool; 0 (NULL) when there was no memory for all of it: then all is freed again
 */
export function mempool_create(
  k: Cpu,
  min_nr: number,
  alloc_fn: number,
  free_fn: number,
  pool_data: number,
): number {
  return mempool_create_node(k, min_nr, alloc_fn, free_fn, pool_data, -1);
}

/** {@link mempool_create} with the pool itself preferably in memory of a node; below 0: this CPU's. */
export function mempool_create_node(
  k: Cpu,
  min_nr: number,
  alloc_fn: number,
  free_fn: number,
  pool_data: number,
  nid: number,
): number {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  if (!(Number.isInteger(min_nr) && min_nr >= 0))
    BUG(k, `mempool_create: min_nr ${describeValue(min_nr)}: must be an integer, 0 or more`);
  if (typeof pool_data !== 'number')
    BUG(k, `mempool_create: pool_data ${describeValue(pool_data)}: must be a number`);
  checkSymbol(k, alloc_fn);
  checkSymbol(k, free_fn);
  const pool = kmallocPart(k, MEMPOOL.words, GFP_KERNEL, nid);
  if (pool === 0) return 0;
  const elements = kmallocPart(k, reserveWords(k, min_nr), GFP_KERNEL, nid);
  if (elements === 0) {
    kfreePart(k, pool);
    return 0;
  }
  const { i32, f64 } = k;
  i32.fill(0, pool, pool + MEMPOOL.words);
  i32[pool + MAGIC] = MEMPOOL_MAGIC;
  i32[pool + ALLOC] = alloc_fn;
  i32[pool + FREE] = free_fn;
  i32[pool + ELEMENTS] = elements;
  i32[pool + MIN_NR] = min_nr;
  f64[doubleAt(pool + POOL_DATA)] = pool_data;
  spin_lock_init(k, pool + LOCK, i32[KERNEL.mempool_class]);
  init_waitqueue_head(k, pool + WAIT);
  if (!fill(k, pool, GFP_KERNEL)) {
    end(k, pool);
    return 0;
  }
  chainPool(k, pool);
  return pool;
}

/** Words for the elements of a reserve. */
function reserveWords(k: Cpu, elements: number): number {
  // On 64-bit machines memory of kmalloc begins at an even word always.
  return 2 * elements + (k.space.bits === 32 ? 1 : 0);
}

/** So many words of kmalloc'ed memory; word index, 0 without memory. */
function kmallocPart(k: Cpu, words: number, gfp: gfp_t, nid: number): number {
  const address = kmalloc_node(k, Math.max(words, 1) * 4, gfp, nid);
  return address === 0 ? 0 : wordAt(k, address);
}

function kfreePart(k: Cpu, word: number): void {
  kfree(k, slotAddress(k, wordSlot(k, word)));
}

/** Ends a pool that nobody else knows: frees its reserve, and itself. */
function end(k: Cpu, pool: number): void {
  for (let element = takeReserved(k, pool); element !== 0; element = takeReserved(k, pool))
    freeElement(k, pool, element);
  k.i32[pool + MAGIC] = 0;
  kfreePart(k, k.i32[pool + ELEMENTS]);
  kfreePart(k, pool);
}

/**
 * Ends a pool. All elements are back, and nobody uses it any more. Any context that its free function may be called in.
 *
 * @throws KernelBug when elements are out, or the reserve has not been refilled, or tasks wait: the pool is as it was
 */
export function mempool_destroy(k: Cpu, pool: number): void {
  checkPool(k, pool, 'mempool_destroy');
  const { i32 } = k;
  const flags = spin_lock_irqsave(k, pool + LOCK);
  const current = i32[pool + CURR_NR];
  const wanted = i32[pool + MIN_NR];
  spin_unlock_irqrestore(k, pool + LOCK, flags);
  BUG_ON(k, current !== wanted, `mempool_destroy: the reserve has ${current} of ${wanted} elements`);
  BUG_ON(k, waitqueue_active(k, pool + WAIT), 'mempool_destroy: tasks wait for elements');
  unchainPool(k, pool);
  end(k, pool);
}

/**
 * An element.
 *
 * At first it is tried to get one without waiting, and without the reserves of the page allocator; then the reserve is looked
 * at. Who may sleep tries once more as its mask says, as kernels after 2.6.24 do, and then sleeps, whatever signals come, until
 * an element is given back; at the latest after five seconds it tries again.
 *
 * @param gfp with `__GFP_WAIT` the answer is never NULL: process context. Else any that the allocation function may be called in
 * @returns 0 (NULL) when there is none, and the mask does not permit waiting
 */
export function mempool_alloc(k: Cpu, pool: number, gfp: gfp_t): number {
  checkPool(k, pool, 'mempool_alloc');
  const mayWait = (gfp & __GFP_WAIT) !== 0;
  if (mayWait && (k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  const mask = gfp | FOR_POOL;
  const element = takeAny(k, pool, mask & ~(__GFP_WAIT | __GFP_IO));
  if (element !== 0 || !mayWait) return element;
  const second = takeAny(k, pool, mask);
  return second !== 0 ? second : waitForElement(k, pool, mask);
}

/** An element from where there is memory, or from the reserve; or 0. */
function takeAny(k: Cpu, pool: number, mask: gfp_t): number {
  const element = allocElement(k, pool, mask);
  return element !== 0 ? element : takeReserved(k, pool);
}

/**
 * The task stays in line until it has an element: so if it dies, its turn goes to the next one. It is in line, and has said that
 * it sleeps, before it looks at the reserve: who fills that afterwards finds it there.
 */
function waitForElement(k: Cpu, pool: number, mask: gfp_t): number {
  const queue = pool + WAIT;
  const wait = DEFINE_WAIT(k);
  for (;;) {
    prepare_to_wait_exclusive(k, queue, wait, TASK_UNINTERRUPTIBLE);
    const reserved = takeReserved(k, pool);
    if (reserved !== 0) {
      finish_wait(k, queue, wait);
      return reserved;
    }
    schedule_timeout(k, WAIT_SECONDS * HZ(k));
    const element = allocInLine(k, pool, mask, wait);
    if (element !== 0) {
      // What it was woken for is there for the next one.
      abort_exclusive_wait(k, queue, wait);
      return element;
    }
  }
}

/** If the function throws, the wait is over. */
function allocInLine(k: Cpu, pool: number, mask: gfp_t, wait: number): number {
  try {
    return allocElement(k, pool, mask);
  } catch (error) {
    // When the machine stops, the thread may be no CPU any more.
    if (ownsCpu(k)) abort_exclusive_wait(k, pool + WAIT, wait);
    throw error;
  }
}

/**
 * Gives an element back: into the reserve if that is not full, where it wakes one who waits; else to where there is memory.
 * Any context that the pool's free function may be called in.
 *
 * @param element 0 (NULL) is ignored
 * @throws KernelBug for what is no number, and what is no pool
 */
export function mempool_free(k: Cpu, element: number, pool: number): void {
  if (element === 0) return;
  checkPool(k, pool, 'mempool_free');
  if (!Number.isFinite(element)) BUG(k, `mempool_free: ${describeValue(element)} is no element`);
  if (!keep(k, pool, element)) freeElement(k, pool, element);
}

/**
 * Changes the size of the reserve. What is too much of it is freed; what is missing is allocated, and if there is no memory,
 * later frees fill the reserve. Nobody destroys the pool meanwhile. May sleep if the mask has `__GFP_WAIT`.
 *
 * @param new_min_nr 1 or more
 * @returns 0; -ENOMEM when there is no memory for a larger reserve without its elements: the pool is as it was
 * @throws KernelBug for 0 elements and less
 */
export function mempool_resize(k: Cpu, pool: number, new_min_nr: number, gfp: gfp_t): number {
  checkPool(k, pool, 'mempool_resize');
  if (!(Number.isInteger(new_min_nr) && new_min_nr > 0))
    BUG(k, `mempool_resize: new_min_nr ${describeValue(new_min_nr)}: must be an integer, 1 or more`);
  if ((gfp & __GFP_WAIT) !== 0 && (k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  if (shrink(k, pool, new_min_nr)) return 0;
  const elements = kmallocPart(k, reserveWords(k, new_min_nr), gfp, -1);
  if (elements === 0) return -ENOMEM;
  kfreePart(k, exchangeElements(k, pool, elements, new_min_nr));
  fill(k, pool, gfp);
  return 0;
}

/** Makes the reserve smaller; false when it is to be larger. At each moment it has at most as many elements as it should. */
function shrink(k: Cpu, pool: number, wanted: number): boolean {
  const { i32 } = k;
  for (;;) {
    let surplus = 0;
    const flags = spin_lock_irqsave(k, pool + LOCK);
    const isLarger = wanted > i32[pool + MIN_NR];
    if (!isLarger) {
      if (i32[pool + CURR_NR] > wanted) surplus = pop(k, pool);
      i32[pool + MIN_NR] = Math.max(wanted, i32[pool + CURR_NR]);
    }
    spin_unlock_irqrestore(k, pool + LOCK, flags);
    if (surplus === 0) return !isLarger;
    freeElement(k, pool, surplus);
  }
}

/**
 * Gives the pool a larger array for its reserve.
 *
 * @returns the array that is not needed any more: the new one, if another task was first and made the reserve as large
 */
function exchangeElements(k: Cpu, pool: number, elements: number, wanted: number): number {
  const { i32, f64 } = k;
  let old = elements;
  const flags = spin_lock_irqsave(k, pool + LOCK);
  if (wanted > i32[pool + MIN_NR]) {
    old = i32[pool + ELEMENTS];
    for (let i = 0; i < i32[pool + CURR_NR]; i++) f64[doubleAt(elements) + i] = f64[doubleAt(old) + i];
    i32[pool + ELEMENTS] = elements;
    i32[pool + MIN_NR] = wanted;
  }
  spin_unlock_irqrestore(k, pool + LOCK, flags);
  return old;
}

/** Fills the reserve; whether there was memory for that. */
function fill(k: Cpu, pool: number, gfp: gfp_t): boolean {
  while (isMissing(k, pool)) {
    const element = allocElement(k, pool, gfp);
    if (element === 0) return false;
    if (!keep(k, pool, element)) freeElement(k, pool, element);
  }
  return true;
}

function isMissing(k: Cpu, pool: number): boolean {
  const flags = spin_lock_irqsave(k, pool + LOCK);
  const missing = k.i32[pool + CURR_NR] < k.i32[pool + MIN_NR];
  spin_unlock_irqrestore(k, pool + LOCK, flags);
  return missing;
}

/** Puts an element into the reserve, and wakes one who waits for it; false if the reserve is full. */
function keep(k: Cpu, pool: number, element: number): boolean {
  const { i32, f64 } = k;
  const flags = spin_lock_irqsave(k, pool + LOCK);
  const count = i32[pool + CURR_NR];
  const fits = count < i32[pool + MIN_NR];
  if (fits) {
    f64[doubleAt(i32[pool + ELEMENTS]) + count] = element;
    i32[pool + CURR_NR] = count + 1;
  }
  spin_unlock_irqrestore(k, pool + LOCK, flags);
  if (fits) wake_up(k, pool + WAIT);
  return fits;
}

/** The element that came last into the reserve, 0 if that is empty. */
function takeReserved(k: Cpu, pool: number): number {
  const flags = spin_lock_irqsave(k, pool + LOCK);
  const element = k.i32[pool + CURR_NR] > 0 ? pop(k, pool) : 0;
  spin_unlock_irqrestore(k, pool + LOCK, flags);
  return element;
}

/** Under the pool's lock. */
function pop(k: Cpu, pool: number): number {
  const { i32 } = k;
  const count = i32[pool + CURR_NR] - 1;
  i32[pool + CURR_NR] = count;
  return k.f64[doubleAt(i32[pool + ELEMENTS]) + count];
}

function allocElement(k: Cpu, pool: number, gfp: gfp_t): number {
  return k.call(k.i32[pool + ALLOC], gfp, poolData(k, pool));
}

function freeElement(k: Cpu, pool: number, element: number): void {
  k.call(k.i32[pool + FREE], element, poolData(k, pool));
}

/** @throws KernelBug when a number is none of a pool, or of one that has been destroyed */
function checkPool(k: Cpu, pool: number, what: string): void {
  const isPool = Number.isInteger(pool) && pool > 0 && k.i32[pool + MAGIC] === MEMPOOL_MAGIC;
  if (!isPool) BUG(k, `${what}: ${describeValue(pool)} is no memory pool`);
}
