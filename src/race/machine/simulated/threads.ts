import type { Kernel } from '../../../kernel/kernel.js';
import { CPU_AREA } from '../../../kernel/core/cpu-area.js';
import { add_preempt_count, HARDIRQ_OFFSET, sub_preempt_count } from '../../../kernel/core/preempt.js';
import { goIdle } from '../../../kernel/cpu/ownership.js';

/** What a simulated thread executes around a function of a scenario. */

/** The thread is the CPU already; afterwards the CPU is idle. */
export function runAsCpu(k: Kernel, body: (k: Kernel) => void): void {
  body(k);
  goIdle(k);
}

/** The console is no CPU: nothing falls idle afterwards. */
export function runAsConsole(k: Kernel, body: (k: Kernel) => void): void {
  body(k);
}

/** An interrupt handler, in hardirq context with interrupts off; the explorer begins it where they are on. */
export function runHandler(k: Kernel, handler: (k: Kernel) => void): void {
  const irqs = k.area + CPU_AREA.at.irqs_disabled;
  k.i32[irqs] = 1;
  add_preempt_count(k, HARDIRQ_OFFSET);
  handler(k);
  sub_preempt_count(k, HARDIRQ_OFFSET);
  k.i32[irqs] = 0;
}
