import { readOnce } from '../core/access-once.js';
import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { TASK_INTERRUPTIBLE, TASK_RUNNING, WAIT_ENTRY } from '../core/task-struct.js';
import { current } from '../core/tasks.js';
import { set_task_state } from '../cpu/wake.js';
import { spin_unlock_irqrestore } from '../sync/spinlock.js';
import {
  ANY_SLEEP,
  freeEntry,
  initLine,
  isInLine,
  isOwnEntry,
  joinFirst,
  joinLast,
  leaveLine,
  lockLine,
  NO_LINE,
  takeEntry,
  wakeLine,
  WAIT_QUEUE_HEAD,
  WQ_FLAG_AUTOREMOVE,
  WQ_FLAG_EXCLUSIVE,
  WQ_FLAG_WOKEN,
} from './wait-line.js';

/**
 * Wait queues: tasks that wait for something to become true. Who makes it true wakes them, and they look again. A queue is
 * a word index of the image with the words of a {@link WAIT_QUEUE_HEAD}; an entry is one of the task's own.
 *
 * No wake-up gets lost: a task is in line and has said that it sleeps before it looks, so that whoever changes what it looks
 * at wakes it afterwards, or the task has seen the change.
 */

const { head: HEAD, flags: FLAGS } = WAIT_ENTRY.at;

/** Makes an empty queue. */
export function init_waitqueue_head(k: Cpu, q: number): void {
  initLine(k, q);
}

/**
 * An entry that leaves its queue when it is woken, as {@link prepare_to_wait} wants it. The task has MAX_WAITS of them;
 * {@link finish_wait} and {@link remove_wait_queue} give it back. Process context.
 *
 * @throws KernelBug when all are in use
 */
export function DEFINE_WAIT(k: Cpu): number {
  return takeEntry(k, NO_LINE, WQ_FLAG_AUTOREMOVE);
}

/** An entry that stays in its queue until it is removed, as {@link add_wait_queue} wants it. Else as {@link DEFINE_WAIT}. */
export function DECLARE_WAITQUEUE(k: Cpu): number {
  return takeEntry(k, NO_LINE, 0);
}

/** Puts an entry of the running task into a queue, to be woken by every wake-up. Process context. */
export function add_wait_queue(k: Cpu, q: number, wait: number): void {
  enter(k, q, wait, 0, TASK_RUNNING);
}

/** Puts an entry of the running task into a queue, to be woken when its turn comes. Process context. */
export function add_wait_queue_exclusive(k: Cpu, q: number, wait: number): void {
  enter(k, q, wait, WQ_FLAG_EXCLUSIVE, TASK_RUNNING);
}

/** Takes an entry out of its queue, and gives it back. Process context. */
export function remove_wait_queue(k: Cpu, q: number, wait: number): void {
  checkEntry(k, q, wait);
  const flags = lockLine(k, q);
  leaveLine(k, wait);
  spin_unlock_irqrestore(k, q, flags);
  freeEntry(k, wait);
}

/**
 * Puts an entry into a queue, if it is not there, and sets the task's state: from here on a wake-up keeps it from
 * sleeping. Then look whether there is something to wait for, and call `schedule`. Process context.
 */
export function prepare_to_wait(k: Cpu, q: number, wait: number, state: number): void {
  enter(k, q, wait, 0, state);
}

/** {@link prepare_to_wait}, to be woken when its turn comes. */
export function prepare_to_wait_exclusive(k: Cpu, q: number, wait: number, state: number): void {
  enter(k, q, wait, WQ_FLAG_EXCLUSIVE, state);
}

function enter(k: Cpu, q: number, wait: number, kind: number, state: number): void {
  checkEntry(k, q, wait);
  const { i32 } = k;
  const flags = lockLine(k, q);
  i32[wait + HEAD] = q;
  i32[wait + FLAGS] = (i32[wait + FLAGS] & WQ_FLAG_AUTOREMOVE) | kind;
  if (!isInLine(k, wait)) {
    if (kind === 0) joinFirst(k, q, wait);
    else joinLast(k, q, wait);
  }
  if (state !== TASK_RUNNING) set_task_state(k, current(k), state);
  spin_unlock_irqrestore(k, q, flags);
}

/** An entry that was given back can be used again, as long as nobody else has it. */
function checkEntry(k: Cpu, q: number, wait: number): void {
  if (!isOwnEntry(k, wait)) BUG(k, `no wait queue entry of the running task: ${k.nameOf(wait)}`);
  const head = k.i32[wait + HEAD];
  if (head !== q && head !== NO_LINE && head !== 0)
    BUG(k, `a wait queue entry is in another line: ${k.nameOf(head)}`);
}

/** The end of a wait: the task runs, and its entry is out of the queue and given back. Process context. */
export function finish_wait(k: Cpu, q: number, wait: number): void {
  set_task_state(k, current(k), TASK_RUNNING);
  remove_wait_queue(k, q, wait);
}

/**
 * {@link finish_wait} of a task that goes on for another reason than its turn. If its turn has come all the same, that is
 * the next one's. Process context.
 */
export function abort_exclusive_wait(k: Cpu, q: number, wait: number): void {
  set_task_state(k, current(k), TASK_RUNNING);
  const flags = lockLine(k, q);
  leaveLine(k, wait);
  if ((k.i32[wait + FLAGS] & WQ_FLAG_WOKEN) !== 0) wakeLine(k, q, ANY_SLEEP, 1);
  spin_unlock_irqrestore(k, q, flags);
  freeEntry(k, wait);
}

/**
 * Whether anybody is in the queue, for who wants to save a wake-up. Without the lock, so the answer may be old: between the
 * change that others wait for and this there must be a full barrier, such as `smp_mb`. Any context.
 */
export function waitqueue_active(k: Cpu, q: number): boolean {
  const list = q + WAIT_QUEUE_HEAD.at.task_list;
  return readOnce(k, list) !== list;
}

/** Wakes all that are not exclusive, and one that is. Any context. */
export function wake_up(k: Cpu, q: number): void {
  wake(k, q, ANY_SLEEP, 1);
}

/** Wakes all that are not exclusive, and so many that are; 0 means all. Any context. */
export function wake_up_nr(k: Cpu, q: number, nr: number): void {
  wake(k, q, ANY_SLEEP, nr);
}

/** Wakes all. Any context. */
export function wake_up_all(k: Cpu, q: number): void {
  wake(k, q, ANY_SLEEP, 0);
}

/** {@link wake_up} of those whose sleep is interruptible. Any context. */
export function wake_up_interruptible(k: Cpu, q: number): void {
  wake(k, q, TASK_INTERRUPTIBLE, 1);
}

/** {@link wake_up_nr} of those whose sleep is interruptible. Any context. */
export function wake_up_interruptible_nr(k: Cpu, q: number, nr: number): void {
  wake(k, q, TASK_INTERRUPTIBLE, nr);
}

/** {@link wake_up_all} of those whose sleep is interruptible. Any context. */
export function wake_up_interruptible_all(k: Cpu, q: number): void {
  wake(k, q, TASK_INTERRUPTIBLE, 0);
}

function wake(k: Cpu, q: number, states: number, exclusive: number): void {
  const flags = lockLine(k, q);
  wakeLine(k, q, states, exclusive);
  spin_unlock_irqrestore(k, q, flags);
}
