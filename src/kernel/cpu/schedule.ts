import { BUG, currentComm } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, IRQ_RESCHEDULE } from '../core/cpu-area.js';
import { local_irq_restore, local_irq_save, poll } from '../core/irqflags.js';
import { in_atomic, preempt_count } from '../core/preempt.js';
import { checkRunning } from '../core/system-state.js';
import {
  ON_ITS_WAY,
  ON_NOTHING,
  RUNNING_SERVE,
  TASK,
  TASK_INTERRUPTIBLE,
  TASK_KIND_IDLE,
  TASK_RUNNING,
} from '../core/task-struct.js';
import { current, mayRunOn } from '../core/tasks.js';
import { askForTask } from './balance.js';
import { bringTask, runNext } from './dispatch.js';
import { serveIdleCpu } from './ownership.js';
import { enqueueTask, hasWaitingTasks, saveContext, uncountRunning } from './run-queue.js';
import { selectCpu } from './select-cpu.js';

/**
 * The scheduler: tasks take turns. A task runs until it sleeps, ends, yields, or has had its tick while others wait; then the
 * next in the CPU's queue does. Each has a thread of its own as its stack, so that a switch is this: the old thread
 * names the new one as the owner of the CPU and wakes it, then waits until some CPU is given to itself.
 */

const { pending: PENDING, claim: CLAIM } = CPU_AREA.at;
const { state: STATE, on_rq: ON_RQ, running: RUNNING, signals: SIGNALS, kind: KIND } = TASK.at;

/**
 * Lets another task run. If the running task's state is not TASK_RUNNING it sleeps until it is woken, and goes on then,
 * possibly on another CPU; else it goes on when its turn comes. Process context, no lock held.
 *
 * @throws KernelBug in any other context, MachineHalted or KernelPanic when the machine stops meanwhile
 */
export function schedule(k: Cpu): void {
  mustBeAbleToLeave(k);
  giveUpCpu(k, false);
}

/**
 * Reports who must not sleep here, before it has begun anything that its sleep would end.
 *
 * @throws KernelBug in an atomic section, and where no task runs
 */
export function mustBeAbleToLeave(k: Cpu): void {
  if (in_atomic(k)) {
    const count = (preempt_count(k) >>> 0).toString(16).padStart(8, '0');
    BUG(k, `scheduling while atomic: ${currentComm(k)}/${k.i32[k.area + CPU_AREA.at.pid]}/0x${count}`);
  }
  if (!isTask(k)) BUG(k, 'bad: scheduling from the idle thread!');
}

/** Whether a task runs on this CPU, not what it does when it is idle. The console runs none. */
export function isTask(k: Cpu): boolean {
  const task = current(k);
  return task !== 0 && k.i32[task + KIND] !== TASK_KIND_IDLE;
}

/**
 * Another task is to have the CPU, at a point where the running one may be preempted. Whatever state that one is in, it
 * stays runnable: it may have been about to sleep, and has not looked yet whether it must.
 */
export function preempt_schedule(k: Cpu): void {
  giveUpCpu(k, true);
}

/** Lets others run if they wait and the running task has had its tick. Process context. */
export function cond_resched(k: Cpu): void {
  poll(k);
}

/** Lets all others that wait for this CPU run first. Process context. */
export function yield_(k: Cpu): void {
  Atomics.store(k.i32, current(k) + STATE, TASK_RUNNING);
  schedule(k);
}

/** Whether the running task is to give up its CPU. Any context. */
export function need_resched(k: Cpu): boolean {
  return (k.platform.poll(k.area + PENDING, k.i32) & IRQ_RESCHEDULE) !== 0;
}

/** Asks the running task of this CPU to give it up at the next point where it can. Any context. */
export function set_need_resched(k: Cpu): void {
  Atomics.or(k.i32, k.area + PENDING, IRQ_RESCHEDULE);
}

function giveUpCpu(k: Cpu, preempted: boolean): void {
  checkRunning(k);
  const flags = local_irq_save(k);
  const task = current(k);
  if (need_resched(k)) Atomics.and(k.i32, k.area + PENDING, ~IRQ_RESCHEDULE);
  if (!goesOn(k, task, preempted)) {
    countSwitch(k, task, preempted);
    leaveCpu(k, task, preempted);
    waitForCpu(k, task);
  }
  local_irq_restore(k, flags);
}

/** Whether nobody else is there to run, and the task can go on at once. */
function goesOn(k: Cpu, task: number, preempted: boolean): boolean {
  const { i32, area } = k;
  if (!preempted && Atomics.load(i32, task + STATE) !== TASK_RUNNING) return false;
  if (Atomics.load(i32, area + CLAIM) !== 0 || hasWaitingTasks(k, area)) return false;
  return mayRunOn(k, task, k.cpu);
}

function countSwitch(k: Cpu, task: number, preempted: boolean): void {
  k.i32[task + (preempted ? TASK.at.nivcsw : TASK.at.nvcsw)]++;
  k.i32[task + TASK.at.last_switch] = Math.floor(k.platform.now());
}

/** The running task leaves its CPU, which the next one gets. Its thread owns no CPU any more then. Interrupts are off. */
export function leaveCpu(k: Cpu, task: number, preempted: boolean): void {
  const { cpu } = k;
  saveContext(k, task);
  uncountRunning(k);
  Atomics.store(k.i32, task + RUNNING, 0);
  if (preempted || !fallAsleep(k, task)) queueAgain(k, task);
  if (!runNext(k)) askForTask(k, cpu);
}

/**
 * Takes a task that wants to sleep from the runnable ones, unless there is a reason not to. From here on anybody can
 * wake it and bring it to a CPU: its context is saved, and its thread will look for that.
 *
 * @returns false when it must go on, and is still in the caller's hands
 */
function fallAsleep(k: Cpu, task: number): boolean {
  const { i32 } = k;
  const state = Atomics.load(i32, task + STATE);
  if (state === TASK_RUNNING) return false;
  if ((state & TASK_INTERRUPTIBLE) !== 0 && Atomics.load(i32, task + SIGNALS) !== 0) {
    Atomics.store(i32, task + STATE, TASK_RUNNING);
    return false;
  }
  Atomics.store(i32, task + ON_RQ, ON_NOTHING);
  if (Atomics.load(i32, task + STATE) !== TASK_RUNNING) return true;
  // Woken just before. Who woke it saw it awake, or brings it somewhere now: one of the two takes it in hand.
  return Atomics.compareExchange(i32, task + ON_RQ, ON_NOTHING, ON_ITS_WAY) !== ON_NOTHING;
}

/** Puts a runnable task back into the queue, of another CPU if it may not run here any more. */
function queueAgain(k: Cpu, task: number): void {
  if (mayRunOn(k, task, k.cpu)) {
    enqueueTask(k, task);
    return;
  }
  Atomics.store(k.i32, task + ON_RQ, ON_ITS_WAY);
  bringTask(k, task, selectCpu(k, task));
}

/**
 * Waits until a CPU is given to the task, whose thread calls this and owns none; then this thread is that CPU.
 *
 * @throws MachineHalted or KernelPanic when the machine stops meanwhile
 */
export function waitForCpu(k: Cpu, task: number): void {
  const { i32 } = k;
  for (;;) {
    const running = Atomics.load(i32, task + RUNNING);
    if (running > 0) {
      k.become(running - 1);
      return;
    }
    checkRunning(k);
    if (running === RUNNING_SERVE) {
      Atomics.compareExchange(i32, task + RUNNING, RUNNING_SERVE, 0);
      serveIdleCpu(k);
    } else {
      k.platform.wait(task + RUNNING, running, Infinity);
    }
  }
}
