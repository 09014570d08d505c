import { BUG_ON, WARN } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { readDoubleOnce, readOnce } from '../core/access-once.js';
import { CPU_AREA, IRQ_CALL_FUNCTION } from '../core/cpu-area.js';
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
 * Calls across CPUs by inter-processor interrupt. One call is under way at a time, under call_lock, and each has a number.
 * A CPU that is called finds the number in a word of its own, reads what it is to call, and takes the number: if it is
 * still there, what was read was of that call. In the end it writes the number into another word of its own. So the
 * caller can go on without a CPU at any point, and the end that this one comes to later counts for no other call; and
 * when a CPU dies, the words say what it was at.
 *
 * A CPU that is idle has no thread that would notice; the caller takes its place and serves the interrupt as it.
 */

const TODO = CPU_AREA.at.call_todo;
const ENDED = CPU_AREA.at.call_ended;
const TAKEN = CPU_AREA.at.call_taken;

/** A CPU that has not answered for so long is reported. Milliseconds. */
const ANSWER_LIMIT_MS = 5000;

const ETIMEDOUT = 110;

/**
 * Runs a function on all other online CPUs, in hardirq context there.
 *
 * @param symbol number of a kernel or module function `(k, info)`
 * @param wait wait until all have finished, not only begun
 * @returns 0; -ETIMEDOUT when a CPU was left out because it is locked up. If it has begun, it goes on some time, with
 *   this `info`
 * @throws KernelBug with interrupts disabled: two CPUs calling each other would wait for ever
 */
export function smp_call_function(k: Cpu, symbol: number, info: number, wait: boolean): number {
  BUG_ON(k, irqs_disabled(k), 'smp_call_function with interrupts disabled');
  checkSymbol(k, symbol);
  spin_lock(k, KERNEL.call_lock);
  const number = nextNumber(k.i32[KERNEL.call_number]);
  k.i32[KERNEL.call_number] = number;
  k.i32[KERNEL.call_function] = symbol;
  k.f64[KERNEL.call_info >>> 1] = info;
  k.i32[KERNEL.call_waiting] = wait ? 1 : 0;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    if (cpu === k.cpu || !cpu_online(k, cpu)) continue;
    setAwaited(k, cpu, true);
    Atomics.store(k.i32, k.i32[KERNEL.cpu_area + cpu] + TODO, number);
    raiseInterrupt(k, cpu, IRQ_CALL_FUNCTION);
  }
  const leftOut = waitForCall(k, number);
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
function waitForCall(k: Cpu, number: number): number {
  const limit = k.i32[KERNEL.irq + KERNEL_IRQ.at.softlockup_ms];
  let leftOut = 0;
  const start = k.platform.now();
  let reported = false;
  for (;;) {
    const progress = Atomics.load(k.i32, KERNEL.call_progress);
    const late = serveForOthers(k, number);
    if (late < 0) return leftOut;
    // An idle CPU is served here, so the wait for a busy one begins short.
    k.platform.wait(KERNEL.call_progress, progress, reported ? WAIT_SLICE_MS : 1);
    checkRunning(k);
    const waited = k.platform.now() - start;
    if (!reported && waited > Math.min(ANSWER_LIMIT_MS, limit)) {
      reported = true;
      WARN(k, `CPU#${late} has not answered an inter-processor interrupt for ${Math.floor(waited)} ms`);
    }
    if (waited > limit) leftOut += leaveOut(k, number);
  }
}

/**
 * Waits no longer for those CPUs that have not ended the call: one that is locked up cannot block the caller for ever.
 *
 * @returns how many
 */
function leaveOut(k: Cpu, number: number): number {
  const { i32 } = k;
  let count = 0;
  for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) {
    if (!isAwaited(k, cpu)) continue;
    const area = i32[KERNEL.cpu_area + cpu];
    const hasBegun = Atomics.compareExchange(i32, area + TODO, number, 0) !== number;
    setAwaited(k, cpu, false);
    if (hasBegun && Atomics.load(i32, area + ENDED) === number) continue;
    count++;
    WARN(k, `CPU#${cpu} is locked up${hasBegun ? ' in the call' : ''}: the caller goes on without it`);
  }
  return count;
}

/** Serves the call as every idle CPU, and drops those that went away or have ended it; a CPU still awaited, or -1. */
function serveForOthers(k: Cpu, number: number): number {
  const { i32 } = k;
  let late = -1;
  for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) {
    if (!isAwaited(k, cpu)) continue;
    const area = i32[KERNEL.cpu_area + cpu];
    if (!cpu_online(k, cpu)) {
      Atomics.compareExchange(i32, area + TODO, number, 0);
      setAwaited(k, cpu, false);
      continue;
    }
    if (Atomics.load(i32, area + TODO) === number) serveIdle(k, cpu);
    if (Atomics.load(i32, area + ENDED) === number) setAwaited(k, cpu, false);
    else late = cpu;
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
  const { i32, area } = k;
  const number = Atomics.load(i32, area + TODO);
  if (number === 0) return;
  // While this CPU reads, the caller may go on without it, and another call may begin.
  const symbol = readOnce(k, KERNEL.call_function);
  const info = readDoubleOnce(k, KERNEL.call_info);
  const wait = readOnce(k, KERNEL.call_waiting) !== 0;
  i32[area + TAKEN] = number;
  if (Atomics.compareExchange(i32, area + TODO, number, 0) !== number) return;
  if (!wait) endCall(k, area, number);
  k.call(symbol, info);
  if (wait) endCall(k, area, number);
}

/**
 * What a CPU was called for counts as done, wherever it was in it: its thread is dead. Console only, which owns the CPU.
 */
export function dropCall(k: Cpu, cpu: number): void {
  const area = k.i32[KERNEL.cpu_area + cpu];
  const number = Atomics.exchange(k.i32, area + TODO, 0);
  endCall(k, area, number !== 0 ? number : k.i32[area + TAKEN]);
}

function endCall(k: Cpu, area: number, number: number): void {
  Atomics.store(k.i32, area + ENDED, number);
  Atomics.add(k.i32, KERNEL.call_progress, 1);
  k.platform.notify(KERNEL.call_progress, Infinity);
}

/** The number after a number: it wraps, and 0 stands for none. */
function nextNumber(number: number): number {
  return number === -1 ? 1 : (number + 1) | 0;
}

function isAwaited(k: Cpu, cpu: number): boolean {
  return ((k.i32[KERNEL.call_awaited + (cpu >>> 5)] >>> (cpu & 31)) & 1) !== 0;
}

function setAwaited(k: Cpu, cpu: number, value: boolean): void {
  const word = KERNEL.call_awaited + (cpu >>> 5);
  if (value) k.i32[word] |= 1 << (cpu & 31);
  else k.i32[word] &= ~(1 << (cpu & 31));
}
