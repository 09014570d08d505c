import { WARN } from './core/bug.js';
import type { Cpu } from './core/cpu.js';
import { CPU_AREA, CPU_DEAD, CPU_OFFLINE, CPU_ONLINE, IRQ_CALL_FUNCTION } from './core/cpu-area.js';
import { setCpuState } from './core/cpu-mask.js';
import { KERNEL } from './core/kernel-data.js';
import { MAX_LOCKS_HELD } from './core/limits.js';
import { heldLocks } from './core/lock-report.js';
import { lockOwner } from './core/raw-lock.js';
import { printk } from './core/printk.js';
import { local_irq_disable } from './core/irqflags.js';
import { moveInterruptWork, recoverInterruptWork } from './cpu/cpu-down.js';
import { dispatchIdle, moveTasksAway } from './cpu/dispatch.js';
import { takeOverCpu } from './cpu/ownership.js';
import { dropCall } from './cpu/smp-call.js';
import { recoverRunQueue } from './sched/task-death.js';
import { repairPageSets } from './mm/page-set-repair.js';
import { drain_local_pages } from './mm/page-sets.js';
import { percpu_counters_fold } from './mm/percpu-counter.js';
import { drainSlabArrays } from './slab/cpu-down.js';
import { startReaper, stopReaper } from './slab/reap.js';
import { fold_cpu } from './mm/vmstat-refresh.js';

/**
 * CPUs that go away. Everything here runs on the console, as the CPU concerned: the console owns it, or its thread
 * is dead.
 */

/**
 * Takes a CPU down: its page lists go back, its statistics and counters are folded, and it is sent no more interrupts.
 *
 * @throws WaitGivenUp when it must be done again
 */
export function takeCpuDown(k: Cpu, cpu: number): void {
  const gone = k.as(cpu);
  // What is pending there is not for the console to serve.
  local_irq_disable(gone);
  stopReaper(k, cpu);
  // First what can free pages, then the lists in which those are.
  drainSlabArrays(gone);
  drain_local_pages(gone);
  fold_cpu(gone);
  percpu_counters_fold(gone);
  setCpuState(k, cpu, CPU_OFFLINE);
  moveTasksAway(gone);
  moveInterruptWork(k, cpu);
  gone.i32[gone.area + CPU_AREA.at.irqs_disabled] = 0;
  printk(k, `CPU ${cpu} is now offline`);
}

/** Brings a CPU up that was taken down: tasks that are bound to it go on. */
export function bringCpuUp(k: Cpu, cpu: number): void {
  setCpuState(k, cpu, CPU_ONLINE);
  startReaper(k, cpu);
  dispatchIdle(k, cpu);
}

/**
 * Takes the place of a dead thread: the CPUs that it was, its own and one that it had borrowed, now belong to the
 * console.
 *
 * @param thread number of the dead thread
 */
export function takeOverCpus(k: Cpu, thread: number): number[] {
  const cpus: number[] = [];
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) if (takeOverCpu(k, cpu, thread)) cpus.push(cpu);
  return cpus;
}

/** The locks that die with a CPU's thread, by name. */
export function locksLost(k: Cpu, cpu: number): string[] {
  const names: string[] = [];
  for (const lock of heldLocks(k, cpu)) names.push(k.nameOf(lock));
  return names;
}

/** Breaks the log's lock if a dead CPU holds it: the report of that must get through. What was being logged is cut. */
export function breakLogLock(k: Cpu, cpu: number): void {
  if (lockOwner(k, KERNEL.logbuf_lock) !== cpu) return;
  Atomics.store(k.i32, KERNEL.logbuf_lock, 0);
  k.platform.notify(KERNEL.logbuf_lock, Infinity);
}

/** Makes a CPU's context, or the console's, that of an idle one. It holds no locks. */
export function makeContextIdle(k: Cpu): void {
  const { i32, area } = k;
  i32[area + CPU_AREA.at.preempt_count] = 0;
  i32[area + CPU_AREA.at.irqs_disabled] = 0;
  i32[area + CPU_AREA.at.locks_held] = 0;
  i32.fill(0, area + CPU_AREA.at.held_trace, area + CPU_AREA.at.held_trace + MAX_LOCKS_HELD);
  Atomics.store(i32, area + CPU_AREA.at.waitingOn, 0);
}

/**
 * Puts a CPU in order whose thread died at an arbitrary point without holding a lock: its context becomes that of an
 * idle CPU, an interrupted call across CPUs counts as finished, and its page lists are made whole.
 *
 * @throws WaitGivenUp when it must be done again
 */
export function recoverCpu(k: Cpu, cpu: number): void {
  const gone = k.as(cpu);
  makeContextIdle(gone);
  dropCall(k, cpu);
  // Who calls CPUs may have begun another call.
  Atomics.and(gone.i32, gone.area + CPU_AREA.at.pending, IRQ_CALL_FUNCTION);
  recoverInterruptWork(k, gone);
  recoverRunQueue(gone);
  const lost = repairPageSets(gone);
  if (lost !== 0)
    printk(k, `CPU ${cpu}: frame 0x${lost.toString(16)} was on its way between a list and its user`);
}

/** A CPU whose thread is dead and held no lock leaves the machine as an unplugged one does. */
export function buryCpu(k: Cpu, cpu: number, reason: string): void {
  WARN(k, `CPU#${cpu}: its thread died (${reason}), locks held: none; its page lists are drained`);
  k.i32[KERNEL.cpu_deaths]++;
  recoverCpu(k, cpu);
  takeCpuDown(k, cpu);
  setCpuState(k, cpu, CPU_DEAD);
}
