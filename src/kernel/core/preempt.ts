import { WORD_INDEX_MASK } from '../../image/memory-image.js';
import type { Cpu } from './cpu.js';
import { CPU_AREA } from './cpu-area.js';
import { CPU_IRQ } from './interrupt-data.js';
import { poll } from './irqflags.js';

/**
 * preempt_count (facts file, section 10): bits 0-7 preemption depth, 8-15 softirq depth, 16-27 hardirq depth,
 * bit 28 PREEMPT_ACTIVE.
 */
export const PREEMPT_OFFSET = 1;
export const SOFTIRQ_OFFSET = 1 << 8;
export const HARDIRQ_OFFSET = 1 << 16;
export const PREEMPT_MASK = 0xff;
export const SOFTIRQ_MASK = 0xff00;
export const HARDIRQ_MASK = 0xfff0000;
export const PREEMPT_ACTIVE = 1 << 28;

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const PREEMPT_COUNT = CPU_AREA.at.preempt_count;
const INDEX = WORD_INDEX_MASK;
const serve = poll;
const SOFTIRQ_PENDING = CPU_AREA.at.irq + CPU_IRQ.at.softirq_pending;

/** This CPU's preempt_count. Any context. */
export function preempt_count(k: Cpu): number {
  return k.i32[k.area + PREEMPT_COUNT];
}

/** Raises preempt_count by `value`, one of the offsets above. Any context. */
export function add_preempt_count(k: Cpu, value: number): void {
  k.i32[k.area + PREEMPT_COUNT] += value;
}

/** Lowers preempt_count by `value`. Any context. */
export function sub_preempt_count(k: Cpu, value: number): void {
  k.i32[k.area + PREEMPT_COUNT] -= value;
}

/** Keeps this code on this CPU. Nests; any context. */
export function preempt_disable(k: Cpu): void {
  const { i32 } = k;
  const area = k.area & INDEX;
  i32[area + PREEMPT_COUNT]++;
}

/** Undoes one {@link preempt_disable}, and serves what came in meanwhile. Any context. */
export function preempt_enable(k: Cpu): void {
  const { i32 } = k;
  const area = k.area & INDEX;
  i32[area + PREEMPT_COUNT]--;
  serve(k);
}

/** Undoes one {@link preempt_disable} without a preemption point. Any context. */
export function preempt_enable_no_resched(k: Cpu): void {
  k.i32[k.area + PREEMPT_COUNT]--;
}

/** Whether this is a hardware interrupt handler. */
export function in_irq(k: Cpu): boolean {
  return (preempt_count(k) & HARDIRQ_MASK) !== 0;
}

/** Whether this is softirq context, or bottom halves are disabled. */
export function in_softirq(k: Cpu): boolean {
  return (preempt_count(k) & SOFTIRQ_MASK) !== 0;
}

/** Whether this is any interrupt context. */
export function in_interrupt(k: Cpu): boolean {
  return (preempt_count(k) & (HARDIRQ_MASK | SOFTIRQ_MASK)) !== 0;
}

/** Whether the context may not sleep: an interrupt, a held spinlock, or preemption disabled. */
export function in_atomic(k: Cpu): boolean {
  return (preempt_count(k) & ~PREEMPT_ACTIVE) !== 0;
}

/** Keeps softirqs off this CPU. Nests. Process or softirq context. */
export function local_bh_disable(k: Cpu): void {
  add_preempt_count(k, SOFTIRQ_OFFSET);
}

/**
 * Undoes one {@link local_bh_disable}; the last one runs the softirqs that came meanwhile. Process or softirq context,
 * interrupts on.
 */
export function local_bh_enable(k: Cpu): void {
  sub_preempt_count(k, SOFTIRQ_OFFSET);
  if (k.i32[k.area + SOFTIRQ_PENDING] !== 0) k.do_softirq();
  poll(k);
}
