import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { TIMER_BASE, TIMER_LIST } from '../core/interrupt-data.js';
import { preempt_count } from '../core/preempt.js';
import { spin_lock_irq, spin_unlock_irq } from '../sync/spinlock.js';
import { jiffies, time_after } from './jiffies.js';
import { detachTimer, timerBase } from './timer-struct.js';

const { first: LIST, timer_jiffies: JIFFIES, running_timer: RUNNING } = TIMER_BASE.at;
const { slot: SLOT, function: FUNCTION, data: DATA } = TIMER_LIST.at;

/** Runs the timers of this CPU whose time has come, in the order of their jiffies. Softirq context. */
export function run_timers(k: Cpu): void {
  const { i32 } = k;
  const base = timerBase(k, k.cpu);
  const now = jiffies(k);
  spin_lock_irq(k, base);
  // A timer that sets itself for now runs in the next jiffy: who runs timers must come to an end.
  if (!time_after(i32[base + JIFFIES], now)) i32[base + JIFFIES] = (now + 1) | 0;
  for (;;) {
    const timer = i32[base + LIST];
    if (timer === base + LIST || time_after(i32[timer + SLOT], now)) break;
    detachTimer(k, base, timer);
    Atomics.store(i32, base + RUNNING, timer);
    spin_unlock_irq(k, base);
    // From here on the timer may be gone: its function may free it.
    runTimer(k, i32[timer + FUNCTION], k.f64[(timer + DATA) >>> 1]);
    spin_lock_irq(k, base);
    endTimer(k, base);
  }
  spin_unlock_irq(k, base);
}

function runTimer(k: Cpu, func: number, data: number): void {
  const count = preempt_count(k);
  k.call(func, data);
  if (preempt_count(k) === count) return;
  const [before, after] = [count, preempt_count(k)].map(hex);
  BUG(k, `huh, entered timer function ${func} with preempt_count ${before}, exited with ${after}?`);
}

function hex(count: number): string {
  return count.toString(16).padStart(8, '0');
}

/** The function of the running timer has ended, or its CPU is dead. Under the lock of the base. */
export function endTimer(k: Cpu, base: number): void {
  Atomics.store(k.i32, base + RUNNING, 0);
  k.platform.notify(base + RUNNING, Infinity);
}
