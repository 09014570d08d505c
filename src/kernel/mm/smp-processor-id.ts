import { currentComm, WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { irqs_disabled } from '../core/irqflags.js';
import { DEBUG_SLEEP } from '../core/kernel-data.js';
import { preempt_count } from '../core/preempt.js';
import { printk_ratelimit } from '../core/printk.js';
import { current, isBound } from '../core/tasks.js';

/**
 * The number of this CPU. With debug.sleep it warns when the number may be wrong at once, because the running task can
 * be preempted and go on elsewhere. A task that is bound to its CPU is not warned about: for it the number stays right.
 * Any context.
 */
export function smp_processor_id(k: Cpu): number {
  if ((k.debug & DEBUG_SLEEP) !== 0) checkBound(k);
  return k.cpu;
}

function checkBound(k: Cpu): void {
  const count = preempt_count(k);
  const task = current(k);
  if (count !== 0 || irqs_disabled(k) || task === 0 || isBound(k, task) || !printk_ratelimit(k)) return;
  WARN(
    k,
    `BUG: using smp_processor_id() in preemptible [${count.toString(16).padStart(8, '0')}] code: ` +
      `${currentComm(k)}/${k.i32[k.area + CPU_AREA.at.pid]}`,
  );
}
