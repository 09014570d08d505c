import type { Cpu } from '../core/cpu.js';
import { DEBUG_SLEEP } from '../core/kernel-data.js';
import { printk } from '../core/printk.js';
import { SYM_PROCESS_TIMEOUT } from '../core/symbols.js';
import { TASK, TASK_INTERRUPTIBLE, TASK_RUNNING, TASK_UNINTERRUPTIBLE } from '../core/task-struct.js';
import { current } from '../core/tasks.js';
import { HZ, jiffies, jiffies_to_msecs, msecs_to_jiffies } from '../cpu/jiffies.js';
import { might_sleep } from '../cpu/might-sleep.js';
import { mustBeAbleToLeave, schedule } from '../cpu/schedule.js';
import { del_timer_sync, mod_timer, setup_timer } from '../cpu/timer.js';
import { set_task_state, wake_up_process } from '../cpu/wake.js';
import { signal_pending } from './signal.js';

/** Sleeps of limited length: the timer that ends one is part of the task. */

/** A timeout that never comes: no number of jiffies is larger. */
export const MAX_SCHEDULE_TIMEOUT = 2 ** 31 - 1;

const TIMER = TASK.at.timeout;

/**
 * {@link schedule}, but a task that sleeps goes on after so many jiffies by itself. The caller has set the task's state
 * before: in TASK_RUNNING it does not sleep, in TASK_INTERRUPTIBLE signals wake it. Process context, no lock held.
 *
 * @param timeout jiffies, or MAX_SCHEDULE_TIMEOUT
 * @returns what is left of them, 0 when the time is over; MAX_SCHEDULE_TIMEOUT for that
 */
export function schedule_timeout(k: Cpu, timeout: number): number {
  if (timeout >= MAX_SCHEDULE_TIMEOUT) {
    schedule(k);
    return MAX_SCHEDULE_TIMEOUT;
  }
  const task = current(k);
  if (!(timeout >= 0)) {
    printk(k, `schedule_timeout: wrong timeout value ${timeout}`);
    set_task_state(k, task, TASK_RUNNING);
    return 0;
  }
  mustBeAbleToLeave(k);
  const expires = (jiffies(k) + Math.ceil(timeout)) | 0;
  setup_timer(k, task + TIMER, SYM_PROCESS_TIMEOUT, task);
  mod_timer(k, task + TIMER, expires);
  schedule(k);
  // The timer's function may be waking the task just now: it must not end a later sleep.
  del_timer_sync(k, task + TIMER);
  return Math.max(0, (expires - jiffies(k)) | 0);
}

/** The function of a task's timer: its sleep is over. Softirq context. */
export function process_timeout(k: Cpu, task: number): void {
  wake_up_process(k, task);
}

/** {@link schedule_timeout}, asleep whatever signals come. */
export function schedule_timeout_uninterruptible(k: Cpu, timeout: number): number {
  set_task_state(k, current(k), TASK_UNINTERRUPTIBLE);
  return schedule_timeout(k, timeout);
}

/** {@link schedule_timeout}, asleep until a signal comes. */
export function schedule_timeout_interruptible(k: Cpu, timeout: number): number {
  set_task_state(k, current(k), TASK_INTERRUPTIBLE);
  return schedule_timeout(k, timeout);
}

/** Sleeps at least so many milliseconds. Process context. */
export function msleep(k: Cpu, milliseconds: number): void {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  // The jiffy in which this begins does not count: it is over soon.
  let left = msecs_to_jiffies(k, milliseconds) + 1;
  while (left > 0) left = schedule_timeout_uninterruptible(k, left);
}

/**
 * Sleeps at least so many milliseconds, or until a signal comes. Process context.
 *
 * @returns the milliseconds that are left: 0 unless there was a signal
 */
export function msleep_interruptible(k: Cpu, milliseconds: number): number {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  let left = msecs_to_jiffies(k, milliseconds) + 1;
  while (left > 0 && !signal_pending(k)) left = schedule_timeout_interruptible(k, left);
  return jiffies_to_msecs(k, left);
}

/** Sleeps at least so many seconds. Process context. */
export function ssleep(k: Cpu, seconds: number): void {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  let left = seconds * HZ(k) + 1;
  while (left > 0) left = schedule_timeout_uninterruptible(k, left);
}
