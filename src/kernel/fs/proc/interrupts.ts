import { readOnce } from '../../core/access-once.js';
import type { Cpu } from '../../core/cpu.js';
import { CPU_AREA } from '../../core/cpu-area.js';
import { cpu_online } from '../../core/cpu-mask.js';
import { CPU_IRQ, KERNEL_IRQ, NR_IRQS } from '../../core/interrupt-data.js';
import { KERNEL } from '../../core/kernel-data.js';
import { irqNames } from '../../cpu/irq.js';
import { lu } from '../format.js';

const IRQ = CPU_AREA.at.irq;

/**
 * /proc/interrupts (2.6.24): for each line with a handler how often each online CPU has served it, then clock ticks,
 * calls from other CPUs, and interrupts without a handler.
 */
export function interrupts(k: Cpu): string {
  const cpus: number[] = [];
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) if (cpu_online(k, cpu)) cpus.push(cpu);
  let text = ' '.repeat(11);
  for (const cpu of cpus) text += `CPU${String(cpu).padEnd(8)}`;
  text += '\n';
  for (let irq = 0; irq < NR_IRQS; irq++) {
    const names = irqNames(k, irq);
    if (names.length === 0) continue;
    const counts = countsOf(k, cpus, CPU_IRQ.at.irq_counts + irq);
    text += `${lu(irq, 3)}: ${counts} ${'IO-APIC'.padStart(8)}-${'edge'.padEnd(8)}  ${names.join(', ')}\n`;
  }
  text += `LOC: ${countsOf(k, cpus, CPU_IRQ.at.tick_count)}  Local timer interrupts\n`;
  text += `CAL: ${countsOf(k, cpus, CPU_IRQ.at.call_count)}  Function call interrupts\n`;
  text += `ERR: ${lu(Atomics.load(k.i32, KERNEL.irq + KERNEL_IRQ.at.irq_err_count), 10)}\n`;
  return text;
}

/** `%10u ` for each CPU. The counters go on meanwhile. */
function countsOf(k: Cpu, cpus: readonly number[], offset: number): string {
  let text = '';
  for (const cpu of cpus) {
    text += `${lu(readOnce(k, k.i32[KERNEL.cpu_area + cpu] + IRQ + offset) >>> 0, 10)} `;
  }
  return text;
}
