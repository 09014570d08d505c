import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, IRQ_DEVICE } from '../core/cpu-area.js';
import { cpu_online } from '../core/cpu-mask.js';
import { CPU_IRQ, NR_IRQS } from '../core/interrupt-data.js';
import { KERNEL } from '../core/kernel-data.js';
import { raiseInterrupt } from './raise-interrupt.js';

const PENDING = CPU_AREA.at.irq + CPU_IRQ.at.irq_pending;

/**
 * Raises the interrupt of a device on a CPU, which serves it as soon as its interrupts are on. Raised again before
 * that, it is served once, as an edge-triggered line is. A CPU that is offline passes it on to one that is not. Any
 * thread, any context.
 */
export function raise_irq(k: Cpu, cpu: number, irq: number): void {
  if (!(Number.isInteger(irq) && irq >= 0 && irq < NR_IRQS)) BUG(k, `there is no IRQ ${irq}`);
  if (!(cpu >= 0 && cpu < k.i32[KERNEL.nr_cpus]))
    BUG(k, `IRQ ${irq} raised on CPU ${cpu}: there is no such CPU`);
  Atomics.or(k.i32, k.i32[KERNEL.cpu_area + cpu] + PENDING + (irq >>> 5), 1 << (irq & 31));
  // Whoever takes the CPU down looks for interrupts after it has gone: one of the two sees the other.
  if (cpu_online(k, cpu)) raiseInterrupt(k, cpu, IRQ_DEVICE);
  else passOnIrqs(k, cpu);
}

/** Raises elsewhere what is pending on a CPU that is offline. Any thread. */
export function passOnIrqs(k: Cpu, cpu: number): void {
  const target = otherCpu(k, cpu);
  if (target < 0) return;
  for (let i = 0; i < NR_IRQS / 32; i++) {
    const pending = Atomics.exchange(k.i32, k.i32[KERNEL.cpu_area + cpu] + PENDING + i, 0);
    for (let bit = 0; bit < 32; bit++) {
      if (((pending >>> bit) & 1) !== 0) raise_irq(k, target, i * 32 + bit);
    }
  }
}

/** An online CPU other than this one, of the same node if there is one; -1 if there is none. Any thread. */
export function otherCpu(k: Cpu, cpu: number): number {
  let found = -1;
  for (let other = 0; other < k.i32[KERNEL.nr_cpus]; other++) {
    if (other === cpu || !cpu_online(k, other)) continue;
    if (k.i32[KERNEL.cpu_node + other] === k.i32[KERNEL.cpu_node + cpu]) return other;
    if (found < 0) found = other;
  }
  return found;
}
