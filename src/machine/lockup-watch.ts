import { KERNEL_IRQ } from '../kernel/core/interrupt-data.js';
import { KERNEL } from '../kernel/core/kernel-data.js';
import { WaitGivenUp } from '../kernel/core/errors.js';
import { printk } from '../kernel/core/printk.js';
import { softLockupReport } from '../kernel/cpu/softlockup.js';
import { makeContextIdle } from '../kernel/hotplug.js';
import type { Kernel } from '../kernel/kernel.js';

/** Reports CPUs that run and do not poll: they serve no interrupt. */
export class LockupWatch {
  readonly #k: Kernel;
  readonly #workOf: (cpu: number) => string;
  /** For each CPU that does not answer: since when, and how often it was reported. */
  readonly #silent = new Map<number, { since: number; reports: number }>();

  /**
   * @param k the console
   * @param workOf what a CPU was told to run
   */
  constructor(k: Kernel, workOf: (cpu: number) => string) {
    this.#k = k;
    this.#workOf = workOf;
  }

  /** A CPU has answered, or does not run. */
  forget(cpu: number): void {
    this.#silent.delete(cpu);
  }

  /** A CPU has not served the last clock tick. Reported after the limit, and again each time as long. */
  note(cpu: number, now: number): void {
    const silent = this.#silent.get(cpu) ?? { since: now, reports: 0 };
    this.#silent.set(cpu, silent);
    const limit = this.#k.i32[KERNEL.irq + KERNEL_IRQ.at.softlockup_ms];
    if (now - silent.since < limit * (silent.reports + 1)) return;
    silent.reports++;
    this.#report(softLockupReport(this.#k, cpu, now - silent.since, this.#workOf(cpu)));
  }

  #report(text: string): void {
    this.#k.platform.report(text);
    try {
      printk(this.#k, text);
    } catch (error) {
      // The CPU may hold the very lock of the log.
      if (!(error instanceof WaitGivenUp)) throw error;
      makeContextIdle(this.#k);
    }
  }
}
