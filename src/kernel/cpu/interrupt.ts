import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import {
  CPU_AREA,
  IRQ_BALANCE,
  IRQ_CALL_FUNCTION,
  IRQ_DEVICE,
  IRQ_RESCHEDULE,
  IRQ_SOFTIRQ,
  IRQ_STOP,
  IRQ_TICK,
  IRQ_TIMER,
} from '../core/cpu-area.js';
import { CPU_IRQ, TASKLET_LIST } from '../core/interrupt-data.js';
import { HARDIRQ_OFFSET, in_atomic, sub_preempt_count } from '../core/preempt.js';
import { SYM_REFRESH_CPU_VM_STATS } from '../core/symbols.js';
import { balance } from './balance.js';
import { handleDeviceInterrupts } from './irq-handle.js';
import { isTask, preempt_schedule } from './schedule.js';
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
/** What makes the running task leave the CPU. */
const LEAVE = IRQ_STOP | IRQ_RESCHEDULE;

/**
 * Serves this CPU's pending interrupts; interrupts are enabled. Then the running task gives up the CPU, if that was asked
 * for and nothing forbids it.
 */
export function do_IRQ(k: Cpu): void {
  const pending = Atomics.exchange(k.i32, k.area + PENDING, 0);
  serveInterrupts(k, pending);
  irq_exit(k);
  k.i32[k.area + CPU_AREA.at.irqs_disabled] = 0;
  const asked = (pending | readOnce(k, k.area + PENDING)) & LEAVE;
  if (asked === 0) return;
  if (in_atomic(k) || !isTask(k)) Atomics.or(k.i32, k.area + PENDING, asked & (isTask(k) ? LEAVE : IRQ_STOP));
  else preempt_schedule(k);
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
    if ((pending & IRQ_BALANCE) !== 0) balance(k);
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
