import { WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, RUN_QUEUE } from '../core/cpu-area.js';
import { KERNEL } from '../core/kernel-data.js';
import { INIT_LIST_HEAD } from '../core/list.js';
import {
  ON_CPU,
  ON_ITS_WAY,
  ON_NOTHING,
  ON_QUEUE,
  TASK,
  TASK_DEAD,
  TASK_KIND_CPU,
  TASK_KIND_IDLE,
  TASK_RUNNING,
  TASK_UNINTERRUPTIBLE,
} from '../core/task-struct.js';
import { nameTask, taskAt } from '../core/tasks.js';
import { enqueueTask, loadContext, putIncoming } from '../cpu/run-queue.js';
import { del_timer } from '../cpu/timer.js';
import { wakeFromOutside } from '../cpu/wake.js';
import { announceEnd, EXIT_KILLED, reportMutexes } from './exit.js';
import { leaveLines } from './leave-lines.js';
import { put_task_struct } from './task-slots.js';

/** What is left of a task whose thread has died. Everything here runs on the console. */

const RQ = CPU_AREA.at.rq;
const { first: FIRST, incoming: INCOMING, nr_running: NR_RUNNING } = RUN_QUEUE.at;
const { current: CURRENT, idle: IDLE, in_transit: IN_TRANSIT } = RUN_QUEUE.at;
const { thread: THREAD, state: STATE, on_rq: ON_RQ, running: RUNNING, cpu: CPU, kind: KIND } = TASK.at;

/** The host has no thread for a task that was to be created: who creates it in the kernel learns that, and frees it. */
export function refuseThread(k: Cpu, task: number): void {
  const creator = k.i32[task + TASK.at.creator];
  if (creator === 0) {
    put_task_struct(k, task);
    return;
  }
  Atomics.store(k.i32, task + THREAD, -1);
  wakeFromOutside(k, creator, TASK_UNINTERRUPTIBLE);
}

/** The thread of a task is dead: no CPU is given to it any more, from before this looks for those that it has. */
export function markThreadDead(k: Cpu, task: number): void {
  Atomics.store(k.i32, task + THREAD, 0);
  Atomics.store(k.i32, task + STATE, TASK_DEAD);
}

/**
 * Takes a task with a dead thread out of all lines in which it waited, and tells who waits for its end. A queue of
 * runnable tasks drops it when its turn comes.
 *
 * @throws WaitGivenUp when it must be done again
 */
export function buryTask(k: Cpu, task: number, reason: string): void {
  leaveAll(k, task);
  WARN(k, `${nameTask(k, task)}: its thread died (${reason})`);
  announceEnd(k, task, EXIT_KILLED);
  put_task_struct(k, task);
}

/** The own thread of a CPU is dead, and with it what the host let it run. As {@link buryTask}; the task stays. */
export function buryOwnTask(k: Cpu, task: number): void {
  leaveAll(k, task);
  Atomics.store(k.i32, task + ON_RQ, ON_NOTHING);
}

function leaveAll(k: Cpu, task: number): void {
  k.i32[KERNEL.task_deaths]++;
  del_timer(k, task + TASK.at.timeout);
  leaveLines(k, task);
  reportMutexes(k, task, `${nameTask(k, task)} died`);
}

/**
 * Puts the run queue of a CPU in order whose thread died at any point: it holds the tasks that say they are there, and the
 * CPU is idle. The caller owns the CPU, whose context is that of an idle one.
 */
export function recoverRunQueue(k: Cpu): void {
  const { i32, area } = k;
  const tasks = tasksOf(k);
  INIT_LIST_HEAD(i32, area + RQ + FIRST);
  i32[area + RQ + NR_RUNNING] = 0;
  i32[area + RQ + CURRENT] = i32[area + RQ + IDLE];
  loadContext(k, i32[area + RQ + IDLE]);
  for (const task of tasks) {
    if (Atomics.load(i32, task + THREAD) > 0) enqueueTask(k, task);
    else Atomics.store(i32, task + ON_RQ, ON_NOTHING);
  }
  const inTransit = i32[area + RQ + IN_TRANSIT];
  i32[area + RQ + IN_TRANSIT] = 0;
  if (inTransit !== 0 && !tasks.includes(inTransit)) bringOn(k, inTransit);
}

/** The tasks that are on this CPU, wherever its thread had got with them; the one that was about to run first. */
function tasksOf(k: Cpu): number[] {
  const { i32, area, cpu } = k;
  const tasks: number[] = [];
  const running = i32[area + RQ + CURRENT];
  if (i32[running + KIND] !== TASK_KIND_IDLE && Atomics.load(i32, running + ON_RQ) === ON_CPU)
    tasks.push(running);
  for (let slot = i32[KERNEL.nr_cpus]; slot < i32[KERNEL.nr_tasks]; slot++) {
    const task = taskAt(k, slot);
    const where = Atomics.load(i32, task + ON_RQ);
    const isHere = Atomics.load(i32, task + CPU) === cpu && task !== running;
    if (isHere && (where === ON_QUEUE || (where === ON_CPU && Atomics.load(i32, task + RUNNING) === 0)))
      tasks.push(task);
  }
  let task = Atomics.exchange(i32, area + RQ + INCOMING, 0);
  for (; task !== 0; task = i32[task + TASK.at.next_incoming]) if (!tasks.includes(task)) tasks.push(task);
  return tasks;
}

/** The thread had woken this task, or taken it from its queue, and was bringing it to a CPU: which one does not matter. */
function bringOn(k: Cpu, task: number): void {
  const { i32 } = k;
  if (Atomics.load(i32, task + ON_RQ) === ON_NOTHING) {
    if (Atomics.load(i32, task + STATE) !== TASK_RUNNING) return;
    if (Atomics.compareExchange(i32, task + ON_RQ, ON_NOTHING, ON_ITS_WAY) !== ON_NOTHING) return;
  } else if (Atomics.load(i32, task + ON_RQ) !== ON_ITS_WAY || isIncoming(k, task)) {
    return;
  }
  putIncoming(k, task, i32[task + KIND] === TASK_KIND_CPU ? Atomics.load(i32, task + CPU) : k.cpu);
}

function isIncoming(k: Cpu, wanted: number): boolean {
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    let task = Atomics.load(k.i32, k.i32[KERNEL.cpu_area + cpu] + RQ + INCOMING);
    for (; task !== 0; task = k.i32[task + TASK.at.next_incoming]) if (task === wanted) return true;
  }
  return false;
}
