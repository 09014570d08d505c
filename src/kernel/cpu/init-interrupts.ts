import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { CPU_IRQ, KERNEL_IRQ, NR_IRQS, TIMER_BASE, TIMER_LIST } from '../core/interrupt-data.js';
import { KERNEL } from '../core/kernel-data.js';
import { lock_class } from '../sync/lockdep.js';
import { spin_lock_init } from '../sync/spinlock.js';
import { irqDesc } from './irq.js';
import { jiffies } from './jiffies.js';
import { initLoadAverage } from './load-average.js';
import { timerBase } from './timer-struct.js';

/** Milliseconds without a poll after which a CPU is reported as locked up, unless the machine says otherwise. */
export const SOFTLOCKUP_MS = 10_000;

/**
 * Makes the interrupt lines, and the timers and tasklets of each CPU. Boot CPU, when the areas of all CPUs exist.
 *
 * @param hz clock ticks a second
 * @param softlockupMs milliseconds without a poll after which a CPU counts as locked up
 */
export function init_interrupts(k: Cpu, hz: number, softlockupMs = SOFTLOCKUP_MS): void {
  k.i32[KERNEL.irq + KERNEL_IRQ.at.hz] = hz;
  k.i32[KERNEL.irq + KERNEL_IRQ.at.softlockup_ms] = softlockupMs;
  initLoadAverage(k);
  spin_lock_init(k, KERNEL.irq + KERNEL_IRQ.at.irq_lock, lock_class(k, 'irq_lock'));
  const lineClass = lock_class(k, 'irq_desc->lock');
  for (let irq = 0; irq < NR_IRQS; irq++) spin_lock_init(k, irqDesc(irq), lineClass);
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) initCpu(k, cpu);
}

function initCpu(k: Cpu, cpu: number): void {
  const irq = k.i32[KERNEL.cpu_area + cpu] + CPU_AREA.at.irq;
  const taskletClass = lock_class(k, 'tasklet_head->lock');
  spin_lock_init(k, irq + CPU_IRQ.at.tasklets_hi, taskletClass);
  spin_lock_init(k, irq + CPU_IRQ.at.tasklets, taskletClass);
  const base = timerBase(k, cpu);
  spin_lock_init(k, base, lock_class(k, 'tvec_base->lock'));
  const list = base + TIMER_BASE.at.first;
  k.i32[list + TIMER_LIST.at.next] = list;
  k.i32[list + TIMER_LIST.at.prev] = list;
  k.i32[base + TIMER_BASE.at.timer_jiffies] = jiffies(k);
}
