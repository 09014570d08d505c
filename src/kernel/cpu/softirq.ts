import { BUG, panic } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, IRQ_SOFTIRQ } from '../core/cpu-area.js';
import { KernelPanic, MachineHalted, WaitGivenUp } from '../core/errors.js';
import { CPU_IRQ, KERNEL_IRQ, NR_SOFTIRQS, SOFTIRQ_ACTION } from '../core/interrupt-data.js';
import {
  irqs_disabled,
  local_irq_disable,
  local_irq_enable,
  local_irq_restore,
  local_irq_save,
} from '../core/irqflags.js';
import { KERNEL } from '../core/kernel-data.js';
import {
  add_preempt_count,
  HARDIRQ_OFFSET,
  in_interrupt,
  SOFTIRQ_OFFSET,
  sub_preempt_count,
} from '../core/preempt.js';
import { checkSymbol } from './module-symbols.js';
import { run_tasklets } from './tasklet-run.js';
import { run_timers } from './timer-run.js';

/**
 * Softirqs: what an interrupt leaves for later. They run on the CPU that raised them, with interrupts on, when the last
 * interrupt handler has ended and bottom halves are not disabled; never one inside another.
 *
 * What process context raises, and what is still pending after {@link MAX_SOFTIRQ_RESTART} rounds, is ksoftirqd's in
 * the kernel. Here the CPU sends itself IRQ_SOFTIRQ, and goes on at its next poll.
 */

/** Softirqs of the kernel, in the order in which they run (2.6.24). Higher numbers are free for modules. */
export const HI_SOFTIRQ = 0;
export const TIMER_SOFTIRQ = 1;
export const NET_TX_SOFTIRQ = 2;
export const NET_RX_SOFTIRQ = 3;
export const BLOCK_SOFTIRQ = 4;
export const TASKLET_SOFTIRQ = 5;

/** Rounds of softirqs that may raise each other before the interrupted code goes on. */
export const MAX_SOFTIRQ_RESTART = 10;

const PENDING = CPU_AREA.at.irq + CPU_IRQ.at.softirq_pending;
const VEC = KERNEL.irq + KERNEL_IRQ.at.softirq_vec;
const { action: ACTION, data: DATA } = SOFTIRQ_ACTION.at;

/**
 * Says what a softirq runs: `action(k, data)`, in softirq context. Before it is raised for the first time.
 *
 * @param nr one that is not the kernel's own (HI, TIMER and TASKLET are), below NR_SOFTIRQS
 * @param action symbol number
 * @throws KernelBug for another number, or one that stands for no function
 */
export function open_softirq(k: Cpu, nr: number, action: number, data = 0): void {
  const owned = nr === HI_SOFTIRQ || nr === TIMER_SOFTIRQ || nr === TASKLET_SOFTIRQ;
  if (!Number.isInteger(nr) || nr < 0 || nr >= NR_SOFTIRQS || owned)
    BUG(k, `softirq ${nr} cannot be opened: it must be below ${NR_SOFTIRQS}, and not the kernel's own`);
  checkSymbol(k, action);
  const entry = VEC + nr * SOFTIRQ_ACTION.words;
  k.f64[(entry + DATA) >>> 1] = data;
  Atomics.store(k.i32, entry + ACTION, action);
}

/** Marks a softirq to be run on this CPU. Any context, interrupts off. */
export function raise_softirq_irqoff(k: Cpu, nr: number): void {
  k.i32[k.area + PENDING] |= 1 << nr;
  if (!in_interrupt(k)) wakeSoftirqs(k);
}

/** {@link raise_softirq_irqoff} with interrupts on or off. Any context. */
export function raise_softirq(k: Cpu, nr: number): void {
  if (!(nr >= 0 && nr < NR_SOFTIRQS)) BUG(k, `there is no softirq ${nr}`);
  const flags = local_irq_save(k);
  raise_softirq_irqoff(k, nr);
  local_irq_restore(k, flags);
}

/** Begins a hardware interrupt; interrupts are off. */
export function irq_enter(k: Cpu): void {
  add_preempt_count(k, HARDIRQ_OFFSET);
}

/** Ends a hardware interrupt, and runs the softirqs that it has left behind; interrupts are off. */
export function irq_exit(k: Cpu): void {
  sub_preempt_count(k, HARDIRQ_OFFSET);
  if (k.i32[k.area + PENDING] !== 0 && !in_interrupt(k)) __do_softirq(k);
}

/** Runs what is pending. Any context: inside an interrupt and with bottom halves disabled it does nothing. */
export function do_softirq(k: Cpu): void {
  if (in_interrupt(k)) return;
  // Whoever disabled interrupts would find them enabled in between: then it waits until they are.
  if (irqs_disabled(k)) {
    wakeSoftirqs(k);
    return;
  }
  local_irq_disable(k);
  if (k.i32[k.area + PENDING] !== 0) __do_softirq(k);
  local_irq_enable(k);
}

/** Interrupts are off, and off again afterwards. */
function __do_softirq(k: Cpu): void {
  const { i32 } = k;
  const word = k.area + PENDING;
  add_preempt_count(k, SOFTIRQ_OFFSET);
  try {
    for (let round = 0; i32[word] !== 0 && round < MAX_SOFTIRQ_RESTART; round++) {
      const pending = i32[word];
      i32[word] = 0;
      local_irq_enable(k);
      runAll(k, pending);
      local_irq_disable(k);
    }
  } catch (error) {
    fatalInInterrupt(k, error);
  }
  if (i32[word] !== 0) wakeSoftirqs(k);
  sub_preempt_count(k, SOFTIRQ_OFFSET);
}

function runAll(k: Cpu, pending: number): void {
  for (let nr = 0; nr < NR_SOFTIRQS; nr++) if (((pending >>> nr) & 1) !== 0) runSoftirq(k, nr);
}

function runSoftirq(k: Cpu, nr: number): void {
  switch (nr) {
    case HI_SOFTIRQ:
      run_tasklets(k, CPU_IRQ.at.tasklets_hi);
      return;
    case TASKLET_SOFTIRQ:
      run_tasklets(k, CPU_IRQ.at.tasklets);
      return;
    case TIMER_SOFTIRQ:
      run_timers(k);
      return;
    default: {
      const entry = VEC + nr * SOFTIRQ_ACTION.words;
      const action = Atomics.load(k.i32, entry + ACTION);
      if (action === 0) BUG(k, `softirq ${nr} was raised, but open_softirq() was not called for it`);
      k.call(action, k.f64[(entry + DATA) >>> 1]);
    }
  }
}

/** Lets this CPU look for softirqs at its next poll. */
function wakeSoftirqs(k: Cpu): void {
  Atomics.or(k.i32, k.area + CPU_AREA.at.pending, IRQ_SOFTIRQ);
}

/**
 * An interrupt has nobody to hand its exception to: the machine stops, as Linux does.
 *
 * @throws KernelPanic, or the error itself if it ends the machine already
 */
export function fatalInInterrupt(k: Cpu, error: unknown): never {
  const ends = error instanceof KernelPanic || error instanceof MachineHalted || error instanceof WaitGivenUp;
  if (ends) throw error;
  return panic(k, `Fatal exception in interrupt: ${error instanceof Error ? error.message : String(error)}`);
}
