import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, CPU_ONLINE, RUN_QUEUE } from '../core/cpu-area.js';
import { KERNEL, SYSTEM_RUNNING } from '../core/kernel-data.js';
import { ON_ITS_WAY, TASK, TASK_KIND_CPU } from '../core/task-struct.js';
import { mayRunOn } from '../core/tasks.js';
import { needsThread, ringClock, wakeClock } from './clock-bell.js';
import {
  dequeueTask,
  dropDead,
  firstQueued,
  hasIncomingTasks,
  hasWaitingTasks,
  loadContext,
  nextQueued,
  pickNextTask,
  putIncoming,
  takeIncoming,
  uncountRunning,
} from './run-queue.js';
import { selectCpu } from './select-cpu.js';

/**
 * How a CPU finds its next thread. A CPU is a right to execute, and passes from thread to thread: the one that has it
 * names the next one, or leaves the CPU idle; who brings a task to an idle CPU takes the CPU for a moment, to name it.
 *
 * Nobody may forget a task. Who brings one puts it into the CPU's list, then looks whether the CPU is idle; who
 * leaves a CPU idle says so, then looks whether a task was brought: one of the two sees the other.
 */

const { owner: OWNER, claim: CLAIM, state: STATE, rq: RQ } = CPU_AREA.at;
const CURRENT = RQ + RUN_QUEUE.at.current;
const IDLE = RQ + RUN_QUEUE.at.idle;
const SWITCHES = RQ + RUN_QUEUE.at.nr_switches;
const IN_TRANSIT = RQ + RUN_QUEUE.at.in_transit;
const { thread: THREAD, running: RUNNING } = TASK.at;

/**
 * Gives the CPU, which the caller owns, to the task that it has picked: its thread goes on with it.
 *
 * @returns false when the task's thread is dead: the CPU is still the caller's then
 */
function passCpu(k: Cpu, task: number): boolean {
  const { i32, area } = k;
  const thread = Atomics.load(i32, task + THREAD);
  if (thread === 0) return false;
  Atomics.store(i32, area + OWNER, thread);
  // Who buries a thread says first that it is dead, then takes what it owns. So no CPU is left with a dead thread: either
  // that one takes it, or this one takes it back.
  if (Atomics.load(i32, task + THREAD) !== thread)
    return Atomics.compareExchange(i32, area + OWNER, thread, k.platform.thread) !== thread;
  Atomics.store(i32, task + RUNNING, k.cpu + 1);
  // All: besides its thread, those may wait for this word who want the task to leave a CPU.
  k.platform.notify(task + RUNNING, Infinity);
  return true;
}

/**
 * Gives the CPU, which the caller owns with interrupts off, to the next task, or leaves it idle. The task that ran has
 * left it: its context is saved, and it is in a queue or asleep.
 *
 * @returns whether a task runs there now
 */
export function runNext(k: Cpu): boolean {
  const { i32, area } = k;
  // Whoever claims the CPU wants it idle.
  const mayRun = Atomics.load(i32, area + CLAIM) === 0;
  for (let next = mayRun ? pickNextTask(k) : 0; next !== 0; next = pickNextTask(k)) {
    if (!mayRunOn(k, next, k.cpu)) {
      sendAway(k, next);
      continue;
    }
    takeUp(k, next);
    k.f64[(area + SWITCHES) >>> 1]++;
    if (passCpu(k, next)) return true;
    dropDead(k, next);
  }
  takeUp(k, i32[area + IDLE]);
  i32[area + CPU_AREA.at.irqs_disabled] = 0;
  releaseCpu(k);
  return false;
}

/** The task was picked, but may not run on this CPU any more. */
function sendAway(k: Cpu, task: number): void {
  // As in pushTask().
  k.i32[k.area + IN_TRANSIT] = task;
  uncountRunning(k);
  Atomics.store(k.i32, task + TASK.at.on_rq, ON_ITS_WAY);
  bringTask(k, task, selectCpu(k, task));
  k.i32[k.area + IN_TRANSIT] = 0;
}

/** Makes a task the one that runs on this CPU. */
function takeUp(k: Cpu, task: number): void {
  k.i32[k.area + CURRENT] = task;
  loadContext(k, task);
}

/** Leaves the idle CPU `k.cpu`, which the caller owns; then looks whether a task has come, or an interrupt. */
export function releaseCpu(k: Cpu): void {
  Atomics.store(k.i32, k.area + OWNER, 0);
  if (needsThread(k, k.area)) ringClock(k);
  dispatchIdle(k, k.cpu);
}

/**
 * Lets a CPU run the tasks that wait for it, if it is idle and nobody claims it; if it is offline they go elsewhere. Any
 * thread: it takes the CPU for a moment. Else whoever has the CPU, or brings it back, does it.
 */
export function dispatchIdle(k: Cpu, cpu: number): void {
  const { i32 } = k;
  const area = i32[KERNEL.cpu_area + cpu];
  if (!hasWaitingTasks(k, area) || Atomics.load(i32, area + CLAIM) !== 0) return;
  if (Atomics.load(i32, KERNEL.system_state) > SYSTEM_RUNNING) return;
  const isOnline = Atomics.load(i32, area + STATE) === CPU_ONLINE;
  if (!isOnline && !hasIncomingTasks(k, area)) return;
  if (Atomics.compareExchange(i32, area + OWNER, 0, k.platform.thread) !== 0) return;
  i32[area + CPU_AREA.at.irqs_disabled] = 1;
  const idle = k.as(cpu);
  if (!isOnline) {
    moveTasksAway(idle);
    i32[area + CPU_AREA.at.irqs_disabled] = 0;
    releaseCpu(idle);
    return;
  }
  // The clock may sleep, and does not know that this CPU needs its ticks now.
  wakeClock(k);
  runNext(idle);
}

/** Brings the tasks of a CPU that is offline to others, all but its own thread's. The caller owns the CPU. */
export function moveTasksAway(k: Cpu): void {
  takeIncoming(k);
  let next: number;
  for (let task = firstQueued(k); task !== 0; task = next) {
    next = nextQueued(k, task);
    if (k.i32[task + TASK.at.kind] !== TASK_KIND_CPU) pushTask(k, task, selectCpu(k, task));
  }
}

/** Takes a task out of this CPU's queue and brings it to another CPU. The caller owns the CPU. */
export function pushTask(k: Cpu, task: number, cpu: number): void {
  // Should this thread die in between, the console finds the task by this.
  k.i32[k.area + IN_TRANSIT] = task;
  dequeueTask(k, task);
  bringTask(k, task, cpu);
  k.i32[k.area + IN_TRANSIT] = 0;
}

/** Brings a task that the caller has in hand (ON_ITS_WAY) to a CPU. Any thread. */
export function bringTask(k: Cpu, task: number, cpu: number): void {
  putIncoming(k, task, cpu);
  dispatchIdle(k, cpu);
}
