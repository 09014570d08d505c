import { setTimeout as sleep } from 'node:timers/promises';
import type { Piscina } from 'piscina';
import { IRQ_STOP } from '../kernel/core/cpu-area.js';
import { WaitGivenUp } from '../kernel/core/errors.js';
import { KERNEL, SYSTEM_HALTED } from '../kernel/core/kernel-data.js';
import { endWaitingTasks } from '../kernel/core/tasks.js';
import { raiseInterrupt } from '../kernel/cpu/raise-interrupt.js';
import { logLeaks } from '../kernel/slab/slab-leaks.js';
import type { CpuThreads } from './cpu-threads.js';
import type { MachineState } from './machine-state.js';
import type { TaskThreads } from './task-threads.js';

/** How long a halted machine's threads may take to end by themselves. */
const HALT_LIMIT_MS = 1000;

/** The threads of a machine. */
export interface AllThreads {
  readonly pool: Piscina;
  readonly cpus: CpuThreads;
  readonly tasks: TaskThreads;
}

/** Tells all threads to end, and waits until they have, no longer than is fair. */
export async function halt(state: MachineState, { cpus, tasks }: AllThreads): Promise<void> {
  const k = state.console;
  if (!state.panicked) Atomics.store(state.image.i32, KERNEL.system_state, SYSTEM_HALTED);
  endWaitingTasks(k);
  for (const thread of cpus.all) {
    raiseInterrupt(k, thread.cpu, IRQ_STOP);
    thread.halt();
  }
  const limit = new AbortController();
  const ended = Promise.allSettled([...cpus.all.map((thread) => thread.ended), tasks.ended]);
  await Promise.race([
    ended,
    sleep(HALT_LIMIT_MS, undefined, { signal: limit.signal }).catch(() => undefined),
  ]);
  limit.abort();
}

/** Ends those threads that still run. */
export async function endThreads({ pool, cpus, tasks }: AllThreads): Promise<void> {
  await Promise.all([...cpus.all.map((thread) => thread.mayEnd()), tasks.mayEnd()]);
  await pool.destroy();
}

/** What the functions that ran on a machine have allocated and not freed goes into its log, with debug.slab. */
export function reportLeaks(state: MachineState): void {
  // After a panic nobody can be blamed.
  if (state.panicked || state.console.area === 0) return;
  try {
    logLeaks(state.console);
  } catch (error) {
    // A thread has died with the log's lock.
    if (!(error instanceof WaitGivenUp)) throw error;
  }
}
