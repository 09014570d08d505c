import { panic, WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { KernelPanic, MachineHalted, TaskExit } from '../core/errors.js';
import { irqs_disabled, local_irq_disable, poll } from '../core/irqflags.js';
import { heldLocks } from '../core/lock-report.js';
import { printk } from '../core/printk.js';
import { TASK, TASK_DEAD } from '../core/task-struct.js';
import { current, nameTask } from '../core/tasks.js';
import { leaveCpu } from '../cpu/schedule.js';
import { leaveLines } from './leave-lines.js';
import { heldMutexes } from './mutex.js';
import { put_task_struct } from './task-slots.js';
import { wake_up_all } from './wait-queue.js';

/** The end of tasks. */

/** What a task's end looks like to others when its function threw, or its thread died: as if by SIGKILL. */
export const EXIT_KILLED = -9;

/**
 * Ends the running task, which has a thread of its own: its function goes on no further, but for `finally`. Process
 * context, no lock held.
 *
 * @param code what kthread_stop returns
 */
export function do_exit(_k: Cpu, code: number): never {
  throw new TaskExit(code);
}

/**
 * Says what a function has left behind that ran on this CPU, and puts the CPU's context right: the next task must not
 * inherit it.
 *
 * @param how the function's name and how it ended, for the report
 * @throws KernelPanic when it holds a lock: nobody could ever release that
 */
export function checkLeftBehind(k: Cpu, how: string): void {
  const locks = heldLocks(k, k.cpu);
  if (locks.length > 0) panic(k, `${how} on CPU#${k.cpu} and holds ${k.nameOf(locks[0])}`);
  const { i32 } = k;
  const task = current(k);
  const lines = leaveLines(k, task);
  if (lines > 0) WARN(k, `${how} on CPU#${k.cpu} and waits in ${lines} line${lines === 1 ? '' : 's'}`);
  reportMutexes(k, task, how);
  const count = i32[k.area + CPU_AREA.at.preempt_count];
  if (count === 0 && !irqs_disabled(k)) return;
  WARN(k, `${how} on CPU#${k.cpu} with preempt_count ${count}, irqs ${irqs_disabled(k) ? 'off' : 'on'}`);
  i32[k.area + CPU_AREA.at.preempt_count] = 0;
  i32[k.area + CPU_AREA.at.irqs_disabled] = 0;
}

/** Says which mutexes nobody can give back any more, for their owner has ended. Of the running task, or a dead one. */
export function reportMutexes(k: Cpu, task: number, how: string): void {
  for (const mutex of heldMutexes(k, task)) WARN(k, `${how} and has a mutex: ${k.nameOf(mutex)}`);
  k.i32[task + TASK.at.mutexes] = 0;
}

/**
 * What the end of a task's function by an exception means: the code of {@link do_exit}, or a report.
 *
 * @throws KernelPanic or MachineHalted when that was the exception: there is no machine to go on with
 */
export function codeOfException(k: Cpu, error: unknown): number {
  if (error instanceof TaskExit) return error.code;
  if (error instanceof KernelPanic || error instanceof MachineHalted) throw error;
  const task = current(k);
  const stack = error instanceof Error ? (error.stack ?? error.message) : `threw ${String(error)}`;
  const text = `${nameTask(k, task)} on CPU#${k.cpu} was ended by an exception: ${stack}`;
  printk(k, text);
  k.platform.report(text);
  return EXIT_KILLED;
}

/**
 * Ends the running task, after its function: who waits for its end goes on, and the CPU goes to the next task. The thread
 * owns no CPU any more afterwards. Process context.
 */
export function exitTask(k: Cpu, code: number): void {
  const task = current(k);
  checkLeftBehind(k, `${nameTask(k, task)} ended`);
  announceEnd(k, task, code);
  poll(k);
  local_irq_disable(k);
  // The poll may have been the point where it went on elsewhere; it is the same task.
  Atomics.store(k.i32, task + TASK.at.state, TASK_DEAD);
  leaveCpu(k, task, false);
  put_task_struct(k, task);
}

/** Lets those go on who wait for the end of a task. Any context. */
export function announceEnd(k: Cpu, task: number, code: number): void {
  k.i32[task + TASK.at.exit_code] = code;
  Atomics.store(k.i32, task + TASK.at.exited, 1);
  wake_up_all(k, task + TASK.at.exit_wait);
}
