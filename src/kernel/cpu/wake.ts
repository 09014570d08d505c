import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, RUN_QUEUE } from '../core/cpu-area.js';
import { local_irq_restore, local_irq_save } from '../core/irqflags.js';
import {
  ON_ITS_WAY,
  ON_NOTHING,
  TASK,
  TASK_INTERRUPTIBLE,
  TASK_RUNNING,
  TASK_UNINTERRUPTIBLE,
} from '../core/task-struct.js';
import { bringTask } from './dispatch.js';
import { selectCpu } from './select-cpu.js';

/**
 * Waking tasks. Two words decide: `state`, which the sleeper has set before it looked for the last time whether it must
 * sleep, and `on_rq`, which says whether it has really left its CPU. Who turns `on_rq` from ON_NOTHING brings the task to a
 * CPU; if the sleeper has not left yet, it notices by its state that it was woken, and stays.
 */

const IN_TRANSIT = CPU_AREA.at.rq + RUN_QUEUE.at.in_transit;
const { state: STATE, on_rq: ON_RQ } = TASK.at;

/**
 * Wakes a task if its state is one of `states`. Any context on a CPU.
 *
 * @param states TASK_INTERRUPTIBLE and its like, or-ed
 * @returns whether it was in such a state: then it runs, or will
 */
export function try_to_wake_up(k: Cpu, task: number, states: number): boolean {
  const flags = local_irq_save(k);
  // Should this thread die before the task is in a queue, the console finds it by this.
  k.i32[k.area + IN_TRANSIT] = task;
  const woken = wakeFromOutside(k, task, states);
  k.i32[k.area + IN_TRANSIT] = 0;
  local_irq_restore(k, flags);
  return woken;
}

/** {@link try_to_wake_up} for a thread that is no CPU: the console, or one that wants to become one. */
export function wakeFromOutside(k: Cpu, task: number, states: number): boolean {
  if (!makeRunning(k, task, states)) return false;
  if (Atomics.compareExchange(k.i32, task + ON_RQ, ON_NOTHING, ON_ITS_WAY) === ON_NOTHING)
    bringTask(k, task, selectCpu(k, task));
  return true;
}

function makeRunning(k: Cpu, task: number, states: number): boolean {
  for (;;) {
    const state = Atomics.load(k.i32, task + STATE);
    if ((state & states) === 0) return false;
    if (Atomics.compareExchange(k.i32, task + STATE, state, TASK_RUNNING) === state) return true;
  }
}

/**
 * Wakes a task, whatever kind of sleep it is in. Any context.
 *
 * @returns 1 if it slept, else 0
 */
export function wake_up_process(k: Cpu, task: number): number {
  return try_to_wake_up(k, task, TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE) ? 1 : 0;
}

/** Sets the running task's state, before it looks for the last time whether it must sleep. Process context. */
export function set_task_state(k: Cpu, task: number, state: number): void {
  Atomics.store(k.i32, task + STATE, state);
}
