import type { Cpu } from '../core/cpu.js';
import { cpu_online } from '../core/cpu-mask.js';
import { KERNEL } from '../core/kernel-data.js';
import { printk } from '../core/printk.js';
import { TASK, TASK_KIND_CPU } from '../core/task-struct.js';
import { mayRunOn, task_comm, task_pid, writeAllowed } from '../core/tasks.js';
import { isIdleCpu, nrRunning } from './run-queue.js';

const { cpu: CPU, kind: KIND } = TASK.at;

/**
 * The CPU for a task that becomes runnable: the one where it was if that is idle, else an idle one (of the same node
 * first), else the one with least to do. Any thread.
 */
export function selectCpu(k: Cpu, task: number): number {
  const last = Atomics.load(k.i32, task + CPU);
  if (k.i32[task + KIND] === TASK_KIND_CPU) return last;
  const suits = mayRunOn(k, task, last) && cpu_online(k, last);
  if (suits && isIdleCpu(k, last)) return last;
  const best = lightestCpu(k, task, last);
  if (best < 0) return breakAffinity(k, task);
  return suits && nrRunning(k, last) <= nrRunning(k, best) ? last : best;
}

/**
 * The online CPU with the fewest tasks among those that a task may run on, those on the node of `near` first; -1 if there
 * is none. Any thread; the answer may be old when it arrives.
 */
export function lightestCpu(k: Cpu, task: number, near: number): number {
  const { i32 } = k;
  let best = -1;
  let least = Infinity;
  for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) {
    if (!mayRunOn(k, task, cpu) || !cpu_online(k, cpu)) continue;
    const isFar = i32[KERNEL.cpu_node + cpu] !== i32[KERNEL.cpu_node + near];
    const load = nrRunning(k, cpu) + (isFar ? 0.5 : 0);
    if (load >= least) continue;
    best = cpu;
    least = load;
  }
  return best;
}

/** None of a task's CPUs is online: it may run on all from now on. */
function breakAffinity(k: Cpu, task: number): number {
  const { i32 } = k;
  const all: number[] = [];
  for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) all.push(cpu);
  writeAllowed(k, task, all);
  const last = Atomics.load(i32, task + CPU);
  const cpu = lightestCpu(k, task, last);
  printk(k, `process ${task_pid(k, task)} (${task_comm(k, task)}) no longer affine to cpu${last}`);
  return cpu;
}
