import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA, IRQ_BALANCE, IRQ_CALL_FUNCTION, IRQ_RESCHEDULE, IRQ_STOP } from '../core/cpu-area.js';
import { KERNEL_IRQ } from '../core/interrupt-data.js';
import { KERNEL } from '../core/kernel-data.js';

/**
 * The clock is the host's. While CPUs are busy it ticks; when all are idle it sleeps until the first of their timers,
 * and costs nothing. What it could not foresee rings its bell.
 */

const BELL = KERNEL.irq + KERNEL_IRQ.at.clock_bell;
const ASLEEP = KERNEL.irq + KERNEL_IRQ.at.clock_asleep;

/** What needs no thread of an idle CPU's own: a caller takes its place, a stopped CPU stays so, and no task is to leave. */
const SERVED_BY_OTHERS = IRQ_CALL_FUNCTION | IRQ_STOP | IRQ_RESCHEDULE | IRQ_BALANCE;

/** Makes the clock look at all CPUs. Any context. */
export function ringClock(k: Cpu): void {
  Atomics.add(k.i32, BELL, 1);
  k.platform.notify(BELL, Infinity);
}

/**
 * Something begins that the clock does not know of if it sleeps: a CPU is busy now, or a timer was added that comes
 * before all others for which its CPU wakes, and whose base is not locked any more.
 */
export function wakeClock(k: Cpu): void {
  if (Atomics.load(k.i32, ASLEEP) !== 0) ringClock(k);
}

/**
 * The CPU of this area has pending interrupts: if it is idle, it needs a thread.
 *
 * Whoever raises an interrupt looks at the owner after that, and whoever gives a CPU up looks for interrupts after
 * that: one of the two sees the other.
 */
export function ringIfIdle(k: Cpu, area: number): void {
  if (Atomics.load(k.i32, area + CPU_AREA.at.owner) === 0) ringClock(k);
}

/** Whether an idle CPU with this area has interrupts that need a thread. The answer may be old when it arrives. */
export function needsThread(k: Cpu, area: number): boolean {
  return (readOnce(k, area + CPU_AREA.at.pending) & ~SERVED_BY_OTHERS) !== 0;
}
