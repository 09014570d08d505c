import { struct, word } from '../../image/struct.js';
import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { DEBUG_SLEEP } from '../core/kernel-data.js';
import { TASK_INTERRUPTIBLE, TASK_RUNNING, TASK_UNINTERRUPTIBLE, WAIT_ENTRY } from '../core/task-struct.js';
import { current } from '../core/tasks.js';
import { might_sleep } from '../cpu/might-sleep.js';
import { set_task_state } from '../cpu/wake.js';
import { spin_unlock_irqrestore } from '../sync/spinlock.js';
import { ERESTARTSYS } from './signal.js';
import { MAX_SCHEDULE_TIMEOUT } from './timeout.js';
import {
  ANY_SLEEP,
  freeEntry,
  initLine,
  interrupted,
  joinLast,
  leaveLine,
  LINE_COMPLETION,
  lockLine,
  sleepInLine,
  takeEntry,
  wakeLine,
  WAIT_QUEUE_HEAD,
  WQ_FLAG_EXCLUSIVE,
} from './wait-line.js';

/**
 * Completions: one task waits until another, or an interrupt, has done something. Each {@link complete} lets one waiter go
 * on, also one that comes later. Who has waited may free the completion's memory: nobody touches it any more then.
 */

/** `struct completion`. */
export const COMPLETION = struct('completion', {
  /** Its lock protects `done`, too. */
  wait: WAIT_QUEUE_HEAD,
  /** Waiters that may go on, or {@link ALL}. Read without the lock for an answer that may be old, a deliberate race. */
  done: word,
});

const DONE = COMPLETION.at.done;
const FLAGS = WAIT_ENTRY.at.flags;

/** Of an entry in line that has not been woken since its task looked. */
const WAITS = WQ_FLAG_EXCLUSIVE | LINE_COMPLETION;

/** `done` for ever: everybody may go on. */
const ALL = 2 ** 31 - 1;

/** Makes a completion for which something is still to be done. */
export function init_completion(k: Cpu, x: number): void {
  initLine(k, x);
  k.i32[x + DONE] = 0;
}

/** Makes it one for which something is to be done again. Nobody waits for it or completes it meanwhile. */
export function INIT_COMPLETION(k: Cpu, x: number): void {
  k.i32[x + DONE] = 0;
}

/** Sleeps until its turn to go on has come, whatever signals come. Process context. */
export function wait_for_completion(k: Cpu, x: number): void {
  waitForDone(k, x, TASK_UNINTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT);
}

/** @returns 0 when so many jiffies are over first; else those that are left, at least 1. Else as {@link wait_for_completion} */
export function wait_for_completion_timeout(k: Cpu, x: number, timeout: number): number {
  return waitForDone(k, x, TASK_UNINTERRUPTIBLE, timeout);
}

/** @returns 0; -ERESTARTSYS when a signal comes first. Else as {@link wait_for_completion} */
export function wait_for_completion_interruptible(k: Cpu, x: number): number {
  return Math.min(0, waitForDone(k, x, TASK_INTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT));
}

/** @returns as {@link wait_for_completion_timeout}; -ERESTARTSYS when a signal comes first */
export function wait_for_completion_interruptible_timeout(k: Cpu, x: number, timeout: number): number {
  return waitForDone(k, x, TASK_INTERRUPTIBLE, timeout);
}

/** Takes a turn to go on if there is one, without waiting; whether there was. Any context. */
export function try_wait_for_completion(k: Cpu, x: number): boolean {
  const flags = lockLine(k, x);
  const isDone = takeTurn(k, x);
  spin_unlock_irqrestore(k, x, flags);
  return isDone;
}

/** Whether somebody could go on without waiting. The answer may be old when it arrives. Any context. */
export function completion_done(k: Cpu, x: number): boolean {
  return readOnce(k, x + DONE) !== 0;
}

/** Lets one waiter go on, in the order in which they came. Any context. */
export function complete(k: Cpu, x: number): void {
  const flags = lockLine(k, x);
  if (k.i32[x + DONE] !== ALL) k.i32[x + DONE]++;
  wakeLine(k, x, ANY_SLEEP, 1);
  spin_unlock_irqrestore(k, x, flags);
}

/** Lets all waiters go on, also those that come later, until {@link INIT_COMPLETION}. Any context. */
export function complete_all(k: Cpu, x: number): void {
  const flags = lockLine(k, x);
  k.i32[x + DONE] = ALL;
  wakeLine(k, x, ANY_SLEEP, 0);
  spin_unlock_irqrestore(k, x, flags);
}

/** Under the lock. */
function takeTurn(k: Cpu, x: number): boolean {
  const done = k.i32[x + DONE];
  if (done !== 0 && done !== ALL) k.i32[x + DONE] = done - 1;
  return done !== 0;
}

/** @returns the jiffies that are left, at least 1; 0 or -ERESTARTSYS when nothing was done */
function waitForDone(k: Cpu, x: number, state: number, timeout: number): number {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  if (try_wait_for_completion(k, x)) return Math.max(timeout, 1);
  const wait = takeEntry(k, x, WAITS);
  let left = timeout;
  let result: number;
  const flags = lockLine(k, x);
  joinLast(k, x, wait);
  for (;;) {
    result = Math.max(left, 1);
    if (takeTurn(k, x)) break;
    result = interrupted(k, state) ? -ERESTARTSYS : 0;
    if (result !== 0 || left <= 0) break;
    // It has not been woken since it looked.
    k.i32[wait + FLAGS] = WAITS;
    left = sleepInLine(k, x, flags, state, left);
  }
  leaveLine(k, wait);
  set_task_state(k, current(k), TASK_RUNNING);
  spin_unlock_irqrestore(k, x, flags);
  freeEntry(k, wait);
  return result;
}
