import type { Cpu } from '../core/cpu.js';
import { DEBUG_SLEEP } from '../core/kernel-data.js';
import { TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE } from '../core/task-struct.js';
import { might_sleep } from '../cpu/might-sleep.js';
import { ownsCpu } from '../cpu/ownership.js';
import { ERESTARTSYS } from './signal.js';
import { MAX_SCHEDULE_TIMEOUT, schedule_timeout } from './timeout.js';
import { interrupted } from './wait-line.js';
import {
  abort_exclusive_wait,
  DEFINE_WAIT,
  finish_wait,
  prepare_to_wait,
  prepare_to_wait_exclusive,
} from './wait-queue.js';

/**
 * Waiting until a condition holds. Who makes it true wakes the queue afterwards. The condition is looked at many times, by the
 * waiting task itself: it changes nothing, does not sleep, and reads what others change with Atomics or under a lock that
 * it takes.
 *
 * All of these sleep: process context, no lock held. If the condition throws, the wait is over.
 */
export type WaitCondition = () => boolean;

/** Sleeps until the condition holds, whatever signals come. */
export function wait_event(k: Cpu, q: number, condition: WaitCondition): void {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  if (!condition()) sleepUntil(k, q, condition, TASK_UNINTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT, false);
}

/**
 * Sleeps until the condition holds or so many jiffies are over, whatever signals come.
 *
 * @returns 0 when the time is over and the condition does not hold; else the jiffies that are left, at least 1
 */
export function wait_event_timeout(k: Cpu, q: number, condition: WaitCondition, timeout: number): number {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  if (condition()) return Math.max(timeout, 1);
  return sleepUntil(k, q, condition, TASK_UNINTERRUPTIBLE, timeout, false);
}

/**
 * Sleeps until the condition holds or a signal comes.
 *
 * @returns 0, or -ERESTARTSYS when there is a signal and the condition does not hold
 */
export function wait_event_interruptible(k: Cpu, q: number, condition: WaitCondition): number {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  if (condition()) return 0;
  return Math.min(0, sleepUntil(k, q, condition, TASK_INTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT, false));
}

/**
 * Sleeps until the condition holds, a signal comes, or so many jiffies are over.
 *
 * @returns as {@link wait_event_timeout}; -ERESTARTSYS when there is a signal and the condition does not hold
 */
export function wait_event_interruptible_timeout(
  k: Cpu,
  q: number,
  condition: WaitCondition,
  timeout: number,
): number {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  if (condition()) return Math.max(timeout, 1);
  return sleepUntil(k, q, condition, TASK_INTERRUPTIBLE, timeout, false);
}

/** {@link wait_event_interruptible} of a task that is woken when its turn comes, not with all others. */
export function wait_event_interruptible_exclusive(k: Cpu, q: number, condition: WaitCondition): number {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  if (condition()) return 0;
  return Math.min(0, sleepUntil(k, q, condition, TASK_INTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT, true));
}

/** @returns the jiffies that are left, at least 1; 0 or -ERESTARTSYS when the condition does not hold */
function sleepUntil(
  k: Cpu,
  q: number,
  condition: WaitCondition,
  state: number,
  timeout: number,
  exclusive: boolean,
): number {
  const wait = DEFINE_WAIT(k);
  let left = timeout;
  for (;;) {
    if (exclusive) prepare_to_wait_exclusive(k, q, wait, state);
    else prepare_to_wait(k, q, wait, state);
    if (holds(k, q, wait, condition)) break;
    const ended = interrupted(k, state) ? -ERESTARTSYS : 0;
    if (ended !== 0 || left <= 0) {
      abort_exclusive_wait(k, q, wait);
      return ended;
    }
    left = schedule_timeout(k, left);
  }
  finish_wait(k, q, wait);
  return Math.max(left, 1);
}

function holds(k: Cpu, q: number, wait: number, condition: WaitCondition): boolean {
  try {
    return condition();
  } catch (error) {
    // When the machine stops, the thread may be no CPU any more.
    if (ownsCpu(k)) abort_exclusive_wait(k, q, wait);
    throw error;
  }
}
