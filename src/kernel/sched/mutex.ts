import { struct, word } from '../../image/struct.js';
import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { DEBUG_SLEEP } from '../core/kernel-data.js';
import { in_interrupt } from '../core/preempt.js';
import { TASK_INTERRUPTIBLE, TASK_RUNNING, TASK_UNINTERRUPTIBLE } from '../core/task-struct.js';
import { current, task_comm, task_pid } from '../core/tasks.js';
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
});

const OWNER = MUTEX.at.owner;

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
    if (Atomics.compareExchange(k.i32, mutex + OWNER, before, task | before) === before) return true;
  }
}

/**
 * Gives the mutex back. Process context.
 *
 * @throws KernelBug when the task does not have it, and in an interrupt
 */
export function mutex_unlock(k: Cpu, mutex: number): void {
  const task = userOf(k, mutex);
  const before = Atomics.compareExchange(k.i32, mutex + OWNER, task, 0);
  if (before === task) return;
  if ((before & ~WAITERS) !== task) unlockBug(k, mutex, before & ~WAITERS);
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

/** The running task. */
function userOf(k: Cpu, mutex: number): number {
  if (in_interrupt(k)) BUG(k, `mutex used in an interrupt: ${k.nameOf(mutex)}`);
  const task = current(k);
  if (task === 0) BUG(k, `mutex used by the console, which is no task: ${k.nameOf(mutex)}`);
  return task;
}

function unlockBug(k: Cpu, mutex: number, owner: number): never {
  const who = owner === 0 ? 'nobody has it' : `${nameTask(k, owner)} has it`;
  return BUG(k, `mutex given back by ${nameTask(k, current(k))}, but ${who}: ${k.nameOf(mutex)}`);
}

function nameTask(k: Cpu, task: number): string {
  return `task ${task_comm(k, task)}:${task_pid(k, task)}`;
}
