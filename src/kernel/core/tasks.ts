import type { Cpu } from './cpu.js';
import { CONTEXT_START, CPU_AREA, RUN_QUEUE } from './cpu-area.js';
import { KERNEL } from './kernel-data.js';
import { COMM_BYTES, CPUMASK_WORDS } from './limits.js';
import { RUNNING_END, RUNNING_SERVE, TASK } from './task-struct.js';

/** Where tasks are, and what does not change about them. A task is the word index of its task_struct. */

const CURRENT = CPU_AREA.at.rq + RUN_QUEUE.at.current;
const { context: CONTEXT, cpus_allowed: ALLOWED } = TASK.at;

/** The running task. Any context; in an interrupt, the task that it interrupted. */
export function current(k: Cpu): number {
  return k.i32[k.area + CURRENT];
}

/** The task in a slot. */
export function taskAt(k: Cpu, slot: number): number {
  return k.i32[KERNEL.tasks] + slot * k.i32[KERNEL.task_words];
}

/** A task's name. Any thread. */
export function task_comm(k: Cpu, task: number): string {
  return k.image.readText((task + TASK.at.comm) * 4, COMM_BYTES);
}

/** A task's number, 0 for those that run when a CPU is idle. Any thread. */
export function task_pid(k: Cpu, task: number): number {
  return k.i32[task + TASK.at.pid];
}

/** What reports call a task: `task kswapd0:12`. Any thread. */
export function nameTask(k: Cpu, task: number): string {
  return `task ${task_comm(k, task)}:${task_pid(k, task)}`;
}

/** The CPU on which a task runs, or did last. Any thread; the answer may be old when it arrives. */
export function task_cpu(k: Cpu, task: number): number {
  return Atomics.load(k.i32, task + TASK.at.cpu);
}

/** What a CPU runs when it runs nothing. */
export function idleTask(k: Cpu, cpu: number): number {
  return taskAt(k, cpu);
}

/** The task of a CPU's own thread: what the host lets the CPU run. */
export function cpuTask(k: Cpu, cpu: number): number {
  return taskAt(k, k.i32[KERNEL.nr_cpus] + cpu);
}

/** The first slot of tasks with threads of their own. */
export function firstThreadSlot(k: Cpu): number {
  return 2 * k.i32[KERNEL.nr_cpus];
}

/** Where a field of the running task's context lies while the task does not run. */
export function inContext(task: number, field: number): number {
  return task + CONTEXT + (field - CONTEXT_START);
}

/** The machine has stopped: the threads of all tasks that wait for a CPU are to notice it. Any thread. */
export function endWaitingTasks(k: Cpu): void {
  const { i32 } = k;
  for (let slot = 0; slot < i32[KERNEL.nr_tasks]; slot++) {
    const word = taskAt(k, slot) + TASK.at.running;
    Atomics.compareExchange(i32, word, RUNNING_SERVE, RUNNING_END);
    Atomics.compareExchange(i32, word, 0, RUNNING_END);
    k.platform.notify(word, Infinity);
  }
}

/** Whether a task may run on a CPU. Any thread. */
export function mayRunOn(k: Cpu, task: number, cpu: number): boolean {
  return ((Atomics.load(k.i32, task + ALLOWED + (cpu >>> 5)) >>> (cpu & 31)) & 1) !== 0;
}

/** Whether a task may run on one CPU only. Any thread. */
export function isBound(k: Cpu, task: number): boolean {
  let count = 0;
  for (let word = 0; word < CPUMASK_WORDS; word++) {
    let bits = Atomics.load(k.i32, task + ALLOWED + word);
    for (; bits !== 0; bits &= bits - 1) count++;
  }
  return count === 1;
}

/** Writes the mask of a task's CPUs, word by word. */
export function writeAllowed(k: Cpu, task: number, cpus: readonly number[]): void {
  for (let word = 0; word < CPUMASK_WORDS; word++) {
    let bits = 0;
    for (const cpu of cpus) if (cpu >>> 5 === word) bits |= 1 << (cpu & 31);
    Atomics.store(k.i32, task + ALLOWED + word, bits);
  }
}
