import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { CPU_IRQ, IRQ_DESC, IRQACTION, KERNEL_IRQ, NR_IRQS } from '../core/interrupt-data.js';
import { KERNEL } from '../core/kernel-data.js';
import { printk, printk_ratelimit } from '../core/printk.js';
import { spin_lock, spin_unlock } from '../sync/spinlock.js';
import { irqDesc, IRQ_HANDLED } from './irq.js';

const IRQ = CPU_AREA.at.irq;
const PENDING = IRQ + CPU_IRQ.at.irq_pending;
const COUNTS = IRQ + CPU_IRQ.at.irq_counts;
const ERRORS = KERNEL.irq + KERNEL_IRQ.at.irq_err_count;
const { action: ACTION, serving: SERVING, raised: RAISED, depth: DEPTH } = IRQ_DESC.at;

/** Serves the device interrupts that are pending on this CPU. Hardirq context, interrupts off. */
export function handleDeviceInterrupts(k: Cpu): void {
  for (let i = 0; i < NR_IRQS / 32; i++) {
    const pending = Atomics.exchange(k.i32, k.area + PENDING + i, 0);
    for (let bit = 0; pending >>> bit !== 0 && bit < 32; bit++) {
      if (((pending >>> bit) & 1) !== 0) handleLine(k, i * 32 + bit);
    }
  }
}

/**
 * Serves one line. While another CPU does, that one gets another round to do: what the interrupt announced may have
 * come after the handlers looked.
 */
function handleLine(k: Cpu, irq: number): void {
  const { i32 } = k;
  const desc = irqDesc(irq);
  i32[k.area + COUNTS + irq]++;
  spin_lock(k, desc);
  if (Atomics.load(i32, desc + ACTION) === 0) {
    spin_unlock(k, desc);
    Atomics.add(i32, ERRORS, 1);
    return;
  }
  i32[desc + RAISED] = 1;
  if (Atomics.load(i32, desc + SERVING) === 0) serveLine(k, irq, desc);
  spin_unlock(k, desc);
}

/** Runs the handlers of a line as long as it is raised. Under its lock, which is free while they run. */
function serveLine(k: Cpu, irq: number, desc: number): void {
  const { i32 } = k;
  while (i32[desc + RAISED] !== 0 && i32[desc + DEPTH] === 0) {
    i32[desc + RAISED] = 0;
    Atomics.store(i32, desc + SERVING, k.cpu + 1);
    spin_unlock(k, desc);
    runHandlers(k, irq, Atomics.load(i32, desc + ACTION));
    spin_lock(k, desc);
    endServing(k, desc);
  }
}

/** No handler of the line runs any more. */
export function endServing(k: Cpu, desc: number): void {
  Atomics.store(k.i32, desc + SERVING, 0);
  k.platform.notify(desc + SERVING, Infinity);
}

function runHandlers(k: Cpu, irq: number, first: number): void {
  let result = 0;
  for (let action = first; action !== 0; action = Atomics.load(k.i32, action + IRQACTION.at.next)) {
    const dev = k.f64[(action + IRQACTION.at.dev_id) >>> 1];
    result |= k.call(k.i32[action + IRQACTION.at.handler], dev, irq);
  }
  if ((result & IRQ_HANDLED) === 0 && printk_ratelimit(k)) printk(k, `irq ${irq}: nobody cared`);
}
