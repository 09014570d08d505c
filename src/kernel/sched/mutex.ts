import { struct, word } from '../../image/struct.js';
import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { DEBUG_SLEEP } from '../core/kernel-data.js';
import { in_interrupt } from '../core/preempt.js';
import { TASK, TASK_INTERRUPTIBLE, TASK_RUNNING, TASK_UNINTERRUPTIBLE } from '../core/task-struct.js';
import { current, nameTask } from '../core/tasks.js';
import { might_sleep } from '../cpu/might-sleep.js';
import { set_task_state, wake_up_process } from '../cpu/wake.js';
import { spin_unlock_irqrestore } from '../sync/spinlock.js';
import { EINTR } from './signal.js';
import { MAX_SCHEDULE_TIMEOUT } from './timeout.js';
import {
  checkLine,
  firstInLine,
  freeEntry,
  initLine,
  interrupted,
  joinLast,
  leaveLine,
  LINE_MUTEX,
  lockLine,
  sleepInLine,
  takeEntry,
  taskOfEntry,
  WAIT_QUEUE_HEAD,
} from './wait-line.js';

/**
 * Mutexes: one task has it, and that one gives it back. Process context only.
 *
 * Who gives it back wakes the one that has waited longest, who then takes it if nobody was quicker: a task that runs need not
 * wait until a sleeping one has come to run. Nobody is passed over by later ones in line. As in 2.6.24, where a count says
 * what here the owner does.
 */

/** `struct mutex`. */
export const MUTEX = struct('mutex', {
  wait: WAIT_QUEUE_HEAD,
  /**
   * The task that has it, 0 for none, and {@link WAITERS}. Atomics. From free to a task by compareExchange; only the
   * owner makes it free, under the lock of `wait` if the flag is set; the flag changes under that lock.
   */
  owner: word,
  /** Another mutex that the owner has, 0 for none: see `mutexes` in TASK. The owner's. */
  next_held: word,
});

const { owner: OWNER, next_held: NEXT } = MUTEX.at;
const HELD = TASK.at.mutexes;
/** Mutexes that reports name; a dead task's memory may say anything. */
const MAX_REPORTED = 16;

/** There may be tasks in line: who gives the mutex back looks. Tasks are at even words. */
const WAITERS = 1;

/** Makes a mutex that nobody has. */
export function mutex_init(k: Cpu, mutex: number): void {
  initLine(k, mutex);
  Atomics.store(k.i32, mutex + OWNER, 0);
}

/**
 * Takes the mutex; sleeps until it can, whatever signals come. Process context, no spinlock held.
 *
 * @throws KernelBug when the task has it already, and in an interrupt
 */
export function mutex_lock(k: Cpu, mutex: number): void {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  if (!mutex_trylock(k, mutex)) waitForMutex(k, mutex, TASK_UNINTERRUPTIBLE);
}

/**
 * {@link mutex_lock}, until a signal comes.
 *
 * @returns 0; -EINTR when a signal came, and the task does not have the mutex
 */
export function mutex_lock_interruptible(k: Cpu, mutex: number): number {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  return mutex_trylock(k, mutex) ? 0 : waitForMutex(k, mutex, TASK_INTERRUPTIBLE);
}

/** Takes the mutex if that needs no waiting; whether it did. Process context. */
export function mutex_trylock(k: Cpu, mutex: number): boolean {
  const task = userOf(k, mutex);
  for (;;) {
    const before = Atomics.load(k.i32, mutex + OWNER);
    if ((before & ~WAITERS) !== 0) return false;
    if (Atomics.compareExchange(k.i32, mutex + OWNER, before, task | before) === before) break;
  }
  noteHeld(k, mutex, task);
  return true;
}

/**
 * Gives the mutex back. Process context.
 *
 * @throws KernelBug when the task does not have it, and in an interrupt
 */
export function mutex_unlock(k: Cpu, mutex: number): void {
  const task = userOf(k, mutex);
  const owner = mutexOwner(k, mutex);
  if (owner !== task) unlockBug(k, mutex, owner);
  forgetHeld(k, mutex, task);
  if (Atomics.compareExchange(k.i32, mutex + OWNER, task, 0) === task) return;
  const flags = lockLine(k, mutex);
  Atomics.and(k.i32, mutex + OWNER, WAITERS);
  wakeNext(k, mutex);
  spin_unlock_irqrestore(k, mutex, flags);
}

/** Whether anybody has the mutex. The answer may be old when it arrives. Any context. */
export function mutex_is_locked(k: Cpu, mutex: number): boolean {
  return mutexOwner(k, mutex) !== 0;
}

/** The task that has a mutex, 0 if none has. Any thread; the answer may be old when it arrives. */
export function mutexOwner(k: Cpu, mutex: number): number {
  return Atomics.load(k.i32, mutex + OWNER) & ~WAITERS;
}

/** Whether who gives the mutex back will look for tasks in line. Any thread; the answer may be old when it arrives. */
export function mutexHasWaiters(k: Cpu, mutex: number): boolean {
  return (Atomics.load(k.i32, mutex + OWNER) & WAITERS) !== 0;
}

/** The mutexes that a task has, the last one first. Of the running task, or a dead one. */
export function heldMutexes(k: Cpu, task: number): number[] {
  const held: number[] = [];
  for (let mutex = k.i32[task + HELD]; mutex > 0 && held.length < MAX_REPORTED; mutex = k.i32[mutex + NEXT])
    held.push(mutex);
  return held;
}

function noteHeld(k: Cpu, mutex: number, task: number): void {
  k.i32[mutex + NEXT] = k.i32[task + HELD];
  k.i32[task + HELD] = mutex;
}

/** They may be given back in any order. */
function forgetHeld(k: Cpu, mutex: number, task: number): void {
  const { i32 } = k;
  let at = task + HELD;
  while (i32[at] !== mutex && i32[at] !== 0) at = i32[at] + NEXT;
  if (i32[at] === mutex) i32[at] = i32[mutex + NEXT];
}

/** Takes note that nobody waits any more; else, if the mutex is free, wakes the first in line. Under the lock of the line. */
export function wakeNext(k: Cpu, mutex: number): void {
  const first = firstInLine(k, mutex);
  if (first === 0) Atomics.and(k.i32, mutex + OWNER, ~WAITERS);
  else if (mutexOwner(k, mutex) === 0) wake_up_process(k, taskOfEntry(k, first));
}

function waitForMutex(k: Cpu, mutex: number, state: number): number {
  const task = current(k);
  if (mutexOwner(k, mutex) === task)
    BUG(k, `mutex deadlock: ${nameTask(k, task)} has it already: ${k.nameOf(mutex)}`);
  const wait = takeEntry(k, mutex, LINE_MUTEX);
  const flags = lockLine(k, mutex);
  joinLast(k, mutex, wait);
  let result = 0;
  while (!takeInLine(k, mutex, task)) {
    if (interrupted(k, state)) {
      result = -EINTR;
      break;
    }
    sleepInLine(k, mutex, flags, state, MAX_SCHEDULE_TIMEOUT);
  }
  if (result === 0) noteHeld(k, mutex, task);
  leaveLine(k, wait);
  if (firstInLine(k, mutex) === 0) Atomics.and(k.i32, mutex + OWNER, ~WAITERS);
  set_task_state(k, task, TASK_RUNNING);
  spin_unlock_irqrestore(k, mutex, flags);
  freeEntry(k, wait);
  return result;
}

/** Takes the mutex if it is free; else whoever gives it back will look for those in line. Under the lock of the line. */
function takeInLine(k: Cpu, mutex: number, task: number): boolean {
  const before = Atomics.or(k.i32, mutex + OWNER, WAITERS) & ~WAITERS;
  if (before !== 0) return false;
  return Atomics.compareExchange(k.i32, mutex + OWNER, WAITERS, task | WAITERS) === WAITERS;
}

/** The running task, which may use the mutex. */
function userOf(k: Cpu, mutex: number): number {
  checkLine(k, mutex);
  if (in_interrupt(k)) BUG(k, `mutex used in an interrupt: ${k.nameOf(mutex)}`);
  const task = current(k);
  if (task === 0) BUG(k, `mutex used by the console, which is no task: ${k.nameOf(mutex)}`);
  return task;
}

function unlockBug(k: Cpu, mutex: number, owner: number): never {
  const who = owner === 0 ? 'nobody has it' : `${nameTask(k, owner)} has it`;
  return BUG(k, `mutex given back by ${nameTask(k, current(k))}, but ${who}: ${k.nameOf(mutex)}`);
}
