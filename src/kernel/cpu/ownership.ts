import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, CPU_ONLINE, IRQ_STOP } from '../core/cpu-area.js';
import { poll } from '../core/irqflags.js';
import { KERNEL } from '../core/kernel-data.js';
import { needsThread, ringClock } from './clock-bell.js';
import { dispatchIdle, releaseCpu } from './dispatch.js';
import { raiseInterrupt } from './raise-interrupt.js';

/**
 * A CPU is the right to execute: a word in its area that says which thread is it. A thread takes the word before it
 * runs anything as that CPU and gives it back afterwards; between, the CPU is idle and anybody may take it for a
 * moment, to serve its interrupts or to unplug it. So what belongs to a CPU alone is never touched by two threads
 * at once, and nobody has to wait for an idle thread to wake up.
 */

const OWNER = CPU_AREA.at.owner;
const CLAIM = CPU_AREA.at.claim;
const STATE = CPU_AREA.at.state;

/** Whether the calling thread is this CPU. */
export function ownsCpu(k: Cpu): boolean {
  return Atomics.load(k.i32, k.area + OWNER) === k.platform.thread;
}

/** Whether no thread is this CPU. The answer may be old when it arrives. */
export function isIdle(k: Cpu, cpu: number): boolean {
  return Atomics.load(k.i32, k.i32[KERNEL.cpu_area + cpu] + OWNER) === 0;
}

/** Takes a CPU from a thread that is dead; whether the thread was that CPU. Console only. */
export function takeOverCpu(k: Cpu, cpu: number, thread: number): boolean {
  const owner = k.i32[KERNEL.cpu_area + cpu] + OWNER;
  return Atomics.compareExchange(k.i32, owner, thread, k.platform.thread) === thread;
}

/**
 * Takes an idle CPU for a moment.
 *
 * @returns the kernel as that CPU sees it; undefined when the CPU is not idle. Give it back with {@link releaseCpu}
 */
export function borrowIdleCpu(k: Cpu, cpu: number): Cpu | undefined {
  // Also a claimed one: the console may wait for this very caller, who cannot stop while it calls other CPUs.
  const area = k.i32[KERNEL.cpu_area + cpu];
  if (Atomics.compareExchange(k.i32, area + OWNER, 0, k.platform.thread) !== 0) return undefined;
  return k.as(cpu);
}

/** Asks for a CPU: its thread leaves it at the next point where it may be preempted, and stays away. Console only. */
export function claimCpu(k: Cpu, cpu: number): void {
  Atomics.store(k.i32, k.i32[KERNEL.cpu_area + cpu] + CLAIM, 1);
  raiseInterrupt(k, cpu, IRQ_STOP);
}

/** Takes a claimed CPU if it is free by now. Console only. */
export function takeClaimedCpu(k: Cpu, cpu: number): boolean {
  const area = k.i32[KERNEL.cpu_area + cpu];
  if (Atomics.compareExchange(k.i32, area + OWNER, 0, k.platform.thread) !== 0) return false;
  // The request is met; whoever acts as the CPU now must not obey it again.
  Atomics.and(k.i32, area + CPU_AREA.at.pending, ~IRQ_STOP);
  return true;
}

/** Ends a claim, whether the CPU was taken or not. Console only. */
export function unclaimCpu(k: Cpu, cpu: number): void {
  const area = k.i32[KERNEL.cpu_area + cpu];
  Atomics.compareExchange(k.i32, area + OWNER, k.platform.thread, 0);
  Atomics.store(k.i32, area + CLAIM, 0);
  k.platform.notify(area + CLAIM, Infinity);
  if (needsThread(k, area)) ringClock(k);
  dispatchIdle(k, cpu);
}

/**
 * Serves what came in for the idle CPU `k.cpu`, if no thread is it and nobody claims it. The caller is the CPU's own
 * thread, which has nothing else to do.
 */
export function serveIdleCpu(k: Cpu): void {
  const { i32, area } = k;
  if (Atomics.load(i32, area + STATE) !== CPU_ONLINE || Atomics.load(i32, area + CLAIM) !== 0) return;
  if (Atomics.compareExchange(i32, area + OWNER, 0, k.platform.thread) !== 0) return;
  goIdle(k);
}

/** Serves what came in, and leaves the CPU idle. */
export function goIdle(k: Cpu): void {
  poll(k);
  releaseCpu(k);
}
