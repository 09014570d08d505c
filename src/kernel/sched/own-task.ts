import type { Cpu } from '../core/cpu.js';
import { local_irq_disable, local_irq_enable, poll } from '../core/irqflags.js';
import { TASK, TASK_KIND_CPU, TASK_STOPPED } from '../core/task-struct.js';
import { cpuTask, current } from '../core/tasks.js';
import { leaveCpu, waitForCpu } from '../cpu/schedule.js';
import { wakeFromOutside } from '../cpu/wake.js';
import { initTask } from './init-tasks.js';

/**
 * The task of a CPU's own thread: what the host lets the CPU run. It is bound to the CPU, sleeps and takes turns like every
 * other; between two calls of the host it is stopped, and its thread answers the host.
 */

/** The CPU has a thread, at boot or after the death of the one before. Its task is a fresh one, and does not run. */
export function attachOwnThread(k: Cpu, cpu: number, thread: number): void {
  const task = cpuTask(k, cpu);
  initTask(k, task, TASK_KIND_CPU, 1 + cpu, `run/${cpu}`, [cpu]);
  Atomics.store(k.i32, task + TASK.at.thread, thread);
}

/**
 * Makes the calling thread, which is CPU `k.cpu`'s own, that CPU, when its turn comes.
 *
 * @throws KernelPanic or MachineHalted when the machine stops meanwhile
 */
export function enterCpu(k: Cpu): void {
  const task = cpuTask(k, k.cpu);
  wakeFromOutside(k, task, TASK_STOPPED);
  waitForCpu(k, task);
  // Interrupts were off while the CPU changed hands.
  local_irq_enable(k);
}

/** Serves what came in, and leaves the CPU to the next task: the end of what the host let it run. */
export function exitCpu(k: Cpu): void {
  poll(k);
  local_irq_disable(k);
  const task = current(k);
  Atomics.store(k.i32, task + TASK.at.state, TASK_STOPPED);
  leaveCpu(k, task, false);
}
