import { PAGE_SIZE } from '../../src/arch/page.js';
import { __GFP_ZERO, GFP_KERNEL } from '../../src/kernel/mm/gfp.js';
import { phys_to_word } from '../../src/kernel/mm/phys.js';
import type { Kernel } from '../../src/kernel/kernel.js';

/** Tasks that do all that tasks can do. `word` is that of a page with what they share. */

const MUTEX = 0;
const SEMAPHORE = 16;
const QUEUE = 32;
const COUNT = 48;
const HELD = 64;

export function setUp(k: Kernel): number {
  const word = phys_to_word(k, k.alloc_page(GFP_KERNEL | __GFP_ZERO) * PAGE_SIZE);
  k.mutex_init(word + MUTEX);
  k.sema_init(word + SEMAPHORE, 2);
  k.init_waitqueue_head(word + QUEUE);
  return word;
}

interface Load {
  readonly word: number;
  /** How many have begun, and not 0 when they are to end. */
  readonly shared: Int32Array;
  readonly seed: number;
}

/** Sleeps, yields, waits in line, goes from CPU to CPU and starts kernel threads, until it is told to stop. */
export function restless(k: Kernel, { word, shared, seed }: Load): number {
  Atomics.add(shared, 0, 1);
  let random = seed;
  let rounds = 0;
  for (; Atomics.load(shared, 1) === 0; rounds++) random = doSomething(k, word, random);
  return rounds;
}

/** The same, but not for long. */
export function doSomeThings(k: Kernel, { word, seed }: { word: number; seed: number }): void {
  let random = seed;
  for (let i = 0; i < 5; i++) random = doSomething(k, word, random);
}

/** @returns the next random number */
function doSomething(k: Kernel, word: number, random: number): number {
  const next = (Math.imul(random, 1103515245) + 12345) >>> 0;
  act(k, word, next >>> 8);
  return next;
}

function act(k: Kernel, word: number, random: number): void {
  const { i32 } = k;
  switch (random % 8) {
    case 0:
      k.msleep(random % 7);
      return;
    case 1:
      k.yield();
      return;
    case 2:
      k.mutex_lock(word + MUTEX);
      i32[word + COUNT]++;
      if (random % 3 === 0) k.msleep(1);
      k.mutex_unlock(word + MUTEX);
      return;
    case 3:
      k.down(word + SEMAPHORE);
      k.cond_resched();
      k.up(word + SEMAPHORE);
      return;
    case 4: {
      const seen = Atomics.load(i32, word + HELD);
      k.wait_event_interruptible_timeout(word + QUEUE, () => Atomics.load(i32, word + HELD) !== seen, 2);
      return;
    }
    case 5:
      Atomics.add(i32, word + HELD, 1);
      k.wake_up(word + QUEUE);
      return;
    case 6:
      k.set_cpus_allowed(k.current(), [random % 4, (random >>> 3) % 4]);
      return;
    default:
      if (random % 20 === 0) startThread(k);
      else for (let i = 0; i < 2000; i++) k.cond_resched();
  }
}

function startThread(k: Kernel): void {
  const task = k.kthread_run(k.module_symbol(import.meta.url, 'untilStopped'), 0, 'child');
  if (task > 0) k.kthread_stop(task);
}

export function untilStopped(k: Kernel): number {
  while (!k.kthread_should_stop()) k.msleep(1);
  return 7;
}
