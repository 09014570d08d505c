import { readOnce } from '../../core/access-once.js';
import type { Cpu } from '../../core/cpu.js';
import { CPU_AREA, RUN_QUEUE } from '../../core/cpu-area.js';
import { CPU_IRQ, NR_IRQS } from '../../core/interrupt-data.js';
import { KERNEL } from '../../core/kernel-data.js';
import { nr_running } from '../../cpu/load-average.js';
import { readCounter } from '../counter.js';

const COUNTS = CPU_AREA.at.irq + CPU_IRQ.at.irq_counts;
const SWITCHES = CPU_AREA.at.rq + RUN_QUEUE.at.nr_switches;

/**
 * /proc/stat (2.6.24), without the lines of times: nobody counts how long CPUs were in which mode, and the kernel does not
 * know the date. Interrupts of devices, in all and by line; switches between tasks; tasks ever created; tasks that can run;
 * tasks that wait for disks, of which there are none.
 */
export function stat(k: Cpu): string {
  let total = 0;
  let lines = '';
  for (let irq = 0; irq < NR_IRQS; irq++) {
    const count = interruptsOf(k, irq);
    total += count;
    lines += ` ${count}`;
  }
  let switches = 0;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    switches += readCounter(k, k.i32[KERNEL.cpu_area + cpu] + SWITCHES);
  }
  return (
    `intr ${total}${lines}\n` +
    `ctxt ${switches}\n` +
    `processes ${Atomics.load(k.i32, KERNEL.total_forks) >>> 0}\n` +
    `procs_running ${nr_running(k)}\n` +
    'procs_blocked 0\n'
  );
}

/** How often all CPUs, also those that are gone, have served a line. */
function interruptsOf(k: Cpu, irq: number): number {
  let count = 0;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    count += readOnce(k, k.i32[KERNEL.cpu_area + cpu] + COUNTS + irq) >>> 0;
  }
  return count;
}
