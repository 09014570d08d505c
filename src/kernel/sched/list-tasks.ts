import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import {
  ON_CPU,
  TASK,
  TASK_DEAD,
  TASK_INTERRUPTIBLE,
  TASK_STOPPED,
  TASK_UNINTERRUPTIBLE,
} from '../core/task-struct.js';
import { task_comm, task_cpu, task_pid, taskAt } from '../core/tasks.js';
import { isUsed } from './task-slots.js';

/** What can be said of a task while it goes on. */
export interface TaskInfo {
  readonly pid: number;
  readonly comm: string;
  /** As `ps` writes it: R runs or waits for its turn, S and D sleep (interruptibly or not), T is stopped, X is dead. */
  readonly state: 'R' | 'S' | 'D' | 'T' | 'X';
  /** The CPU where it runs, or was last. */
  readonly cpu: number;
  /** Whether it runs at the moment. */
  readonly running: boolean;
  /** How often it gave up its CPU by itself, and was made to. */
  readonly voluntarySwitches: number;
  readonly involuntarySwitches: number;
}

/** All tasks but the idle ones. Any thread; the answer is old when it arrives. */
export function listTasks(k: Cpu): TaskInfo[] {
  const { i32 } = k;
  const tasks: TaskInfo[] = [];
  for (let slot = i32[KERNEL.nr_cpus]; slot < i32[KERNEL.nr_tasks]; slot++) {
    if (!isUsed(k, slot)) continue;
    const task = taskAt(k, slot);
    tasks.push({
      pid: task_pid(k, task),
      comm: task_comm(k, task),
      state: stateLetter(Atomics.load(i32, task + TASK.at.state)),
      cpu: task_cpu(k, task),
      running: Atomics.load(i32, task + TASK.at.on_rq) === ON_CPU,
      voluntarySwitches: readOnce(k, task + TASK.at.nvcsw),
      involuntarySwitches: readOnce(k, task + TASK.at.nivcsw),
    });
  }
  return tasks;
}

function stateLetter(state: number): TaskInfo['state'] {
  if ((state & TASK_DEAD) !== 0) return 'X';
  if ((state & TASK_STOPPED) !== 0) return 'T';
  if ((state & TASK_UNINTERRUPTIBLE) !== 0) return 'D';
  return (state & TASK_INTERRUPTIBLE) !== 0 ? 'S' : 'R';
}
