import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import {
  CPU_AREA,
  IRQ_CALL_FUNCTION,
  IRQ_DEVICE,
  IRQ_SOFTIRQ,
  IRQ_STOP,
  IRQ_TICK,
  IRQ_TIMER,
} from '../core/cpu-area.js';
import { CPU_IRQ, TASKLET_LIST } from '../core/interrupt-data.js';
import { KERNEL } from '../core/kernel-data.js';
import { HARDIRQ_OFFSET, in_atomic, sub_preempt_count } from '../core/preempt.js';
import { SYM_REFRESH_CPU_VM_STATS } from '../core/symbols.js';
import { ringIfIdle } from './clock-bell.js';
import { handleDeviceInterrupts } from './irq-handle.js';
import { yieldCpu } from './ownership.js';
import { handleCallFunction } from './smp-call.js';
import {
  fatalInInterrupt,
  HI_SOFTIRQ,
  irq_enter,
  irq_exit,
  raise_softirq_irqoff,
  TASKLET_SOFTIRQ,
} from './softirq.js';
import { handleTick } from './tick.js';

/**
 * Interrupts: a word of pending bits per CPU. Anybody raises a bit with `Atomics.or`; the CPU notices it where
 * interrupts are enabled, and handles it in hardirq context.
 */

const PENDING = CPU_AREA.at.pending;
const IRQ = CPU_AREA.at.irq;
const CALLS = IRQ + CPU_IRQ.at.call_count;

/** What whoever raises it serves in the place of an idle CPU, or the clock does. */
const NEEDS_NO_BELL = IRQ_CALL_FUNCTION | IRQ_STOP | IRQ_TICK | IRQ_TIMER;

/** Raises an interrupt on a CPU, and wakes it if it sleeps on a lock. Any thread. */
export function raiseInterrupt(k: Cpu, cpu: number, irq: number): void {
  const area = k.i32[KERNEL.cpu_area + cpu];
  Atomics.or(k.i32, area + PENDING, irq);
  k.platform.notify(area + PENDING, Infinity);
  const sleepsOn = Atomics.load(k.i32, area + CPU_AREA.at.waitingOn);
  if (sleepsOn !== 0) k.platform.notify(sleepsOn, Infinity);
  if ((irq & ~NEEDS_NO_BELL) !== 0) ringIfIdle(k, area);
}

/** Serves this CPU's pending interrupts; interrupts are enabled. A stop request is obeyed when nothing forbids it. */
export function do_IRQ(k: Cpu): void {
  const pending = Atomics.exchange(k.i32, k.area + PENDING, 0);
  serveInterrupts(k, pending);
  irq_exit(k);
  k.i32[k.area + CPU_AREA.at.irqs_disabled] = 0;
  if ((pending & IRQ_STOP) === 0) return;
  if (in_atomic(k)) Atomics.or(k.i32, k.area + PENDING, IRQ_STOP);
  else yieldCpu(k);
}

/**
 * Serves only what other CPUs call: for a thread that takes the place of a CPU while it must not wait for anything. No
 * softirq runs.
 */
export function serveCalls(k: Cpu): void {
  const pending = Atomics.and(k.i32, k.area + PENDING, ~IRQ_CALL_FUNCTION);
  if ((pending & IRQ_CALL_FUNCTION) === 0) return;
  serveInterrupts(k, IRQ_CALL_FUNCTION);
  sub_preempt_count(k, HARDIRQ_OFFSET);
  if (k.i32[k.area + IRQ + CPU_IRQ.at.softirq_pending] !== 0)
    Atomics.or(k.i32, k.area + PENDING, IRQ_SOFTIRQ);
  k.i32[k.area + CPU_AREA.at.irqs_disabled] = 0;
}

/** Enters hardirq context, with interrupts off, and serves interrupts. */
function serveInterrupts(k: Cpu, pending: number): void {
  irq_enter(k);
  k.i32[k.area + CPU_AREA.at.irqs_disabled] = 1;
  try {
    if ((pending & IRQ_CALL_FUNCTION) !== 0) {
      k.i32[k.area + CALLS]++;
      handleCallFunction(k);
    }
    if ((pending & IRQ_DEVICE) !== 0) handleDeviceInterrupts(k);
    if ((pending & IRQ_TIMER) !== 0) handleTick(k);
    if ((pending & IRQ_SOFTIRQ) !== 0) lookForTasklets(k);
    if ((pending & IRQ_TICK) !== 0) k.call(SYM_REFRESH_CPU_VM_STATS, 0);
  } catch (error) {
    fatalInInterrupt(k, error);
  }
}

/** A tasklet in one of the lists may run that could not before. */
function lookForTasklets(k: Cpu): void {
  const { tasklets, tasklets_hi } = CPU_IRQ.at;
  if (readOnce(k, k.area + IRQ + tasklets_hi + TASKLET_LIST.at.head) !== 0)
    raise_softirq_irqoff(k, HI_SOFTIRQ);
  if (readOnce(k, k.area + IRQ + tasklets + TASKLET_LIST.at.head) !== 0)
    raise_softirq_irqoff(k, TASKLET_SOFTIRQ);
}
