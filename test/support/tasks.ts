import { CPU_AREA, RUN_QUEUE } from '../../src/kernel/core/cpu-area.js';
import { list_add_tail } from '../../src/kernel/core/list.js';
import { ON_ITS_WAY, TASK, TASK_RUNNING, TASK_UNINTERRUPTIBLE } from '../../src/kernel/core/task-struct.js';
import { enqueueTask, putIncoming } from '../../src/kernel/cpu/run-queue.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import { prepareTask } from '../../src/kernel/sched/kthread.js';
import { joinLast, takeEntry } from '../../src/kernel/sched/wait-line.js';

/** Tasks for a machine on one thread: they are where tasks can be, but nobody ever runs them. */

/** A task that has a thread, as far as the kernel can tell, and sleeps. */
export function sleepingTask(k: Kernel, name: string): number {
  const task = prepareTask(k, name);
  k.i32[task + TASK.at.thread] = 100 + k.task_pid(task);
  return task;
}

/** A task in the run queue of the CPU that `k` is. */
export function queuedTask(k: Kernel, name: string): number {
  const task = sleepingTask(k, name);
  k.i32[task + TASK.at.state] = TASK_RUNNING;
  enqueueTask(k, task);
  return task;
}

/** A task that was brought to a CPU, and that this CPU has not seen. */
export function incomingTask(k: Kernel, name: string, cpu: number): number {
  const task = sleepingTask(k, name);
  k.i32[task + TASK.at.state] = TASK_RUNNING;
  k.i32[task + TASK.at.on_rq] = ON_ITS_WAY;
  putIncoming(k, task, cpu);
  return task;
}

/** Does something as a task: `current` is that, meanwhile. */
export function asTask<Value>(k: Kernel, task: number, action: () => Value): Value {
  const word = k.area + CPU_AREA.at.rq + RUN_QUEUE.at.current;
  const before = k.i32[word];
  k.i32[word] = task;
  try {
    return action();
  } finally {
    k.i32[word] = before;
  }
}

/** A task that sleeps in line; the word index of its entry. */
export function waitingTask(k: Kernel, name: string, line: number, flags: number): [number, number] {
  const task = sleepingTask(k, name);
  const entry = asTask(k, task, () => takeEntry(k, line, flags));
  joinLast(k, line, entry);
  k.i32[task + TASK.at.state] = TASK_UNINTERRUPTIBLE;
  return [task, entry];
}

/** Puts a list_head into a list, whatever is there. */
export function putInto(k: Kernel, list: number, head: number): void {
  list_add_tail(k.i32, list, head);
}
