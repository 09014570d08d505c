import type { Kernel } from '../../../kernel/kernel.js';
import { CPU_AREA } from '../../../kernel/core/cpu-area.js';
import { exitTask } from '../../../kernel/sched/exit.js';
import { becomeTask } from '../../../kernel/sched/kthread.js';
import { exitCpu } from '../../../kernel/sched/own-task.js';
import { irq_enter, irq_exit } from '../../../kernel/cpu/softirq.js';

/** What a simulated thread executes around a function of a scenario. */

/** The thread is the CPU already, and runs its task; afterwards the CPU is left to other tasks. */
export function runAsCpu(k: Kernel, body: (k: Kernel) => void): void {
  body(k);
  exitCpu(k);
}

/** A task with a thread of its own, which is a CPU when one is given to it. */
export function runAsTask(k: Kernel, task: number, body: (k: Kernel) => void): void {
  becomeTask(k, task);
  body(k);
  exitTask(k, 0);
}

/** The console is no CPU: nothing falls idle afterwards. */
export function runAsConsole(k: Kernel, body: (k: Kernel) => void): void {
  body(k);
}

/**
 * An interrupt handler, in hardirq context with interrupts off, and the softirqs that it leaves behind; the explorer begins
 * it where interrupts are on.
 */
export function runHandler(k: Kernel, handler: (k: Kernel) => void): void {
  const irqs = k.area + CPU_AREA.at.irqs_disabled;
  k.i32[irqs] = 1;
  irq_enter(k);
  handler(k);
  irq_exit(k);
  k.i32[irqs] = 0;
}
