import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL_IRQ } from '../core/interrupt-data.js';
import { KERNEL } from '../core/kernel-data.js';
import { ON_NOTHING, TASK, TASK_UNINTERRUPTIBLE } from '../core/task-struct.js';
import { firstThreadSlot, taskAt } from '../core/tasks.js';
import { HZ, jiffies, time_after } from './jiffies.js';
import { nrRunning } from './run-queue.js';

/**
 * Load averages: every five seconds, how many tasks run, wait for a CPU, or sleep uninterruptibly. A tick of any CPU takes
 * the sample that is due. No CPU has ticks while all are idle, and then nothing runs: the samples of such a time are taken
 * afterwards.
 */

/** Fixed-point numbers of the averages have so many bits behind the point (FSHIFT). */
export const LOAD_SHIFT = 11;
/** 1.0 (FIXED_1). */
const ONE = 1 << LOAD_SHIFT;
/** Seconds between samples. */
const SAMPLE_SECONDS = 5;
/** What is left of the averages over 1, 5 and 15 minutes with each sample (EXP_1 and its like). */
const DECAY = [1884, 2014, 2037];
/** After so many samples of one value, each average has that value. */
const MAX_SAMPLES = 4096;

const AVERAGES = KERNEL.irq + KERNEL_IRQ.at.avenrun;
const NEXT = KERNEL.irq + KERNEL_IRQ.at.load_jiffy;

/** The first sample is due five seconds from now. Boot CPU. */
export function initLoadAverage(k: Cpu): void {
  Atomics.store(k.i32, NEXT, (jiffies(k) + SAMPLE_SECONDS * HZ(k)) | 0);
}

/** Takes the samples that are due. Any thread. */
export function calc_load(k: Cpu): void {
  const { i32 } = k;
  const due = Atomics.load(i32, NEXT);
  const now = jiffies(k);
  if (time_after(due, now)) return;
  const period = SAMPLE_SECONDS * HZ(k);
  const missed = Math.floor(((now - due) | 0) / period);
  if (Atomics.compareExchange(i32, NEXT, due, (due + (missed + 1) * period) | 0) !== due) return;
  const blocked = nr_uninterruptible(k);
  for (let i = 0; i < Math.min(missed, MAX_SAMPLES); i++) addSample(k, blocked);
  addSample(k, blocked + nr_running(k));
}

function addSample(k: Cpu, active: number): void {
  for (let i = 0; i < DECAY.length; i++) {
    const before = Atomics.load(k.i32, AVERAGES + i);
    const after = before * DECAY[i] + active * ONE * (ONE - DECAY[i]);
    Atomics.store(k.i32, AVERAGES + i, Math.floor(after / ONE));
  }
}

/** The load averages over 1, 5 and 15 minutes, in units of 2^-{@link LOAD_SHIFT}. Any thread. */
export function loadAverages(k: Cpu): number[] {
  calc_load(k);
  const averages: number[] = [];
  for (let i = 0; i < DECAY.length; i++) averages.push(Atomics.load(k.i32, AVERAGES + i));
  return averages;
}

/** The tasks that run or wait for a CPU. Any thread; the answer may be old when it arrives. */
export function nr_running(k: Cpu): number {
  let count = 0;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) count += nrRunning(k, cpu);
  return count;
}

/** The tasks that sleep and cannot be interrupted; one that has never run does not sleep. As {@link nr_running}. */
function nr_uninterruptible(k: Cpu): number {
  const { i32 } = k;
  let count = 0;
  for (let slot = i32[KERNEL.nr_cpus]; slot < i32[KERNEL.nr_tasks]; slot++) {
    const task = taskAt(k, slot);
    if (Atomics.load(i32, task + TASK.at.state) !== TASK_UNINTERRUPTIBLE) continue;
    if (Atomics.load(i32, task + TASK.at.on_rq) !== ON_NOTHING) continue;
    if (slot >= firstThreadSlot(k) && Atomics.load(i32, task + TASK.at.usage) === 0) continue;
    if (readOnce(k, task + TASK.at.nvcsw) + readOnce(k, task + TASK.at.nivcsw) !== 0) count++;
  }
  return count;
}
