import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, IRQ_DEVICE, IRQ_SOFTIRQ } from '../core/cpu-area.js';
import { CPU_IRQ, IRQ_DESC, NR_IRQS, TASKLET_LIST, TIMER_BASE, TIMER_LIST } from '../core/interrupt-data.js';
import { KERNEL } from '../core/kernel-data.js';
import { printk } from '../core/printk.js';
import { spin_lock, spin_unlock } from '../sync/spinlock.js';
import { ringClock } from './clock-bell.js';
import { raiseInterrupt } from './raise-interrupt.js';
import { irqDesc } from './irq.js';
import { endServing } from './irq-handle.js';
import { otherCpu, passOnIrqs, raise_irq } from './irq-raise.js';
import { pushTasklet } from './tasklet.js';
import { endTasklet, popTasklet } from './tasklet-run.js';
import { TASKLET } from './tasklet-struct.js';
import { endTimer } from './timer-run.js';
import { detachTimer, insertTimer, timerBase } from './timer-struct.js';

/**
 * What is pending on a CPU that goes away: timers and tasklets move to another CPU, and so do interrupts of devices.
 * Softirqs of modules that are pending stay, and run when the CPU is back. Everything here runs on the console.
 */

const IRQ = CPU_AREA.at.irq;

/**
 * Moves what is pending on a CPU that is offline.
 *
 * @throws WaitGivenUp when it must be done again
 */
export function moveInterruptWork(k: Cpu, cpu: number): void {
  const target = otherCpu(k, cpu);
  if (target < 0) return;
  moveTimers(k, cpu, target);
  for (const list of [CPU_IRQ.at.tasklets_hi, CPU_IRQ.at.tasklets]) moveTasklets(k, cpu, target, list);
  raiseInterrupt(k, target, IRQ_SOFTIRQ);
  passOnIrqs(k, cpu);
  ringClock(k);
}

function moveTimers(k: Cpu, cpu: number, target: number): void {
  const { i32 } = k;
  const from = timerBase(k, cpu);
  const to = timerBase(k, target);
  const list = from + TIMER_BASE.at.first;
  lockTwo(k, from, to, cpu < target);
  for (let timer = i32[list]; timer !== list; timer = i32[list]) {
    detachTimer(k, from, timer);
    Atomics.store(i32, timer + TIMER_LIST.at.base, target);
    insertTimer(k, to, timer, i32[timer + TIMER_LIST.at.expires]);
  }
  spin_unlock(k, from);
  spin_unlock(k, to);
}

function moveTasklets(k: Cpu, cpu: number, target: number, list: number): void {
  const { i32 } = k;
  const from = i32[KERNEL.cpu_area + cpu] + IRQ + list;
  const to = i32[KERNEL.cpu_area + target] + IRQ + list;
  lockTwo(k, from, to, cpu < target);
  while (i32[from + TASKLET_LIST.at.head] !== 0) {
    const tasklet = popTasklet(k, from);
    Atomics.store(i32, tasklet + TASKLET.at.cpu, target);
    pushTasklet(k, to, tasklet);
  }
  spin_unlock(k, from);
  spin_unlock(k, to);
}

/** Locks two of a kind, the one of the lower CPU first. */
function lockTwo(k: Cpu, a: number, b: number, aFirst: boolean): void {
  const first = aFirst ? a : b;
  spin_lock(k, first);
  try {
    spin_lock(k, aFirst ? b : a);
  } catch (error) {
    // The console has given up waiting; the context that it starts from again holds no lock.
    spin_unlock(k, first);
    throw error;
  }
}

/**
 * Ends what the thread of a CPU was running when it died, so that nobody waits for that. It held no lock.
 *
 * @param gone the kernel as the CPU sees it; the console owns it
 * @throws WaitGivenUp when it must be done again
 */
export function recoverInterruptWork(k: Cpu, gone: Cpu): void {
  const base = timerBase(k, gone.cpu);
  spin_lock(k, base);
  const timer = Atomics.load(k.i32, base + TIMER_BASE.at.running_timer);
  if (timer !== 0) endTimer(k, base);
  spin_unlock(k, base);
  const tasklet = k.i32[gone.area + IRQ + CPU_IRQ.at.running_tasklet];
  if (tasklet !== 0) endDeadTasklet(k, gone, tasklet);
  for (let irq = 0; irq < NR_IRQS; irq++) recoverLine(k, gone.cpu, irq);
  if (timer !== 0) printk(k, `CPU ${gone.cpu}: the timer ${k.nameOf(timer)} was running`);
  // Its pending bits are gone: it looks at everything when it is back.
  raiseInterrupt(k, gone.cpu, IRQ_DEVICE | IRQ_SOFTIRQ);
}

/** The CPU may have died just after the tasklet's end, when another had it already. */
function endDeadTasklet(k: Cpu, gone: Cpu, tasklet: number): void {
  if (Atomics.load(k.i32, tasklet + TASKLET.at.run) === gone.cpu + 1) endTasklet(gone, tasklet);
  else k.i32[gone.area + IRQ + CPU_IRQ.at.running_tasklet] = 0;
  printk(k, `CPU ${gone.cpu}: the tasklet ${k.nameOf(tasklet)} was running`);
}

function recoverLine(k: Cpu, cpu: number, irq: number): void {
  const desc = irqDesc(irq);
  if (Atomics.load(k.i32, desc + IRQ_DESC.at.serving) !== cpu + 1) return;
  spin_lock(k, desc);
  const again = k.i32[desc + IRQ_DESC.at.raised] !== 0;
  endServing(k, desc);
  spin_unlock(k, desc);
  if (again) raise_irq(k, cpu, irq);
}
