import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { local_irq_enable } from '../core/irqflags.js';
import { DEBUG_SLEEP } from '../core/kernel-data.js';
import { TASK, TASK_KIND_THREAD, TASK_RUNNING, TASK_UNINTERRUPTIBLE } from '../core/task-struct.js';
import { current, writeAllowed } from '../core/tasks.js';
import { might_sleep } from '../cpu/might-sleep.js';
import { checkSymbol } from '../cpu/module-symbols.js';
import { schedule, waitForCpu } from '../cpu/schedule.js';
import { set_task_state, wake_up_process, wakeFromOutside } from '../cpu/wake.js';
import { codeOfException, exitTask } from './exit.js';
import { EINTR } from './signal.js';
import { allocTask, get_task_struct, put_task_struct } from './task-slots.js';
import { wait_event } from './wait-event.js';
import { init_waitqueue_head } from './wait-queue.js';

/** Kernel threads (2.6.10 interface): tasks that run a function of a module, each on a thread of its own. */

const { thread: THREAD, creator: CREATOR, func: FUNC, data: DATA, should_stop: SHOULD_STOP } = TASK.at;
const {
  exited: EXITED,
  exit_code: EXIT_CODE,
  exit_wait: EXIT_WAIT,
  usage: USAGE,
  cpu: CPU,
  kind: KIND,
} = TASK.at;

const EAGAIN = 11;
const ENOMEM = 12;

/**
 * Creates a kernel thread. It sleeps until {@link wake_up_process}, so that it can be bound before.
 *
 * Sleeps until the thread is there. Process context.
 *
 * @param func symbol number of `(k, data) => number`, see `module_symbol`
 * @param data a number for it
 * @param name 15 characters are kept
 * @returns the task; -EAGAIN when there are too many tasks, -ENOMEM when the host has no thread for it
 */
export function kthread_create(k: Cpu, func: number, data: number, name: string): number {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  checkSymbol(k, func);
  const task = prepareTask(k, name);
  if (task === 0) return -EAGAIN;
  const { i32 } = k;
  i32[task + FUNC] = func;
  k.f64[(task + DATA) >>> 1] = data;
  const me = current(k);
  i32[task + CREATOR] = me;
  k.platform.startThread(task);
  for (;;) {
    set_task_state(k, me, TASK_UNINTERRUPTIBLE);
    if (Atomics.load(i32, task + THREAD) !== 0) break;
    schedule(k);
  }
  set_task_state(k, me, TASK_RUNNING);
  if (Atomics.load(i32, task + THREAD) > 0) return task;
  put_task_struct(k, task);
  return -ENOMEM;
}

/** A task that waits for its thread, and then to be woken; 0 if there are too many. Any thread. */
export function prepareTask(k: Cpu, name: string): number {
  const task = allocTask(k, name);
  if (task === 0) return 0;
  init_waitqueue_head(k, task + EXIT_WAIT);
  Atomics.store(k.i32, task + TASK.at.state, TASK_UNINTERRUPTIBLE);
  return task;
}

/** {@link kthread_create} and {@link wake_up_process} in one. */
export function kthread_run(k: Cpu, func: number, data: number, name: string): number {
  const task = kthread_create(k, func, data, name);
  if (task > 0) wake_up_process(k, task);
  return task;
}

/**
 * Binds a thread that has just been created, and not woken, to a CPU. Any context.
 *
 * @throws KernelBug when it has run already
 */
export function kthread_bind(k: Cpu, task: number, cpu: number): void {
  mustBeThread(k, task, 'kthread_bind');
  if (Atomics.load(k.i32, task + TASK.at.state) !== TASK_UNINTERRUPTIBLE || k.i32[task + TASK.at.nvcsw] !== 0)
    BUG(k, `kthread_bind: the task has run already`);
  writeAllowed(k, task, [cpu]);
  Atomics.store(k.i32, task + CPU, cpu);
}

/** Whether kthread_stop was called for the running thread: its function is to return. Any context. */
export function kthread_should_stop(k: Cpu): boolean {
  return Atomics.load(k.i32, current(k) + SHOULD_STOP) !== 0;
}

/**
 * Tells a kernel thread to end, wakes it, and waits until it has. A thread that may end by itself must be kept by
 * `get_task_struct` until then. Process context, sleeps.
 *
 * @returns what its function returned; -EINTR when it was never woken and so did not run
 * @throws KernelBug when there is no such task
 */
export function kthread_stop(k: Cpu, task: number): number {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  mustBeThread(k, task, 'kthread_stop');
  const { i32 } = k;
  get_task_struct(k, task);
  Atomics.store(i32, task + SHOULD_STOP, 1);
  wake_up_process(k, task);
  wait_event(k, task + EXIT_WAIT, () => Atomics.load(i32, task + EXITED) !== 0);
  const code = i32[task + EXIT_CODE];
  put_task_struct(k, task);
  return code;
}

function mustBeThread(k: Cpu, task: number, who: string): void {
  if (k.i32[task + KIND] !== TASK_KIND_THREAD || Atomics.load(k.i32, task + USAGE) <= 0)
    BUG(k, `${who}: there is no such thread`);
}

/**
 * The life of a kernel thread, on its own thread, which is no CPU yet.
 *
 * @throws KernelPanic or MachineHalted when the machine stops meanwhile
 */
export function kthread(k: Cpu, task: number): void {
  takeUpTask(k, task);
  wakeFromOutside(k, k.i32[task + CREATOR], TASK_UNINTERRUPTIBLE);
  becomeTask(k, task);
  let code = -EINTR;
  try {
    if (!kthread_should_stop(k)) code = k.call(k.i32[task + FUNC], k.f64[(task + DATA) >>> 1]) | 0;
  } catch (error) {
    code = codeOfException(k, error);
  }
  exitTask(k, code);
}

/** The calling thread is the task's from now on. */
export function takeUpTask(k: Cpu, task: number): void {
  Atomics.store(k.i32, task + THREAD, k.platform.thread);
}

/** Waits for the task's first turn, on its thread: from then on it runs. */
export function becomeTask(k: Cpu, task: number): void {
  waitForCpu(k, task);
  // They were off while the CPU changed hands.
  local_irq_enable(k);
}
