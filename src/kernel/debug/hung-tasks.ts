import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { TIMER_LIST } from '../core/interrupt-data.js';
import { KERNEL } from '../core/kernel-data.js';
import { MAX_WAITS } from '../core/limits.js';
import { ON_NOTHING, TASK, TASK_DEAD, TASK_UNINTERRUPTIBLE, WAIT_ENTRY } from '../core/task-struct.js';
import { nameTask, task_cpu, taskAt } from '../core/tasks.js';
import { jiffies, jiffies_to_msecs } from '../cpu/jiffies.js';
import { mutexOwner } from '../sched/mutex.js';
import { isUsed } from '../sched/task-slots.js';
import { LINE_COMPLETION, LINE_MUTEX, LINE_SEMAPHORE } from '../sched/wait-line.js';

/**
 * Tasks that sleep for too long while nothing can interrupt them: somebody has forgotten to wake them. Everything here is
 * for any thread, and the tasks go on meanwhile: a deliberate race.
 */

/** Owners of mutexes that a report follows, each waiting for the next one. */
const MAX_OWNERS = 8;

const { state: STATE, on_rq: ON_RQ, last_switch: SINCE, nvcsw: NVCSW, nivcsw: NIVCSW } = TASK.at;

/** The tasks in a sleep that nothing can interrupt. One that has never run is not awaited by anybody. */
export function uninterruptibleTasks(k: Cpu): number[] {
  const tasks: number[] = [];
  for (let slot = k.i32[KERNEL.nr_cpus]; slot < k.i32[KERNEL.nr_tasks]; slot++) {
    const task = taskAt(k, slot);
    const sleeps =
      Atomics.load(k.i32, task + STATE) === TASK_UNINTERRUPTIBLE &&
      Atomics.load(k.i32, task + ON_RQ) === ON_NOTHING;
    const hasRun = readOnce(k, task + NVCSW) + readOnce(k, task + NIVCSW) !== 0;
    if (sleeps && hasRun && isUsed(k, slot)) tasks.push(task);
  }
  return tasks;
}

/** When a task began to sleep, in milliseconds since boot. */
export function asleepSince(k: Cpu, task: number): number {
  return readOnce(k, task + SINCE);
}

/**
 * The report of a hung task: what it waits for, and who has that.
 *
 * @param milliseconds it has slept longer than this
 */
export function hungTaskReport(k: Cpu, task: number, milliseconds: number): string {
  const lines = [
    `INFO: ${nameTask(k, task)} blocked for more than ${milliseconds / 1000} seconds.`,
    `last on CPU#${task_cpu(k, task)}, ${readOnce(k, task + NVCSW)} voluntary switches, ` +
      `${readOnce(k, task + NIVCSW)} involuntary`,
  ];
  for (let i = 0; i < MAX_WAITS; i++) {
    const line = lineOf(k, task, i);
    if (line > 0) lines.push(`waits for: ${kindOf(k, task, i)} ${k.nameOf(line)}`, ...ownersOf(k, task, i));
  }
  if (readOnce(k, task + TASK.at.timeout) !== 0) lines.push(timeoutOf(k, task));
  if (lines.length === 2) lines.push('waits for: a wake-up by somebody who knows it');
  return lines.join('\n');
}

/** The line that a task's entry is for, 0 or less for none. */
function lineOf(k: Cpu, task: number, entry: number): number {
  return readOnce(k, task + TASK.at.waits + entry * WAIT_ENTRY.words + WAIT_ENTRY.at.head);
}

function flagsOf(k: Cpu, task: number, entry: number): number {
  return readOnce(k, task + TASK.at.waits + entry * WAIT_ENTRY.words + WAIT_ENTRY.at.flags);
}

function kindOf(k: Cpu, task: number, entry: number): string {
  const flags = flagsOf(k, task, entry);
  if ((flags & LINE_MUTEX) !== 0) return 'mutex';
  if ((flags & LINE_SEMAPHORE) !== 0) return 'semaphore';
  return (flags & LINE_COMPLETION) !== 0 ? 'completion' : 'wait queue';
}

/** The mutex for which a task waits in line, 0 for none. */
function mutexAwaitedBy(k: Cpu, task: number): number {
  for (let i = 0; i < MAX_WAITS; i++) {
    const line = lineOf(k, task, i);
    if (line > 0 && (flagsOf(k, task, i) & LINE_MUTEX) !== 0) return line;
  }
  return 0;
}

/** Who has the mutex that a task's entry is for; if that one waits for a mutex, who has that; and so on. */
function ownersOf(k: Cpu, task: number, entry: number): string[] {
  const lines: string[] = [];
  if ((flagsOf(k, task, entry) & LINE_MUTEX) === 0) return lines;
  const seen = [task];
  for (let mutex = lineOf(k, task, entry); mutex !== 0 && lines.length < MAX_OWNERS;) {
    const owner = mutexOwner(k, mutex);
    if (owner === 0) return lines;
    if (Atomics.load(k.i32, owner + STATE) === TASK_DEAD) {
      lines.push(`  owner: ${nameTask(k, owner)}, which has ended`);
      return lines;
    }
    const isCircle = seen.includes(owner);
    seen.push(owner);
    mutex = isCircle ? 0 : mutexAwaitedBy(k, owner);
    const next = mutex === 0 ? '' : `, which waits for: mutex ${k.nameOf(mutex)}`;
    lines.push(`  owner: ${nameTask(k, owner)}${next}${isCircle ? ': a deadlock' : ''}`);
  }
  return lines;
}

function timeoutOf(k: Cpu, task: number): string {
  const left = (readOnce(k, task + TASK.at.timeout + TIMER_LIST.at.expires) - jiffies(k)) | 0;
  return `its timeout comes in ${Math.max(0, Math.round(jiffies_to_msecs(k, left)))} ms`;
}
