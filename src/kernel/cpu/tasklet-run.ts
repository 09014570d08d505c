import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { CPU_IRQ, TASKLET_LIST } from '../core/interrupt-data.js';
import { spin_lock_irq, spin_unlock_irq } from '../sync/spinlock.js';
import { pushTasklet } from './tasklet.js';
import { runAgain } from './tasklet-again.js';
import { TASKLET, TASKLET_STATE_SCHED } from './tasklet-struct.js';

const IRQ = CPU_AREA.at.irq;
const RUNNING = IRQ + CPU_IRQ.at.running_tasklet;
const { state: STATE, run: RUN, count: COUNT, func: FUNC, data: DATA } = TASKLET.at;
const { head: HEAD, tail: TAIL, count: LIST_COUNT } = TASKLET_LIST.at;

/**
 * Runs the tasklets that are scheduled on this CPU. One that is disabled, or runs on another CPU, stays in the list;
 * the kernel looks at it again and again, here whoever enables or ends it sends an interrupt. Softirq context.
 *
 * @param list offset of the list in CPU_IRQ
 */
export function run_tasklets(k: Cpu, list: number): void {
  const { i32 } = k;
  const head = k.area + IRQ + list;
  spin_lock_irq(k, head);
  // What is scheduled from now on has raised the softirq again.
  for (let left = i32[head + LIST_COUNT]; left > 0; left--) {
    const tasklet = popTasklet(k, head);
    if (!beginTasklet(k, tasklet)) {
      pushTasklet(k, head, tasklet);
      continue;
    }
    i32[k.area + RUNNING] = tasklet;
    spin_unlock_irq(k, head);
    k.call(i32[tasklet + FUNC], k.f64[(tasklet + DATA) >>> 1]);
    endTasklet(k, tasklet);
    spin_lock_irq(k, head);
  }
  spin_unlock_irq(k, head);
}

/** Takes the first tasklet out of a list that is not empty. Under its lock. */
export function popTasklet(k: Cpu, list: number): number {
  const { i32 } = k;
  const tasklet = i32[list + HEAD];
  i32[list + HEAD] = i32[tasklet];
  if (i32[tasklet] === 0) i32[list + TAIL] = 0;
  i32[list + LIST_COUNT]--;
  return tasklet;
}

/** Makes this CPU the one that runs a tasklet, which is then no longer scheduled; whether that may be. */
function beginTasklet(k: Cpu, tasklet: number): boolean {
  const { i32 } = k;
  if (Atomics.compareExchange(i32, tasklet + RUN, 0, k.cpu + 1) !== 0) return false;
  // Only now: who disables it waits for the CPU that runs it.
  if (Atomics.load(i32, tasklet + COUNT) !== 0) {
    Atomics.store(i32, tasklet + RUN, 0);
    k.platform.notify(tasklet + RUN, Infinity);
    return false;
  }
  const state = Atomics.and(i32, tasklet + STATE, ~TASKLET_STATE_SCHED);
  if ((state & TASKLET_STATE_SCHED) === 0)
    BUG(k, `a tasklet runs that is not scheduled: ${k.nameOf(tasklet)}`);
  k.platform.notify(tasklet + STATE, Infinity);
  return true;
}

/** The tasklet of this CPU has ended, or its thread is dead. */
export function endTasklet(k: Cpu, tasklet: number): void {
  const { i32 } = k;
  i32[k.area + RUNNING] = 0;
  Atomics.store(i32, tasklet + RUN, 0);
  k.platform.notify(tasklet + RUN, Infinity);
  runAgain(k, tasklet);
}
