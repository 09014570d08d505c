import { BUG } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';
import { CPU_IRQ, TASKLET_LIST } from '../core/interrupt-data.js';
import { local_irq_restore, local_irq_save } from '../core/irqflags.js';
import { in_interrupt } from '../core/preempt.js';
import { printk } from '../core/printk.js';
import { spin_lock, spin_unlock } from '../sync/spinlock.js';
import { checkSymbol } from './module-symbols.js';
import { HI_SOFTIRQ, raise_softirq_irqoff, TASKLET_SOFTIRQ } from './softirq.js';
import { runAgain } from './tasklet-again.js';
import { TASKLET, TASKLET_STATE_SCHED } from './tasklet-struct.js';
import { waitWhileWord } from './wait-for-word.js';

/**
 * Tasklets: functions that run once in softirq context for any number of times that they are scheduled before, on the
 * CPU that scheduled them, and never on two CPUs at a time. A tasklet is a word index of the image, for example in a
 * page, with {@link TASKLET}'s words behind it.
 */

const { state: STATE, run: RUN, count: COUNT, list: LIST, func: FUNC, data: DATA, cpu: CPU } = TASKLET.at;
const { head: HEAD, tail: TAIL, count: LIST_COUNT } = TASKLET_LIST.at;

/**
 * Makes a tasklet, enabled and not scheduled.
 *
 * @param func symbol number of `(k, data)`
 */
export function tasklet_init(k: Cpu, tasklet: number, func: number, data = 0): void {
  checkSymbol(k, func);
  if ((tasklet & 1) !== 0) BUG(k, `a tasklet_struct begins at an even word: ${k.nameOf(tasklet)}`);
  k.i32.fill(0, tasklet, tasklet + TASKLET.words);
  k.i32[tasklet + FUNC] = func;
  k.f64[(tasklet + DATA) >>> 1] = data;
}

/** Lets a tasklet run on this CPU, soon and once; does nothing if it is scheduled already, wherever. Any context. */
export function tasklet_schedule(k: Cpu, tasklet: number): void {
  schedule(k, tasklet, CPU_IRQ.at.tasklets, TASKLET_SOFTIRQ);
}

/** {@link tasklet_schedule}, to run before all other softirqs. */
export function tasklet_hi_schedule(k: Cpu, tasklet: number): void {
  schedule(k, tasklet, CPU_IRQ.at.tasklets_hi, HI_SOFTIRQ);
}

function schedule(k: Cpu, tasklet: number, list: number, softirq: number): void {
  if ((Atomics.load(k.i32, tasklet + STATE) & TASKLET_STATE_SCHED) !== 0) return;
  const flags = local_irq_save(k);
  const head = k.area + CPU_AREA.at.irq + list;
  // The bit changes under the lock of the list: whoever dies in between stops the machine, and no tasklet gets lost.
  spin_lock(k, head);
  const isNew = (Atomics.or(k.i32, tasklet + STATE, TASKLET_STATE_SCHED) & TASKLET_STATE_SCHED) === 0;
  if (isNew) {
    Atomics.store(k.i32, tasklet + LIST, list);
    Atomics.store(k.i32, tasklet + CPU, k.cpu);
    pushTasklet(k, head, tasklet);
  }
  spin_unlock(k, head);
  if (isNew) raise_softirq_irqoff(k, softirq);
  local_irq_restore(k, flags);
}

/** Adds at the end of a list. Under its lock. */
export function pushTasklet(k: Cpu, list: number, tasklet: number): void {
  const { i32 } = k;
  i32[tasklet] = 0;
  if (i32[list + TAIL] === 0) i32[list + HEAD] = tasklet;
  else i32[i32[list + TAIL]] = tasklet;
  i32[list + TAIL] = tasklet;
  i32[list + LIST_COUNT]++;
}

/** Keeps a tasklet from running, without waiting until it has stopped. Nests; any context. */
export function tasklet_disable_nosync(k: Cpu, tasklet: number): void {
  Atomics.add(k.i32, tasklet + COUNT, 1);
}

/** Keeps a tasklet from running; when this returns, it does not run. Nests. Not from the tasklet itself. */
export function tasklet_disable(k: Cpu, tasklet: number): void {
  tasklet_disable_nosync(k, tasklet);
  waitUntilStopped(k, tasklet);
}

/** Undoes one {@link tasklet_disable}; the last one lets a tasklet run that was scheduled meanwhile. Any context. */
export function tasklet_enable(k: Cpu, tasklet: number): void {
  const before = Atomics.sub(k.i32, tasklet + COUNT, 1);
  if (before <= 0) BUG(k, `tasklet_enable of a tasklet that is not disabled: ${k.nameOf(tasklet)}`);
  if (before === 1) runAgain(k, tasklet);
}

/**
 * Waits until a tasklet that is scheduled has run, and so that it is not scheduled afterwards. Nobody schedules it any
 * more; one that is disabled is waited for until it is enabled. Process context.
 */
export function tasklet_kill(k: Cpu, tasklet: number): void {
  if (in_interrupt(k)) printk(k, 'Attempt to kill tasklet from interrupt');
  const { i32 } = k;
  while ((Atomics.or(i32, tasklet + STATE, TASKLET_STATE_SCHED) & TASKLET_STATE_SCHED) !== 0) {
    waitWhileWord(k, tasklet + STATE, TASKLET_STATE_SCHED);
  }
  waitUntilStopped(k, tasklet);
  Atomics.and(i32, tasklet + STATE, ~TASKLET_STATE_SCHED);
}

function waitUntilStopped(k: Cpu, tasklet: number): void {
  for (;;) {
    const run = Atomics.load(k.i32, tasklet + RUN);
    if (run === 0) return;
    if (run === k.cpu + 1) BUG(k, `a tasklet waits until it has ended itself: ${k.nameOf(tasklet)}`);
    waitWhileWord(k, tasklet + RUN, run);
  }
}
