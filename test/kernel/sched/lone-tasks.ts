import { PAGE_SIZE } from '../../../src/arch/page.js';
import { TASK, TASK_RUNNING } from '../../../src/kernel/core/task-struct.js';
import { current } from '../../../src/kernel/core/tasks.js';
import { GFP_KERNEL, __GFP_ZERO } from '../../../src/kernel/mm/gfp.js';
import { phys_to_word } from '../../../src/kernel/mm/phys.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { bootInProcess, type LoneMachine, twoNodes } from '../../support/boot-in-process.js';

/**
 * A machine in one thread. The task of each CPU can be in line and say that it sleeps, but cannot: so whom a wake-up wakes, and
 * in which order, is there to be seen.
 */
export class LoneTasks {
  readonly machine: LoneMachine;
  readonly cpus: readonly Kernel[];
  readonly k: Kernel;
  #next: number;

  constructor() {
    this.machine = bootInProcess(twoNodes(32));
    this.cpus = this.machine.cpus;
    this.k = this.machine.k;
    this.#next = phys_to_word(this.k, this.k.alloc_page(GFP_KERNEL | __GFP_ZERO) * PAGE_SIZE);
  }

  /** Zeroed words. */
  words(count: number): number {
    const words = this.#next;
    this.#next += count + (count & 1);
    return words;
  }

  get reports(): string[] {
    return this.machine.platform.reports;
  }

  state(cpu: number): number {
    return Atomics.load(this.k.i32, current(this.cpus[cpu]) + TASK.at.state);
  }

  /** The CPUs whose tasks do not say that they sleep. */
  awake(): number[] {
    return this.cpus.map((k) => k.cpu).filter((cpu) => this.state(cpu) === TASK_RUNNING);
  }

  /** The task of a CPU gets a signal, or has none any more. */
  signal(cpu: number, signals = 1 << 15): void {
    Atomics.store(this.k.i32, current(this.cpus[cpu]) + TASK.at.signals, signals);
  }
}
