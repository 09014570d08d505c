import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { CONTEXT_START, CPU_AREA, RUN_QUEUE, TASK_CONTEXT } from '../core/cpu-area.js';
import { KERNEL } from '../core/kernel-data.js';
import { list_add_tail, list_del } from '../core/list.js';
import { ON_CPU, ON_ITS_WAY, ON_NOTHING, ON_QUEUE, TASK } from '../core/task-struct.js';

/**
 * The run queue of a CPU belongs to whoever owns the CPU, like all that is the CPU's alone: there is no lock. Who
 * brings a task to another CPU puts it into that CPU's list of incoming tasks, where the owner takes it from.
 */

const RQ = CPU_AREA.at.rq;
const INCOMING = RQ + RUN_QUEUE.at.incoming;
const QUEUE = RQ + RUN_QUEUE.at.first;
const NR_RUNNING = RQ + RUN_QUEUE.at.nr_running;
const CURRENT = RQ + RUN_QUEUE.at.current;
const IDLE = RQ + RUN_QUEUE.at.idle;
const { on_rq: ON_RQ, run_list: LINKS, next_incoming: NEXT, cpu: CPU, context: CONTEXT } = TASK.at;

/** Puts a runnable task behind the others. The caller owns the CPU. */
export function enqueueTask(k: Cpu, task: number): void {
  const { i32, area } = k;
  Atomics.store(i32, task + CPU, k.cpu);
  list_add_tail(i32, task + LINKS, area + QUEUE);
  i32[area + NR_RUNNING]++;
  Atomics.store(i32, task + ON_RQ, ON_QUEUE);
}

/** Takes a task out of the queue; it is in the caller's hands then. The caller owns the CPU. */
export function dequeueTask(k: Cpu, task: number): void {
  const { i32, area } = k;
  Atomics.store(i32, task + ON_RQ, ON_ITS_WAY);
  list_del(i32, task + LINKS);
  i32[area + NR_RUNNING]--;
}

/** The first task that waits for its turn, 0 if there is none. The caller owns the CPU. */
export function firstQueued(k: Cpu): number {
  const { i32, area } = k;
  return i32[area + QUEUE] === area + QUEUE ? 0 : i32[area + QUEUE] - LINKS;
}

/** The task behind another one in the queue, 0 if there is none. */
export function nextQueued(k: Cpu, task: number): number {
  const next = k.i32[task + LINKS];
  return next === k.area + QUEUE ? 0 : next - LINKS;
}

/**
 * Takes the task whose turn it is out of the queue, for it to run; 0 if there is none. The caller owns the CPU.
 */
export function pickNextTask(k: Cpu): number {
  const { i32 } = k;
  takeIncoming(k);
  const task = firstQueued(k);
  if (task === 0) return 0;
  // At once: should this thread die here, the console finds the task in either place, but in no one's hands it is lost.
  Atomics.store(i32, task + ON_RQ, ON_CPU);
  list_del(i32, task + LINKS);
  return task;
}

/** The task that was picked cannot run: its thread is dead. The caller owns the CPU. */
export function dropDead(k: Cpu, task: number): void {
  uncountRunning(k);
  Atomics.store(k.i32, task + ON_RQ, ON_NOTHING);
}

/** The task that runs gives up the CPU: it does not count there any more. The caller owns the CPU. */
export function uncountRunning(k: Cpu): void {
  k.i32[k.area + NR_RUNNING]--;
}

/** Queues the tasks that were brought here, in the order in which they came. The caller owns the CPU. */
export function takeIncoming(k: Cpu): void {
  while (Atomics.load(k.i32, k.area + INCOMING) !== 0) takeOldestIncoming(k);
}

/** Others put tasks in at the front only, so all behind that is the owner's. */
function takeOldestIncoming(k: Cpu): void {
  const { i32, area } = k;
  let task = Atomics.load(i32, area + INCOMING);
  while (i32[task + NEXT] !== 0) task = i32[task + NEXT];
  // First in, then out: a task that is in neither would be lost with this thread.
  enqueueTask(k, task);
  if (Atomics.compareExchange(i32, area + INCOMING, task, 0) === task) return;
  let before = Atomics.load(i32, area + INCOMING);
  while (i32[before + NEXT] !== task) before = i32[before + NEXT];
  i32[before + NEXT] = 0;
}

/** Puts a task that the caller has in hand (ON_ITS_WAY) into the list of a CPU. Any thread. */
export function putIncoming(k: Cpu, task: number, cpu: number): void {
  const { i32 } = k;
  const list = i32[KERNEL.cpu_area + cpu] + INCOMING;
  Atomics.store(i32, task + CPU, cpu);
  for (;;) {
    const first = Atomics.load(i32, list);
    i32[task + NEXT] = first;
    if (Atomics.compareExchange(i32, list, first, task) === first) return;
  }
}

/** Whether tasks wait for a CPU. Any thread; the answer may be old when it arrives, unless the caller owns the CPU. */
export function hasWaitingTasks(k: Cpu, area: number): boolean {
  if (Atomics.load(k.i32, area + INCOMING) !== 0) return true;
  return readOnce(k, area + QUEUE) !== area + QUEUE;
}

/** Whether tasks were brought to a CPU that its owner has not queued. Any thread; the answer may be old when it arrives. */
export function hasIncomingTasks(k: Cpu, area: number): boolean {
  return Atomics.load(k.i32, area + INCOMING) !== 0;
}

/** Whether a CPU runs no task. Any thread; the answer may be old when it arrives. */
export function isIdleCpu(k: Cpu, cpu: number): boolean {
  const area = k.i32[KERNEL.cpu_area + cpu];
  return readOnce(k, area + CURRENT) === readOnce(k, area + IDLE) && !hasWaitingTasks(k, area);
}

/** The tasks that a CPU has to do, the running one included. Any thread; the answer may be old when it arrives. */
export function nrRunning(k: Cpu, cpu: number): number {
  const area = k.i32[KERNEL.cpu_area + cpu];
  return readOnce(k, area + NR_RUNNING) + (readOnce(k, area + INCOMING) === 0 ? 0 : 1);
}

/** Stores what the running task has in the area of its CPU into the task. The caller owns the CPU. */
export function saveContext(k: Cpu, task: number): void {
  const { i32, area } = k;
  for (let i = 0; i < TASK_CONTEXT.words; i++) i32[task + CONTEXT + i] = i32[area + CONTEXT_START + i];
}

/** Makes a task's context that of this CPU. The caller owns the CPU. */
export function loadContext(k: Cpu, task: number): void {
  const { i32, area } = k;
  for (let i = 0; i < TASK_CONTEXT.words; i++) i32[area + CONTEXT_START + i] = i32[task + CONTEXT + i];
}
