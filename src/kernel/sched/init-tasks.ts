import type { Cpu } from '../core/cpu.js';
import { CONTEXT_START, CPU_AREA, RUN_QUEUE } from '../core/cpu-area.js';
import { KERNEL } from '../core/kernel-data.js';
import { COMM_BYTES, MAX_WAITS } from '../core/limits.js';
import { INIT_LIST_HEAD } from '../core/list.js';
import { resetTask } from '../core/task.js';
import { ON_CPU, TASK, TASK_KIND_IDLE, TASK_RUNNING, TASK_STOPPED, WAIT_ENTRY } from '../core/task-struct.js';
import { idleTask, inContext, writeAllowed } from '../core/tasks.js';
import { saveContext } from '../cpu/run-queue.js';

const RQ = CPU_AREA.at.rq;

/**
 * Makes the tasks, and every CPU one that is idle. At boot, after the areas of the CPUs.
 *
 * @param tasks word index of zeroed memory for `slots` tasks of `words` words each: a task_struct, and its private
 *   zonelists behind it
 */
export function sched_init(k: Cpu, tasks: number, words: number, slots: number): void {
  const { i32 } = k;
  const cpus = i32[KERNEL.nr_cpus];
  i32[KERNEL.tasks] = tasks;
  i32[KERNEL.task_words] = words;
  i32[KERNEL.nr_tasks] = slots;
  i32[KERNEL.last_pid] = cpus;
  i32[KERNEL.last_task] = 2 * cpus - 1;
  for (let slot = 0; slot < slots; slot++) {
    for (let i = 0; i < MAX_WAITS; i++) {
      const entry = tasks + slot * words + TASK.at.waits + i * WAIT_ENTRY.words;
      i32[entry + WAIT_ENTRY.at.task] = tasks + slot * words;
    }
  }
  for (let cpu = 0; cpu < cpus; cpu++) {
    initIdleTask(k, cpu);
  }
}

/** What runs on the CPU at boot has its context in the area already. */
function initIdleTask(k: Cpu, cpu: number): void {
  const { i32 } = k;
  const task = idleTask(k, cpu);
  const area = i32[KERNEL.cpu_area + cpu];
  initTask(k, task, TASK_KIND_IDLE, 0, `swapper/${cpu}`, [cpu]);
  i32[task + TASK.at.state] = TASK_RUNNING;
  i32[task + TASK.at.on_rq] = ON_CPU;
  INIT_LIST_HEAD(i32, area + RQ + RUN_QUEUE.at.first);
  i32[area + RQ + RUN_QUEUE.at.idle] = task;
  i32[area + RQ + RUN_QUEUE.at.current] = task;
  saveContext(k.as(cpu), task);
}

/** Makes a slot a task that has not run yet: stopped, with the context of a fresh one. */
export function initTask(
  k: Cpu,
  task: number,
  kind: number,
  pid: number,
  comm: string,
  cpus: readonly number[],
): void {
  const { i32 } = k;
  const { at } = TASK;
  if (kind !== TASK_KIND_IDLE) Atomics.add(i32, KERNEL.total_forks, 1);
  Atomics.store(i32, task + at.on_rq, 0);
  Atomics.store(i32, task + at.running, 0);
  Atomics.store(i32, task + at.thread, 0);
  Atomics.store(i32, task + at.cpu, cpus[0]);
  Atomics.store(i32, task + at.signals, 0);
  Atomics.store(i32, task + at.should_stop, 0);
  Atomics.store(i32, task + at.exited, 0);
  i32[task + at.creator] = 0;
  i32[task + at.nvcsw] = 0;
  i32[task + at.nivcsw] = 0;
  i32[task + at.kind] = kind;
  Atomics.store(i32, task + at.pid, pid);
  writeAllowed(k, task, cpus);
  // Where its context would be if the task were the area of a CPU.
  const asArea = task + at.context - CONTEXT_START;
  resetTask(k, asArea);
  i32[inContext(task, CPU_AREA.at.bind_zonelist)] = task + TASK.words;
  i32[inContext(task, CPU_AREA.at.pid)] = pid;
  for (const text of [task + at.comm, inContext(task, CPU_AREA.at.comm)])
    k.image.writeText(text * 4, COMM_BYTES, comm);
  Atomics.store(i32, task + at.state, TASK_STOPPED);
}
