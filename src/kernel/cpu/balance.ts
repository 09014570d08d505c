import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, IRQ_BALANCE, RUN_QUEUE } from '../core/cpu-area.js';
import { cpu_online } from '../core/cpu-mask.js';
import { KERNEL } from '../core/kernel-data.js';
import { pushTask } from './dispatch.js';
import { raiseInterrupt } from './raise-interrupt.js';
import { firstQueued, nextQueued, nrRunning, takeIncoming } from './run-queue.js';
import { lightestCpu } from './select-cpu.js';

/**
 * Load balancing: a CPU gives tasks that wait in its queue to CPUs with less to do, at each tick and when one asks. Only
 * the owner of a CPU touches its queue, so nobody takes tasks away from there.
 */

const PUSHED = CPU_AREA.at.rq + RUN_QUEUE.at.nr_pushed;

/** Gives waiting tasks to CPUs that have at least two fewer, one to each that is busy. Hardirq context. */
export function balance(k: Cpu): void {
  takeIncoming(k);
  let lastBusy = -1;
  let next: number;
  for (let task = firstQueued(k); task !== 0; task = next) {
    next = nextQueued(k, task);
    const cpu = lightestCpu(k, task, k.cpu);
    if (cpu < 0 || cpu === k.cpu || cpu === lastBusy) continue;
    const load = nrRunning(k, cpu);
    if (load + 2 > nrRunning(k, k.cpu)) continue;
    if (load > 0) lastBusy = cpu;
    pushTask(k, task, cpu);
    k.f64[(k.area + PUSHED) >>> 1]++;
  }
}

/** A CPU has fallen idle: asks the one with most to do for a task. Any thread. */
export function askForTask(k: Cpu, cpu: number): void {
  let busiest = -1;
  let most = 1;
  for (let other = 0; other < k.i32[KERNEL.nr_cpus]; other++) {
    if (other === cpu || !cpu_online(k, other)) continue;
    const load = nrRunning(k, other);
    if (load <= most) continue;
    busiest = other;
    most = load;
  }
  if (busiest >= 0) raiseInterrupt(k, busiest, IRQ_BALANCE);
}
