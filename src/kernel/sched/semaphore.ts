import { struct, word } from '../../image/struct.js';
import type { Cpu } from '../core/cpu.js';
import { DEBUG_SLEEP } from '../core/kernel-data.js';
import { TASK_INTERRUPTIBLE, TASK_RUNNING, TASK_UNINTERRUPTIBLE, WAIT_ENTRY } from '../core/task-struct.js';
import { current } from '../core/tasks.js';
import { might_sleep } from '../cpu/might-sleep.js';
import { set_task_state, wake_up_process } from '../cpu/wake.js';
import { spin_unlock_irqrestore } from '../sync/spinlock.js';
import { EINTR } from './signal.js';
import { MAX_SCHEDULE_TIMEOUT } from './timeout.js';
import {
  firstInLine,
  freeEntry,
  initLine,
  interrupted,
  joinLast,
  leaveLine,
  LINE_GRANTED,
  LINE_SEMAPHORE,
  lockLine,
  sleepInLine,
  takeEntry,
  taskOfEntry,
  WAIT_QUEUE_HEAD,
} from './wait-line.js';

/**
 * Counting semaphores. {@link up} hands the semaphore to the task that has waited longest: nobody can take it away from that
 * one, who goes on with it whenever it comes to run. Whoever does the `up` need not have done the `down`.
 */

/** `struct semaphore`. */
export const SEMAPHORE = struct('semaphore', {
  /** Its lock protects `count`, too. */
  wait: WAIT_QUEUE_HEAD,
  /** How many more tasks can have it; 0 while any wait. */
  count: word,
});

const COUNT = SEMAPHORE.at.count;
const FLAGS = WAIT_ENTRY.at.flags;

const ETIME = 62;

/** Makes a semaphore that `count` tasks can have at a time. */
export function sema_init(k: Cpu, sem: number, count: number): void {
  initLine(k, sem);
  k.i32[sem + COUNT] = count;
}

/** Makes a semaphore that one task can have, and none has. */
export function init_MUTEX(k: Cpu, sem: number): void {
  sema_init(k, sem, 1);
}

/** Makes a semaphore that one task can have, and has. */
export function init_MUTEX_LOCKED(k: Cpu, sem: number): void {
  sema_init(k, sem, 0);
}

/** Takes the semaphore; sleeps until it can, whatever signals come. Process context. */
export function down(k: Cpu, sem: number): void {
  take(k, sem, TASK_UNINTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT);
}

/**
 * Takes the semaphore; sleeps until it can or a signal comes. Process context.
 *
 * @returns 0; -EINTR when a signal came, and the task does not have the semaphore
 */
export function down_interruptible(k: Cpu, sem: number): number {
  return take(k, sem, TASK_INTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT);
}

/**
 * Takes the semaphore; sleeps until it can or so many jiffies are over, whatever signals come. Process context.
 *
 * @returns 0; -ETIME when the time was over, and the task does not have the semaphore
 */
export function down_timeout(k: Cpu, sem: number, timeout: number): number {
  return take(k, sem, TASK_UNINTERRUPTIBLE, timeout);
}

/**
 * Takes the semaphore if that needs no waiting. Any context.
 *
 * @returns 0 when it has it, else 1: the other way round than `mutex_trylock`
 */
export function down_trylock(k: Cpu, sem: number): number {
  const flags = lockLine(k, sem);
  const count = k.i32[sem + COUNT];
  if (count > 0) k.i32[sem + COUNT] = count - 1;
  spin_unlock_irqrestore(k, sem, flags);
  return count > 0 ? 0 : 1;
}

/** Gives the semaphore back, to the task that has waited longest if there is one. Any context. */
export function up(k: Cpu, sem: number): void {
  const flags = lockLine(k, sem);
  passOn(k, sem);
  spin_unlock_irqrestore(k, sem, flags);
}

/** {@link up} under the lock. */
export function passOn(k: Cpu, sem: number): void {
  const first = firstInLine(k, sem);
  if (first === 0) {
    k.i32[sem + COUNT]++;
    return;
  }
  leaveLine(k, first);
  k.i32[first + FLAGS] |= LINE_GRANTED;
  wake_up_process(k, taskOfEntry(k, first));
}

/** @returns 0, -EINTR or -ETIME */
function take(k: Cpu, sem: number, state: number, timeout: number): number {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  return down_trylock(k, sem) === 0 ? 0 : waitForUp(k, sem, state, timeout);
}

function waitForUp(k: Cpu, sem: number, state: number, timeout: number): number {
  const { i32 } = k;
  const wait = takeEntry(k, sem, LINE_SEMAPHORE);
  const flags = lockLine(k, sem);
  let left = timeout;
  let result = 0;
  // It may have been given back since the first look.
  if (i32[sem + COUNT] > 0) {
    i32[sem + COUNT]--;
    i32[wait + FLAGS] |= LINE_GRANTED;
  } else {
    joinLast(k, sem, wait);
  }
  while ((i32[wait + FLAGS] & LINE_GRANTED) === 0) {
    result = interrupted(k, state) ? -EINTR : left <= 0 ? -ETIME : 0;
    if (result !== 0) break;
    left = sleepInLine(k, sem, flags, state, left);
  }
  leaveLine(k, wait);
  set_task_state(k, current(k), TASK_RUNNING);
  // Given back before the lock: from then on whoever finds the task dead knows that it had the semaphore.
  freeEntry(k, wait);
  spin_unlock_irqrestore(k, sem, flags);
  return result;
}
