import type { Cpu } from '../core/cpu.js';
import {
  CPU_AREA,
  IRQ_BALANCE,
  IRQ_CALL_FUNCTION,
  IRQ_RESCHEDULE,
  IRQ_STOP,
  IRQ_TICK,
  IRQ_TIMER,
} from '../core/cpu-area.js';
import { KERNEL } from '../core/kernel-data.js';
import { ringIfIdle } from './clock-bell.js';

/** What whoever raises it serves in the place of an idle CPU, or the clock does, or what an idle CPU does not need. */
const NEEDS_NO_BELL = IRQ_CALL_FUNCTION | IRQ_STOP | IRQ_TICK | IRQ_TIMER | IRQ_RESCHEDULE | IRQ_BALANCE;

/** Raises an interrupt on a CPU, and wakes it if it sleeps on a lock. Any thread. */
export function raiseInterrupt(k: Cpu, cpu: number, irq: number): void {
  const area = k.i32[KERNEL.cpu_area + cpu];
  Atomics.or(k.i32, area + CPU_AREA.at.pending, irq);
  k.platform.notify(area + CPU_AREA.at.pending, Infinity);
  const sleepsOn = Atomics.load(k.i32, area + CPU_AREA.at.waitingOn);
  if (sleepsOn !== 0) k.platform.notify(sleepsOn, Infinity);
  if ((irq & ~NEEDS_NO_BELL) !== 0) ringIfIdle(k, area);
}
