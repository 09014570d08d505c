import { BUG_ON, WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, IRQ_CALL_FUNCTION, IRQ_STOP } from '../core/cpu-area.js';
import { cpu_online } from '../core/cpu-mask.js';
import { irqs_disabled, local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { KERNEL } from '../core/kernel-data.js';
import { WAIT_SLICE_MS } from '../core/platform.js';
import { preempt_disable, preempt_enable } from '../core/preempt.js';
import { checkRunning } from '../core/system-state.js';
import { spin_lock, spin_unlock } from '../sync/spinlock.js';
import { raiseInterrupt, serveInterrupts } from './interrupt.js';
import { borrowIdleCpu, releaseCpu } from './ownership.js';

/**
 * Calls across CPUs by inter-processor interrupt. One call is under way at a time, under call_lock: the function, its
 * argument, a bit for each CPU that has to run it, and how many have not finished.
 *
 * A CPU that is idle has no thread that would notice; the caller takes its place and serves the interrupt as it.
 */

const IN_CALL = CPU_AREA.at.in_call;

/** A CPU that has not answered for so long is reported. Milliseconds. */
const ANSWER_LIMIT_MS = 5000;

/**
 * Runs a function on all other online CPUs, in hardirq context there.
 *
 * @param symbol number of a kernel or module function `(k, info)`
 * @param wait wait until all have finished, not only begun
 * @throws KernelBug with interrupts disabled: two CPUs calling each other would wait for ever
 */
export function smp_call_function(k: Cpu, symbol: number, info: number, wait: boolean): void {
  BUG_ON(k, irqs_disabled(k), 'smp_call_function with interrupts disabled');
  spin_lock(k, KERNEL.call_lock);
  let targets = 0;
  k.i32[KERNEL.call_function] = symbol;
  k.f64[KERNEL.call_info >>> 1] = info;
  k.i32[KERNEL.call_waiting] = wait ? 1 : 0;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    if (cpu === k.cpu || !cpu_online(k, cpu)) continue;
    Atomics.add(k.i32, KERNEL.call_unfinished, 1);
    Atomics.or(k.i32, KERNEL.call_todo + (cpu >>> 5), 1 << (cpu & 31));
    raiseInterrupt(k, cpu, IRQ_CALL_FUNCTION);
    targets++;
  }
  if (targets > 0) waitForCall(k);
  spin_unlock(k, KERNEL.call_lock);
}

/** Runs a function on all online CPUs, this one included. Arguments as for {@link smp_call_function}. */
export function on_each_cpu(k: Cpu, symbol: number, info: number, wait: boolean): void {
  preempt_disable(k);
  smp_call_function(k, symbol, info, wait);
  const flags = local_irq_save(k);
  k.call(symbol, info);
  local_irq_restore(k, flags);
  preempt_enable(k);
}

/** Waits until nobody has the call before him any more, and serves it for those who cannot. */
function waitForCall(k: Cpu): void {
  const start = k.platform.now();
  let reported = false;
  for (;;) {
    const unfinished = Atomics.load(k.i32, KERNEL.call_unfinished);
    if (unfinished === 0) return;
    const late = serveForOthers(k);
    if (late >= 0) k.platform.wait(KERNEL.call_unfinished, unfinished, reported ? WAIT_SLICE_MS : 1);
    checkRunning(k);
    if (!reported && late >= 0 && k.platform.now() - start > ANSWER_LIMIT_MS) {
      reported = true;
      WARN(k, `CPU#${late} has not answered an inter-processor interrupt for ${ANSWER_LIMIT_MS} ms`);
    }
  }
}

/** Serves the call as every idle CPU, and drops it for those that went away; a CPU that must do it itself, or -1. */
function serveForOthers(k: Cpu): number {
  let late = -1;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    if (((Atomics.load(k.i32, KERNEL.call_todo + (cpu >>> 5)) >>> (cpu & 31)) & 1) === 0) continue;
    const idle = borrowIdleCpu(k, cpu);
    if (idle !== undefined) {
      if (serveInterrupts(idle)) raiseInterrupt(k, cpu, IRQ_STOP);
      releaseCpu(idle);
    } else if (!cpu_online(k, cpu)) {
      if (takeCall(k, cpu)) finishCall(k);
    } else {
      late = cpu;
    }
  }
  return late;
}

/** Handles the interrupt: runs the function, if this CPU has not yet. Hardirq context. */
export function handleCallFunction(k: Cpu): void {
  const symbol = k.i32[KERNEL.call_function];
  const info = k.f64[KERNEL.call_info >>> 1];
  const wait = k.i32[KERNEL.call_waiting] !== 0;
  k.i32[k.area + IN_CALL] = 1;
  if (takeCall(k, k.cpu)) {
    if (!wait) finishCall(k);
    k.call(symbol, info);
    if (wait) finishCall(k);
  }
  k.i32[k.area + IN_CALL] = 0;
}

/** Counts a call as finished whose CPU died in the middle of it. The caller has taken the dead CPU's place. */
export function finishCallOf(k: Cpu): void {
  const bit = 1 << (k.cpu & 31);
  const pending = (Atomics.load(k.i32, KERNEL.call_todo + (k.cpu >>> 5)) & bit) !== 0;
  // With the bit still set the call has not begun: the caller drops it when the CPU is offline.
  if (k.i32[k.area + IN_CALL] !== 0 && !pending && k.i32[KERNEL.call_waiting] !== 0) finishCall(k);
  k.i32[k.area + IN_CALL] = 0;
}

/** Takes the bit of a CPU; whether it was still set. */
function takeCall(k: Cpu, cpu: number): boolean {
  const bit = 1 << (cpu & 31);
  return (Atomics.and(k.i32, KERNEL.call_todo + (cpu >>> 5), ~bit) & bit) !== 0;
}

function finishCall(k: Cpu): void {
  Atomics.sub(k.i32, KERNEL.call_unfinished, 1);
  k.platform.notify(KERNEL.call_unfinished, Infinity);
}
