import { BUG_ON, WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { IRQ_CALL_FUNCTION } from '../core/cpu-area.js';
import { cpu_online } from '../core/cpu-mask.js';
import { irqs_disabled, local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { KERNEL_IRQ } from '../core/interrupt-data.js';
import { KERNEL } from '../core/kernel-data.js';
import { WAIT_SLICE_MS } from '../core/platform.js';
import { preempt_disable, preempt_enable } from '../core/preempt.js';
import { checkRunning } from '../core/system-state.js';
import { spin_lock, spin_unlock } from '../sync/spinlock.js';
import { serveCalls } from './interrupt.js';
import { releaseCpu } from './dispatch.js';
import { checkSymbol } from './module-symbols.js';
import { borrowIdleCpu } from './ownership.js';
import { raiseInterrupt } from './raise-interrupt.js';

/**
 * Calls across CPUs by inter-processor interrupt. One call is under way at a time, under call_lock: the function, its
 * argument, a bit for each CPU that has not begun it, and a bit for each that the caller still waits for. Clearing a
 * bit twice does no harm, so a death at any point can be made good by clearing both.
 *
 * A CPU that is idle has no thread that would notice; the caller takes its place and serves the interrupt as it.
 */

/** A CPU that has not answered for so long is reported. Milliseconds. */
const ANSWER_LIMIT_MS = 5000;

const ETIMEDOUT = 110;

/**
 * Runs a function on all other online CPUs, in hardirq context there.
 *
 * @param symbol number of a kernel or module function `(k, info)`
 * @param wait wait until all have finished, not only begun
 * @returns 0; -ETIMEDOUT when a CPU was left out because it is locked up
 * @throws KernelBug with interrupts disabled: two CPUs calling each other would wait for ever
 */
export function smp_call_function(k: Cpu, symbol: number, info: number, wait: boolean): number {
  BUG_ON(k, irqs_disabled(k), 'smp_call_function with interrupts disabled');
  checkSymbol(k, symbol);
  spin_lock(k, KERNEL.call_lock);
  k.i32[KERNEL.call_function] = symbol;
  k.f64[KERNEL.call_info >>> 1] = info;
  k.i32[KERNEL.call_waiting] = wait ? 1 : 0;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    if (cpu === k.cpu || !cpu_online(k, cpu)) continue;
    setBit(k, KERNEL.call_awaited, cpu);
    setBit(k, KERNEL.call_todo, cpu);
    raiseInterrupt(k, cpu, IRQ_CALL_FUNCTION);
  }
  const leftOut = waitForCall(k);
  spin_unlock(k, KERNEL.call_lock);
  return leftOut === 0 ? 0 : -ETIMEDOUT;
}

/** Runs a function on all online CPUs, this one included. Arguments as for {@link smp_call_function}. */
export function on_each_cpu(k: Cpu, symbol: number, info: number, wait: boolean): number {
  preempt_disable(k);
  const result = smp_call_function(k, symbol, info, wait);
  const flags = local_irq_save(k);
  k.call(symbol, info);
  local_irq_restore(k, flags);
  preempt_enable(k);
  return result;
}

/** Waits until no CPU is awaited any more, and serves the call for those who cannot. Returns how many were left out. */
function waitForCall(k: Cpu): number {
  const limit = k.i32[KERNEL.irq + KERNEL_IRQ.at.softlockup_ms];
  let leftOut = 0;
  const start = k.platform.now();
  let reported = false;
  for (;;) {
    const progress = Atomics.load(k.i32, KERNEL.call_progress);
    const late = serveForOthers(k);
    if (late < 0) return leftOut;
    // An idle CPU is served here, so the wait for a busy one begins short.
    k.platform.wait(KERNEL.call_progress, progress, reported ? WAIT_SLICE_MS : 1);
    checkRunning(k);
    const waited = k.platform.now() - start;
    if (!reported && waited > Math.min(ANSWER_LIMIT_MS, limit)) {
      reported = true;
      WARN(k, `CPU#${late} has not answered an inter-processor interrupt for ${Math.floor(waited)} ms`);
    }
    if (waited > limit) leftOut += leaveOut(k);
  }
}

/**
 * Takes those CPUs out of the call that have not begun it, so that one which is locked up cannot block the caller for
 * ever. One that has begun may still use what the caller gave it, and is waited for.
 *
 * @returns how many
 */
function leaveOut(k: Cpu): number {
  let count = 0;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    if (!takeBit(k, KERNEL.call_todo, cpu)) continue;
    finishCall(k, cpu);
    count++;
    WARN(k, `CPU#${cpu} is locked up: the call goes on without it`);
  }
  return count;
}

/** Serves the call as every idle CPU, and drops it for those that went away; a CPU still awaited, or -1. */
function serveForOthers(k: Cpu): number {
  let late = -1;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    if (!testBit(k, KERNEL.call_awaited, cpu)) continue;
    if (!cpu_online(k, cpu)) dropCall(k, cpu);
    else if (testBit(k, KERNEL.call_todo, cpu)) serveIdle(k, cpu);
    if (testBit(k, KERNEL.call_awaited, cpu)) late = cpu;
  }
  return late;
}

/** Serves the call as a CPU, if that is idle. Its other interrupts are not this thread's business. */
function serveIdle(k: Cpu, cpu: number): void {
  const idle = borrowIdleCpu(k, cpu);
  if (idle === undefined) return;
  serveCalls(idle);
  releaseCpu(idle);
}

/** Handles the interrupt: runs the function, if this CPU has not yet. Hardirq context. */
export function handleCallFunction(k: Cpu): void {
  // With the bit taken, the caller waits, and so the call's fields stay as they are.
  if (!takeBit(k, KERNEL.call_todo, k.cpu)) return;
  const symbol = k.i32[KERNEL.call_function];
  const info = k.f64[KERNEL.call_info >>> 1];
  const wait = k.i32[KERNEL.call_waiting] !== 0;
  if (!wait) finishCall(k, k.cpu);
  k.call(symbol, info);
  if (wait) finishCall(k, k.cpu);
}

/** Takes a CPU out of the call under way, wherever it was in it: it is dead or offline. */
export function dropCall(k: Cpu, cpu: number): void {
  takeBit(k, KERNEL.call_todo, cpu);
  finishCall(k, cpu);
}

function finishCall(k: Cpu, cpu: number): void {
  takeBit(k, KERNEL.call_awaited, cpu);
  Atomics.add(k.i32, KERNEL.call_progress, 1);
  k.platform.notify(KERNEL.call_progress, Infinity);
}

function setBit(k: Cpu, map: number, cpu: number): void {
  Atomics.or(k.i32, map + (cpu >>> 5), 1 << (cpu & 31));
}

function testBit(k: Cpu, map: number, cpu: number): boolean {
  return ((Atomics.load(k.i32, map + (cpu >>> 5)) >>> (cpu & 31)) & 1) !== 0;
}

/** Clears a bit; whether it was set. */
function takeBit(k: Cpu, map: number, cpu: number): boolean {
  const bit = 1 << (cpu & 31);
  return (Atomics.and(k.i32, map + (cpu >>> 5), ~bit) & bit) !== 0;
}
