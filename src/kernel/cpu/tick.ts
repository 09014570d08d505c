import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { CPU_IRQ, TIMER_BASE } from '../core/interrupt-data.js';
import { balance } from './balance.js';
import { jiffies, time_after } from './jiffies.js';
import { calc_load } from './load-average.js';
import { hasWaitingTasks } from './run-queue.js';
import { set_need_resched } from './schedule.js';
import { raise_softirq_irqoff, TIMER_SOFTIRQ } from './softirq.js';
import { timerBase } from './timer-struct.js';

const TICKS = CPU_AREA.at.irq + CPU_IRQ.at.tick_count;

/**
 * The clock tick: lets the timers run whose time has come. The running task has had its turn, if others wait for this CPU
 * that no other one can take. Hardirq context.
 */
export function handleTick(k: Cpu): void {
  k.i32[k.area + TICKS]++;
  calc_load(k);
  if (hasWaitingTasks(k, k.area)) {
    balance(k);
    if (hasWaitingTasks(k, k.area)) set_need_resched(k);
  }
  if (timersAreDue(k, k.cpu, jiffies(k))) raise_softirq_irqoff(k, TIMER_SOFTIRQ);
}

/** Whether a CPU has a timer to run at this jiffy. Any thread; the answer may be old when it arrives. */
export function timersAreDue(k: Cpu, cpu: number, now: number): boolean {
  return isDue(nextTimer(k, cpu), now);
}

/** Whether the jiffy of a timer, 0 for none, has come. */
export function isDue(timer: number, now: number): boolean {
  return timer !== 0 && !time_after(timer, now);
}

/** The jiffy of a CPU's first timer, 0 when it has none. Any thread; the answer may be old when it arrives. */
export function nextTimer(k: Cpu, cpu: number): number {
  return Atomics.load(k.i32, timerBase(k, cpu) + TIMER_BASE.at.next);
}

/** {@link nextTimer} of those that an idle CPU wakes for. */
export function nextWakeup(k: Cpu, cpu: number): number {
  return Atomics.load(k.i32, timerBase(k, cpu) + TIMER_BASE.at.next_wakeup);
}
