import { WORD_INDEX_MASK } from '../../image/memory-image.js';
import type { Cpu } from './cpu.js';
import { CPU_AREA } from './cpu-area.js';

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const IRQS_DISABLED = CPU_AREA.at.irqs_disabled;
const PENDING = CPU_AREA.at.pending;
const INDEX = WORD_INDEX_MASK;

/** Whether interrupts are disabled on this CPU. */
export function irqs_disabled(k: Cpu): boolean {
  return k.i32[k.area + IRQS_DISABLED] !== 0;
}

/** Disables interrupts on this CPU. Does not nest: {@link local_irq_enable} enables them whatever was before. */
export function local_irq_disable(k: Cpu): void {
  k.i32[k.area + IRQS_DISABLED] = 1;
}

/** Enables interrupts on this CPU and serves those that came meanwhile. */
export function local_irq_enable(k: Cpu): void {
  k.i32[k.area + IRQS_DISABLED] = 0;
  if (k.platform.poll(k.area + PENDING, k.i32) !== 0) k.do_IRQ();
}

/**
 * Disables interrupts on this CPU.
 *
 * @returns the state before, for {@link local_irq_restore}
 */
export function local_irq_save(k: Cpu): number {
  const { i32 } = k;
  const area = k.area & INDEX;
  const flags = i32[area + IRQS_DISABLED];
  i32[area + IRQS_DISABLED] = 1;
  return flags;
}

/** Puts the interrupt state back to what {@link local_irq_save} returned; serves pending interrupts if enabled. */
export function local_irq_restore(k: Cpu, flags: number): void {
  const { i32 } = k;
  const area = k.area & INDEX;
  i32[area + IRQS_DISABLED] = flags;
  if (flags === 0 && k.platform.poll(area + PENDING, i32) !== 0) k.do_IRQ();
}

/**
 * A point where the running code lets interrupts in. Long computations on a CPU call it, so that other CPUs and the
 * console do not wait for them. Any context.
 */
export function poll(k: Cpu): void {
  const { i32 } = k;
  const area = k.area & INDEX;
  if (i32[area + IRQS_DISABLED] === 0 && k.platform.poll(area + PENDING, i32) !== 0) k.do_IRQ();
}
