import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { IRQ_RESCHEDULE } from '../core/cpu-area.js';
import { cpu_online } from '../core/cpu-mask.js';
import { DEBUG_SLEEP, KERNEL } from '../core/kernel-data.js';
import { ON_CPU, TASK, TASK_KIND_THREAD } from '../core/task-struct.js';
import { current, mayRunOn, task_cpu, writeAllowed } from '../core/tasks.js';
import { might_sleep } from '../cpu/might-sleep.js';
import { raiseInterrupt } from '../cpu/raise-interrupt.js';
import { preempt_schedule } from '../cpu/schedule.js';
import { waitWhileWord } from '../cpu/wait-for-word.js';

const { on_rq: ON_RQ, running: RUNNING, kind: KIND } = TASK.at;
const EINVAL = 22;

/**
 * Says on which CPUs a task may run. When this returns it runs on no other one; for the running task that means that it
 * may go on on another CPU. Process context, no lock held.
 *
 * @param cpus numbers of CPUs
 * @returns 0; -EINVAL when none of them is online, or the task is that of a CPU's own thread
 */
export function set_cpus_allowed(k: Cpu, task: number, cpus: readonly number[]): number {
  if ((k.debug & DEBUG_SLEEP) !== 0) might_sleep(k);
  if (k.i32[task + KIND] !== TASK_KIND_THREAD || !anyOnline(k, cpus)) return -EINVAL;
  writeAllowed(k, task, cpus);
  if (task === current(k)) {
    if (!mayRunOn(k, task, k.cpu)) preempt_schedule(k);
  } else {
    leaveForbiddenCpu(k, task);
  }
  return 0;
}

function anyOnline(k: Cpu, cpus: readonly number[]): boolean {
  for (const cpu of cpus) if (cpu >= 0 && cpu < k.i32[KERNEL.nr_cpus] && cpu_online(k, cpu)) return true;
  return false;
}

/** A task that waits for its turn is sent on when it comes; one that runs must first leave. */
function leaveForbiddenCpu(k: Cpu, task: number): void {
  for (;;) {
    const cpu = task_cpu(k, task);
    if (readOnce(k, task + ON_RQ) !== ON_CPU || mayRunOn(k, task, cpu)) return;
    raiseInterrupt(k, cpu, IRQ_RESCHEDULE);
    waitWhileWord(k, task + RUNNING, cpu + 1);
  }
}
