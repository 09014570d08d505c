import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, CPU_OFFLINE, CPU_ONLINE } from '../core/cpu-area.js';
import { WaitGivenUp } from '../core/errors.js';
import { poll } from '../core/irqflags.js';
import { KERNEL } from '../core/kernel-data.js';
import { WAIT_SLICE_MS } from '../core/platform.js';
import { checkRunning } from '../core/system-state.js';
import { needsThread, ringClock } from './clock-bell.js';
import { raiseInterrupt } from './interrupt.js';
import { IRQ_STOP } from '../core/cpu-area.js';

/**
 * A CPU is the right to execute: a word in its area that says which thread is it. A thread takes the word before it
 * runs anything as that CPU and gives it back afterwards; between, the CPU is idle and anybody may take it for a
 * moment, to serve its interrupts or to unplug it. So what belongs to a CPU alone is never touched by two threads
 * at once, and nobody has to wait for an idle thread to wake up.
 */

const OWNER = CPU_AREA.at.owner;
const CLAIM = CPU_AREA.at.claim;
const STATE = CPU_AREA.at.state;

/**
 * Makes the calling thread CPU `k.cpu`, waiting while another thread is it, while the console claims it, and while
 * it is offline.
 *
 * @throws KernelPanic or MachineHalted when the machine stops meanwhile, WaitGivenUp when this thread may not wait
 */
export function acquireCpu(k: Cpu): void {
  const { i32, area, platform } = k;
  const start = platform.now();
  for (;;) {
    checkRunning(k);
    if (!platform.mayWait(start)) throw new WaitGivenUp(`CPU#${k.cpu} was not given back`);
    const owner = Atomics.load(i32, area + OWNER);
    if (owner !== 0) platform.wait(area + OWNER, owner, WAIT_SLICE_MS);
    else if (Atomics.load(i32, area + CLAIM) !== 0) platform.wait(area + CLAIM, 1, WAIT_SLICE_MS);
    else if (Atomics.load(i32, area + STATE) !== CPU_ONLINE)
      platform.wait(area + STATE, CPU_OFFLINE, WAIT_SLICE_MS);
    else if (Atomics.compareExchange(i32, area + OWNER, 0, platform.thread) === 0) return;
  }
}

/** Gives the CPU back: it is idle. The caller is the CPU, holds no lock and has preemption enabled. */
export function releaseCpu(k: Cpu): void {
  Atomics.store(k.i32, k.area + OWNER, 0);
  k.platform.notify(k.area + OWNER, Infinity);
  if (needsThread(k, k.area)) ringClock(k);
}

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

/** Lets whoever claimed the CPU have it, and goes on when it comes back. Process context, preemption enabled. */
export function yieldCpu(k: Cpu): void {
  releaseCpu(k);
  acquireCpu(k);
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
  k.platform.notify(area + OWNER, Infinity);
  Atomics.store(k.i32, area + CLAIM, 0);
  k.platform.notify(area + CLAIM, Infinity);
  if (needsThread(k, area)) ringClock(k);
}

/** Serves what came in and falls idle: the end of a function that ran as this CPU. */
export function goIdle(k: Cpu): void {
  poll(k);
  releaseCpu(k);
}
