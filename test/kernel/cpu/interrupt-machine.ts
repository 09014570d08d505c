import { GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { phys_to_word } from '../../../src/kernel/mm/phys.js';
import { IRQ_TIMER } from '../../../src/kernel/core/cpu-area.js';
import { raiseInterrupt } from '../../../src/kernel/cpu/raise-interrupt.js';
import { PAGE_SIZE } from '../../../src/arch/page.js';
import type { Hardware } from '../../../src/arch/hardware.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { bootInProcess, type LoneMachine, twoNodes } from '../../support/boot-in-process.js';

const URL_OF_TEST = 'file:///test/interrupts.js';

/** A function as the kernel calls it. */
export type Handler = (k: Kernel, data: number, second?: number) => unknown;

/** A machine in one thread, with a page for structures and functions that the kernel can call by number. */
export class InterruptMachine {
  readonly machine: LoneMachine;
  readonly cpus: readonly Kernel[];
  readonly k: Kernel;
  /** What handlers noted. */
  readonly seen: unknown[] = [];
  #nextWord: number;
  #functions = 0;

  constructor(changes: Partial<Hardware> = {}) {
    this.machine = bootInProcess(twoNodes(32, changes));
    this.cpus = this.machine.cpus;
    this.k = this.machine.k;
    this.#nextWord = phys_to_word(this.k, this.k.alloc_page(GFP_KERNEL) * PAGE_SIZE);
  }

  get reports(): readonly string[] {
    return this.machine.platform.reports;
  }

  /** Word index of zeroed memory of 32 words. */
  memory(): number {
    const word = this.#nextWord;
    this.#nextWord += 32;
    this.k.i32.fill(0, word, word + 32);
    return word;
  }

  /** The symbol number of a function. */
  symbol(handler: Handler): number {
    const name = `f${this.#functions++}`;
    this.machine.platform.modules.set(`${name}@${URL_OF_TEST}`, (k, data, second) =>
      handler(k as Kernel, data, second),
    );
    return this.k.module_symbol(URL_OF_TEST, name);
  }

  /** A function that notes a value. */
  noting(value: unknown): number {
    return this.symbol(() => {
      this.seen.push(value);
    });
  }

  /** Lets time pass, in jiffies, and ticks come to a CPU for each. */
  tick(k: Kernel, jiffies: number): void {
    for (let i = 0; i < jiffies; i++) {
      this.machine.platform.time += 1000 / k.HZ();
      raiseInterrupt(k, k.cpu, IRQ_TIMER);
      k.poll();
    }
  }
}
