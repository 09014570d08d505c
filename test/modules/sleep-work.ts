import { PAGE_SIZE } from '../../src/arch/page.js';
import { TIMER_LIST } from '../../src/kernel/core/interrupt-data.js';
import { COMPLETION } from '../../src/kernel/sched/completion.js';
import { MUTEX } from '../../src/kernel/sched/mutex.js';
import { SEMAPHORE } from '../../src/kernel/sched/semaphore.js';
import { WAIT_QUEUE_HEAD } from '../../src/kernel/sched/wait-line.js';
import { __GFP_ZERO, GFP_KERNEL } from '../../src/kernel/mm/gfp.js';
import { phys_to_word } from '../../src/kernel/mm/phys.js';
import type { Kernel } from '../../src/kernel/kernel.js';

/** Functions that tests of sleeping run on CPUs and as tasks. They share a page: the words in it, by what they are. */
export interface Shared {
  readonly queue: number;
  readonly completion: number;
  readonly mutex: number;
  readonly semaphore: number;
  readonly timer: number;
  /** Counted without any lock of its own. */
  readonly count: number;
  /** 1 when it may go on. */
  readonly ready: number;
}

export function init(k: Kernel): Shared {
  let next = phys_to_word(k, k.alloc_page(GFP_KERNEL | __GFP_ZERO) * PAGE_SIZE);
  const take = (words: number): number => (next += words + (words & 1)) - words - (words & 1);
  const shared: Shared = {
    queue: take(WAIT_QUEUE_HEAD.words),
    completion: take(COMPLETION.words),
    mutex: take(MUTEX.words),
    semaphore: take(SEMAPHORE.words),
    timer: take(TIMER_LIST.words),
    count: take(1),
    ready: take(1),
  };
  k.init_waitqueue_head(shared.queue);
  k.init_completion(shared.completion);
  k.mutex_init(shared.mutex);
  k.init_MUTEX(shared.semaphore);
  return shared;
}

const symbol = (k: Kernel, name: string): number => k.module_symbol(import.meta.url, name);

/** How long it sleeps, in jiffies: as asked for, and as it was. */
export function sleep(k: Kernel, milliseconds: number): [asked: number, slept: number] {
  const start = k.jiffies();
  k.msleep(milliseconds);
  return [k.msecs_to_jiffies(milliseconds), k.jiffies() - start];
}

export function sleepInterruptibly(k: Kernel, milliseconds: number): number {
  return k.msleep_interruptible(milliseconds);
}

/** Counts under the mutex, and gives up the CPU in the middle of some of the updates. */
export function countUnderMutex(k: Kernel, { shared, rounds }: { shared: Shared; rounds: number }): void {
  for (let i = 0; i < rounds; i++) {
    k.mutex_lock(shared.mutex);
    update(k, shared, i);
    k.mutex_unlock(shared.mutex);
  }
}

export function countUnderSemaphore(k: Kernel, { shared, rounds }: { shared: Shared; rounds: number }): void {
  for (let i = 0; i < rounds; i++) {
    k.down(shared.semaphore);
    update(k, shared, i);
    k.up(shared.semaphore);
  }
}

function update(k: Kernel, shared: Shared, round: number): void {
  const before = k.i32[shared.count];
  if (round % 16 === 0) k.yield();
  k.i32[shared.count] = before + 1;
}

export function countOf(k: Kernel, shared: Shared): number {
  return k.i32[shared.count];
}

/** Takes the number that the other side has put there, and puts one there, so many times. */
export function playTurns(
  k: Kernel,
  { shared, player, rounds }: { shared: Shared; player: number; rounds: number },
): void {
  for (let i = 0; i < rounds; i++) {
    k.wait_event(shared.queue, () => Atomics.load(k.i32, shared.count) % 2 === player);
    Atomics.add(k.i32, shared.count, 1);
    k.wake_up(shared.queue);
  }
}

export function waitForReady(k: Kernel, shared: Shared): number {
  return k.wait_event_interruptible(shared.queue, () => Atomics.load(k.i32, shared.ready) !== 0);
}

export function waitForReadyUntil(
  k: Kernel,
  { shared, jiffies }: { shared: Shared; jiffies: number },
): number {
  return k.wait_event_timeout(shared.queue, () => Atomics.load(k.i32, shared.ready) !== 0, jiffies);
}

export function makeReady(k: Kernel, shared: Shared): void {
  Atomics.store(k.i32, shared.ready, 1);
  k.wake_up_all(shared.queue);
}

export function waitForCompletion(k: Kernel, shared: Shared): number {
  k.wait_for_completion(shared.completion);
  return k.cpu;
}

export function waitForCompletionUntil(
  k: Kernel,
  { shared, jiffies }: { shared: Shared; jiffies: number },
): number {
  return k.wait_for_completion_timeout(shared.completion, jiffies);
}

/** The function of a timer. */
export function completeIt(k: Kernel, completion: number): void {
  k.complete(completion);
}

export function completeByTimer(k: Kernel, shared: Shared): void {
  k.setup_timer(shared.timer, symbol(k, 'completeIt'), shared.completion);
  k.mod_timer(shared.timer, k.jiffies() + 2);
}

/** The handler of an interrupt, whose device is the semaphore. */
export function upIt(k: Kernel, semaphore: number): number {
  k.up(semaphore);
  return 1;
}

export function upByInterrupt(k: Kernel, { shared, line }: { shared: Shared; line: number }): number {
  return k.request_irq(line, symbol(k, 'upIt'), 0, 'up', shared.semaphore);
}

export function lock(k: Kernel, shared: Shared): void {
  k.mutex_lock(shared.mutex);
}

export function unlock(k: Kernel, shared: Shared): void {
  k.mutex_unlock(shared.mutex);
}

export function lockInterruptibly(k: Kernel, shared: Shared): number {
  return k.mutex_lock_interruptible(shared.mutex);
}

export function down(k: Kernel, shared: Shared): void {
  k.down(shared.semaphore);
}

export function downInterruptibly(k: Kernel, shared: Shared): number {
  return k.down_interruptible(shared.semaphore);
}

export function downUntil(k: Kernel, { shared, jiffies }: { shared: Shared; jiffies: number }): number {
  return k.down_timeout(shared.semaphore, jiffies);
}

export function up(k: Kernel, shared: Shared): void {
  k.up(shared.semaphore);
}

/** Holds the mutex until it is told to go on, then ends with it, by an exception. */
export function dieWithMutex(k: Kernel, shared: Shared): void {
  k.mutex_lock(shared.mutex);
  k.wait_event(shared.queue, () => Atomics.load(k.i32, shared.ready) !== 0);
  throw new Error('in the middle');
}

/** Ends in line. */
export function endInLine(k: Kernel, shared: Shared): void {
  k.prepare_to_wait(shared.queue, k.DEFINE_WAIT(), 1);
}
