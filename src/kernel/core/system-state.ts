import type { Cpu } from './cpu.js';
import { KernelPanic, MachineHalted } from './errors.js';
import { KERNEL, SYSTEM_HALTED, SYSTEM_PANIC } from './kernel-data.js';

/**
 * Ends the running function when the machine has stopped. Every loop that waits calls it once a round, so that a
 * panic on one CPU ends the wait of all.
 *
 * @throws KernelPanic after a panic, MachineHalted after a halt
 */
export function checkRunning(k: Cpu): void {
  const state = Atomics.load(k.i32, KERNEL.system_state);
  if (state === SYSTEM_PANIC) throw new KernelPanic(`CPU#${k.cpu} stopped: the kernel has panicked`);
  if (state === SYSTEM_HALTED) throw new MachineHalted(`CPU#${k.cpu} stopped: the machine was halted`);
}
