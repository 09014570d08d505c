import { struct } from '../../image/struct.js';
import { readOnce } from '../core/access-once.js';
import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { MAX_WAITS } from '../core/limits.js';
import { INIT_LIST_HEAD, LIST_HEAD, list_add, list_add_tail, list_del } from '../core/list.js';
import { TASK, TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE, WAIT_ENTRY } from '../core/task-struct.js';
import { current } from '../core/tasks.js';
import { set_task_state, try_to_wake_up } from '../cpu/wake.js';
import { spin_lock_init, spin_lock_irqsave, spin_unlock_irqrestore, SPINLOCK } from '../sync/spinlock.js';
import { signal_pending } from './signal.js';
import { schedule_timeout } from './timeout.js';

/**
 * Tasks that wait in line: what wait queues, completions, mutexes and semaphores have in common. All begin with a
 * {@link WAIT_QUEUE_HEAD}, so that whoever finds the entry of a dead task finds the lock of its line, too.
 */

/** `wait_queue_head_t`. */
export const WAIT_QUEUE_HEAD = struct('wait_queue_head_t', {
  /** Protects the line, the entries in it, and what the line is for. Taken with interrupts off. */
  lock: SPINLOCK,
  /** The entries, those who wait longest first but for wait queues, where not exclusive ones go to the front. */
  task_list: LIST_HEAD,
});

/** Woken one at a time, and put at the end of the line. */
export const WQ_FLAG_EXCLUSIVE = 1;
/** Leaves the line when it is woken: an entry of DEFINE_WAIT. */
export const WQ_FLAG_AUTOREMOVE = 2;
/** Exclusive, and woken since it was put in line: a turn that has to be given on if the task does not take it. */
export const WQ_FLAG_WOKEN = 4;
/** In line for a mutex. */
export const LINE_MUTEX = 8;
/** In line for a semaphore. */
export const LINE_SEMAPHORE = 16;
/** Out of the line of a semaphore, which is the task's now. */
export const LINE_GRANTED = 32;
/** In line for a completion; for reports. */
export const LINE_COMPLETION = 64;

/** Whoever sleeps in line, whatever kind of sleep it is. */
export const ANY_SLEEP = TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE;

/** `head` of an entry that belongs to a user of DEFINE_WAIT, who has not said yet where he waits. */
export const NO_LINE = -1;

const TASK_LIST = WAIT_QUEUE_HEAD.at.task_list;
const { list: LINKS, head: HEAD, flags: FLAGS, task: WAITER } = WAIT_ENTRY.at;
const FIRST = TASK.at.waits;
const ENTRY_WORDS = WAIT_ENTRY.words;

/** Makes an empty line. */
export function initLine(k: Cpu, line: number): void {
  spin_lock_init(k, line, k.i32[KERNEL.wait_queue_class]);
  INIT_LIST_HEAD(k.i32, line + TASK_LIST);
}

/**
 * Locks a line, with interrupts off. Any context.
 *
 * @returns the state of interrupts, for spin_unlock_irqrestore
 * @throws KernelBug when it was not initialised
 */
export function lockLine(k: Cpu, line: number): number {
  checkLine(k, line);
  return spin_lock_irqsave(k, line);
}

/** @throws KernelBug when a line was not initialised */
export function checkLine(k: Cpu, line: number): void {
  // The first link is never 0 from then on, whatever others do to it just now.
  if (readOnce(k, line + TASK_LIST) === 0) BUG(k, `used before it was initialised: ${k.nameOf(line)}`);
}

/**
 * Takes one of the running task's entries. Process context.
 *
 * @param line where it will wait, or NO_LINE
 * @returns word index of a WAIT_ENTRY
 * @throws KernelBug when it has none left, or there is no task: on the console
 */
export function takeEntry(k: Cpu, line: number, flags: number): number {
  const { i32 } = k;
  const task = current(k);
  if (task === 0) BUG(k, 'the console is no task, and cannot wait in line');
  for (let i = 0; i < MAX_WAITS; i++) {
    const entry = task + FIRST + i * ENTRY_WORDS;
    if (i32[entry + HEAD] !== 0) continue;
    i32[entry + FLAGS] = flags;
    i32[entry + HEAD] = line;
    return entry;
  }
  return BUG(k, `a task waits in more than ${MAX_WAITS} lines at once: ${k.nameOf(line)}`);
}

/** Gives an entry back that is in no line any more. The task's own. */
export function freeEntry(k: Cpu, entry: number): void {
  k.i32[entry + HEAD] = 0;
}

/** Whether a word is one of the running task's entries. */
export function isOwnEntry(k: Cpu, entry: number): boolean {
  const offset = entry - current(k) - FIRST;
  return offset >= 0 && offset < MAX_WAITS * ENTRY_WORDS && offset % ENTRY_WORDS === 0;
}

/** Puts an entry in front of all others. Under the line's lock. */
export function joinFirst(k: Cpu, line: number, entry: number): void {
  list_add(k.i32, entry + LINKS, line + TASK_LIST);
}

/** Puts an entry behind all others. Under the line's lock. */
export function joinLast(k: Cpu, line: number, entry: number): void {
  list_add_tail(k.i32, entry + LINKS, line + TASK_LIST);
}

/** Whether an entry is in its line. Under the line's lock. */
export function isInLine(k: Cpu, entry: number): boolean {
  return k.i32[entry + LINKS] !== 0;
}

/** Takes an entry out of its line, if it is in there. Under the line's lock. */
export function leaveLine(k: Cpu, entry: number): void {
  if (isInLine(k, entry)) list_del(k.i32, entry + LINKS);
}

/** The entry of who has waited longest, 0 if nobody waits. Under the line's lock. */
export function firstInLine(k: Cpu, line: number): number {
  const first = k.i32[line + TASK_LIST];
  return first === line + TASK_LIST ? 0 : first - LINKS;
}

/** The task whose entry this is. */
export function taskOfEntry(k: Cpu, entry: number): number {
  return k.i32[entry + WAITER];
}

/**
 * Sleeps in line until somebody wakes the task or so many jiffies are over; the line is not locked meanwhile. Under its lock.
 *
 * @param flags what {@link lockLine} returned
 * @returns what is left of the jiffies
 */
export function sleepInLine(k: Cpu, line: number, flags: number, state: number, timeout: number): number {
  set_task_state(k, current(k), state);
  spin_unlock_irqrestore(k, line, flags);
  const left = schedule_timeout(k, timeout);
  lockLine(k, line);
  return left;
}

/** Whether a signal ends a sleep of this kind. */
export function interrupted(k: Cpu, state: number): boolean {
  return state === TASK_INTERRUPTIBLE && signal_pending(k);
}

/**
 * Wakes those in line whose state is one of `states`: all that are not exclusive, and as many as `exclusive` of the
 * others; 0 means all. Under the line's lock.
 */
export function wakeLine(k: Cpu, line: number, states: number, exclusive: number): void {
  const { i32 } = k;
  const end = line + TASK_LIST;
  let left = exclusive;
  let next: number;
  for (let link = i32[end]; link !== end; link = next) {
    next = i32[link];
    const entry = link - LINKS;
    if (wakeEntry(k, entry, states) && (i32[entry + FLAGS] & WQ_FLAG_EXCLUSIVE) !== 0 && --left === 0) return;
  }
}

/** Under the lock of the line, without which the task cannot give the entry back. */
function wakeEntry(k: Cpu, entry: number, states: number): boolean {
  const { i32 } = k;
  if (!try_to_wake_up(k, i32[entry + WAITER], states)) return false;
  const flags = i32[entry + FLAGS];
  if ((flags & WQ_FLAG_EXCLUSIVE) !== 0) i32[entry + FLAGS] = flags | WQ_FLAG_WOKEN;
  if ((flags & WQ_FLAG_AUTOREMOVE) !== 0) list_del(i32, entry + LINKS);
  return true;
}
