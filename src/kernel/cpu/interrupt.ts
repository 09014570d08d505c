import { panic } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, IRQ_CALL_FUNCTION, IRQ_STOP, IRQ_TICK } from '../core/cpu-area.js';
import { KernelPanic, MachineHalted, WaitGivenUp } from '../core/errors.js';
import { KERNEL } from '../core/kernel-data.js';
import { add_preempt_count, HARDIRQ_OFFSET, in_atomic, sub_preempt_count } from '../core/preempt.js';
import { SYM_REFRESH_CPU_VM_STATS } from '../core/symbols.js';
import { yieldCpu } from './ownership.js';
import { handleCallFunction } from './smp-call.js';

/**
 * Interrupts: a word of pending bits per CPU. Anybody raises a bit with `Atomics.or`; the CPU notices it where
 * interrupts are enabled, and handles it in hardirq context.
 */

const PENDING = CPU_AREA.at.pending;

/** Raises an interrupt on a CPU, and wakes it if it sleeps on a lock. Any thread. */
export function raiseInterrupt(k: Cpu, cpu: number, irq: number): void {
  const area = k.i32[KERNEL.cpu_area + cpu];
  Atomics.or(k.i32, area + PENDING, irq);
  k.platform.notify(area + PENDING, Infinity);
  const sleepsOn = Atomics.load(k.i32, area + CPU_AREA.at.waitingOn);
  if (sleepsOn !== 0) k.platform.notify(sleepsOn, Infinity);
}

/** Serves this CPU's pending interrupts; interrupts are enabled. A stop request is obeyed when nothing forbids it. */
export function do_IRQ(k: Cpu): void {
  const stop = serveInterrupts(k);
  if (!stop) return;
  if (in_atomic(k)) Atomics.or(k.i32, k.area + PENDING, IRQ_STOP);
  else yieldCpu(k);
}

/** Serves pending interrupts in hardirq context, with interrupts off; whether a stop was asked for besides. */
export function serveInterrupts(k: Cpu): boolean {
  const pending = Atomics.exchange(k.i32, k.area + PENDING, 0);
  const irqs = k.area + CPU_AREA.at.irqs_disabled;
  add_preempt_count(k, HARDIRQ_OFFSET);
  k.i32[irqs] = 1;
  try {
    if ((pending & IRQ_CALL_FUNCTION) !== 0) handleCallFunction(k);
    if ((pending & IRQ_TICK) !== 0) k.call(SYM_REFRESH_CPU_VM_STATS, 0);
  } catch (error) {
    fatalInInterrupt(k, error);
  }
  k.i32[irqs] = 0;
  sub_preempt_count(k, HARDIRQ_OFFSET);
  return (pending & IRQ_STOP) !== 0;
}

/** An interrupt handler has nobody to hand its exception to: the machine stops, as Linux does. */
function fatalInInterrupt(k: Cpu, error: unknown): never {
  const ends = error instanceof KernelPanic || error instanceof MachineHalted || error instanceof WaitGivenUp;
  if (ends) throw error;
  return panic(k, `Fatal exception in interrupt: ${error instanceof Error ? error.message : String(error)}`);
}
