import type { Cpu } from '../core/cpu.js';
import { IRQ_SOFTIRQ } from '../core/cpu-area.js';
import { raiseInterrupt } from './raise-interrupt.js';
import { TASKLET, TASKLET_STATE_SCHED } from './tasklet-struct.js';

/**
 * What kept a scheduled tasklet from running is gone: its CPU looks again. Any context.
 *
 * A CPU that finds it disabled or running elsewhere leaves it in its list, under the list's lock; the change that
 * brought us here came after that, so the CPU read here is that one, or one that still has to look.
 */
export function runAgain(k: Cpu, tasklet: number): void {
  if ((Atomics.load(k.i32, tasklet + TASKLET.at.state) & TASKLET_STATE_SCHED) === 0) return;
  raiseInterrupt(k, Atomics.load(k.i32, tasklet + TASKLET.at.cpu), IRQ_SOFTIRQ);
}
