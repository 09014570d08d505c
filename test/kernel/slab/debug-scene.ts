import type { Hardware } from '../../../src/arch/hardware.js';
import { KernelBug } from '../../../src/kernel/core/errors.js';
import { readLog } from '../../../src/kernel/core/printk.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { type LoneMachine, twoNodes } from '../../support/boot-in-process.js';
import { slabMachine } from './slab-scene.js';

/** What the tests of debugging share. */

/** A machine, with more debug switches than tests have else. */
export function debugMachine(
  debug: Partial<Hardware['debug']> = { slab: true },
  changes: Partial<Hardware> = {},
): LoneMachine {
  return slabMachine(twoNodes(16, { ...changes, debug: { ...twoNodes().debug, ...debug } }));
}

/** What `run` reports, and that it reports nothing else than BUG, WARN and the like. */
export function reportsOf(machine: LoneMachine, run: () => void): string[] {
  const before = machine.platform.reports.length;
  run();
  return machine.platform.reports.slice(before);
}

/** The report of the BUG that `run` ends with. */
export function bugOf(run: () => void): string {
  try {
    run();
  } catch (error) {
    if (error instanceof KernelBug) return error.report;
    throw error;
  }
  throw new Error('there was no BUG');
}

/** The kernel log without time stamps. */
export function logOf(k: Kernel): string {
  return readLog(k).replaceAll(/^\[ *\d+\.\d+\] /gm, '');
}

/** A kernel address as the kernel prints it. */
export function shown(k: Kernel, address: number): string {
  return BigInt.asUintN(k.space.bits, BigInt(address))
    .toString(16)
    .padStart(k.space.bits / 4, '0');
}
