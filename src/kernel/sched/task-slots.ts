import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { ON_NOTHING, TASK, TASK_KIND_THREAD } from '../core/task-struct.js';
import { firstThreadSlot, taskAt } from '../core/tasks.js';
import { initTask } from './init-tasks.js';

/**
 * The slots of tasks. One is used as long as its thread lives, or somebody has a reference to it. Free slots are used in
 * turn, so that what was a task stays recognisable for a while.
 */

const { usage: USAGE, on_rq: ON_RQ, pid: PID } = TASK.at;

/** Pids are below this (PID_MAX_DEFAULT). */
const PID_MAX = 32768;

/**
 * A new task: stopped, without a thread, free to run on all CPUs. Any context.
 *
 * @param comm its name; 15 characters of it are kept
 * @returns 0 when there are MAX_KTHREADS already
 */
export function allocTask(k: Cpu, comm: string): number {
  const { i32 } = k;
  const first = firstThreadSlot(k);
  const count = i32[KERNEL.nr_tasks] - first;
  const last = Atomics.load(i32, KERNEL.last_task) - first;
  for (let i = 1; i <= count; i++) {
    const slot = first + ((last + i + count) % count);
    const task = taskAt(k, slot);
    // A dead task can still be in a queue, until its turn comes.
    if (Atomics.load(i32, task + ON_RQ) !== ON_NOTHING) continue;
    if (Atomics.compareExchange(i32, task + USAGE, 0, 1) !== 0) continue;
    Atomics.store(i32, KERNEL.last_task, slot);
    initTask(k, task, TASK_KIND_THREAD, newPid(k), comm, allCpus(k));
    return task;
  }
  return 0;
}

function allCpus(k: Cpu): number[] {
  const cpus: number[] = [];
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) cpus.push(cpu);
  return cpus;
}

/** The next pid that no task has. */
function newPid(k: Cpu): number {
  for (;;) {
    const pid = Atomics.add(k.i32, KERNEL.last_pid, 1) + 1;
    if (pid >= PID_MAX) Atomics.compareExchange(k.i32, KERNEL.last_pid, pid, k.i32[KERNEL.nr_cpus]);
    else if (find_task_by_pid(k, pid) === 0) return pid;
  }
}

/** The living task with a pid, 0 if there is none. Any thread; the answer may be old when it arrives. */
export function find_task_by_pid(k: Cpu, pid: number): number {
  const { i32 } = k;
  for (let slot = i32[KERNEL.nr_cpus]; slot < i32[KERNEL.nr_tasks]; slot++) {
    const task = taskAt(k, slot);
    if (Atomics.load(i32, task + PID) === pid && isUsed(k, slot)) return task;
  }
  return 0;
}

/** Whether a slot has a task. Those of the CPUs have one for ever. */
export function isUsed(k: Cpu, slot: number): boolean {
  return slot < firstThreadSlot(k) || Atomics.load(k.i32, taskAt(k, slot) + USAGE) !== 0;
}

/** How many tasks there are, those of idle CPUs aside. Any thread; the answer may be old when it arrives. */
export function nr_threads(k: Cpu): number {
  let count = 0;
  for (let slot = k.i32[KERNEL.nr_cpus]; slot < k.i32[KERNEL.nr_tasks]; slot++) if (isUsed(k, slot)) count++;
  return count;
}

/** Keeps a task's slot from being used again until {@link put_task_struct}. The task lives, or has a reference. Any context. */
export function get_task_struct(k: Cpu, task: number): void {
  Atomics.add(k.i32, task + USAGE, 1);
}

/**
 * Gives back a reference to a task. Any thread.
 *
 * @throws KernelBug when there is none
 */
export function put_task_struct(k: Cpu, task: number): void {
  if (Atomics.sub(k.i32, task + USAGE, 1) > 0) return;
  Atomics.add(k.i32, task + USAGE, 1);
  BUG(k, `put_task_struct: no reference to task ${k.i32[task + PID]} is left`);
}
