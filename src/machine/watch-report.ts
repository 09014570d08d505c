import { KernelPanic, MachineHalted, WaitGivenUp } from '../kernel/core/errors.js';
import { printk } from '../kernel/core/printk.js';
import { makeContextIdle } from '../kernel/hotplug.js';
import type { Kernel } from '../kernel/kernel.js';

/**
 * Reports what a watch of the host has found, also in the kernel log if that can be reached.
 *
 * @param k the console
 */
export function reportFromWatch(k: Kernel, text: string): void {
  k.platform.report(text);
  try {
    printk(k, text);
  } catch (error) {
    // A CPU that hangs may hold the very lock of the log, and the machine may have stopped.
    const isExpected =
      error instanceof WaitGivenUp || error instanceof KernelPanic || error instanceof MachineHalted;
    if (!isExpected) throw error;
    makeContextIdle(k);
  }
}
