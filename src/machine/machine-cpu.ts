import { NR_IRQS } from '../kernel/core/interrupt-data.js';
import { raise_irq } from '../kernel/cpu/irq-raise.js';
import type { CpuPlug } from './cpu-plug.js';
import type { CpuThreads } from './cpu-threads.js';
import type { MachineState } from './machine-state.js';
import { moduleUrl } from './module-url.js';

/** The parts of a machine that a CPU is reached by. */
export interface CpuParts {
  readonly state: MachineState;
  readonly threads: CpuThreads;
  readonly plug: CpuPlug;
  /** Resolves when no thread is asked for its stack: then it may be ended. */
  traced(): Promise<void>;
}

/** One CPU of a machine, as the host sees it. */
export class MachineCpu {
  readonly number: number;
  readonly #parts: CpuParts;

  /** @internal See {@link Machine.cpu}. */
  constructor(parts: CpuParts, number: number) {
    parts.threads.check(number);
    this.#parts = parts;
    this.number = number;
  }

  /**
   * Calls an exported function on this CPU, and waits for its result.
   *
   * @param module absolute URL of a JavaScript module
   * @param exportName a synchronous function `(k: Kernel, args) => result`
   * @param args anything that can be cloned to a thread; SharedArrayBuffers stay shared
   * @throws CpuError what the function threw, with its stack on the CPU
   * @throws CpuDiedError when the CPU's thread dies meanwhile
   * @throws MachinePanicError when the machine panics meanwhile
   */
  async run(module: string | URL, exportName: string, args?: unknown): Promise<unknown> {
    return await this.#parts.threads.run(this.number, moduleUrl(module), exportName, args);
  }

  /**
   * Unplugs the CPU: its page lists go back to the buddy system, and it is sent no more interrupts. A function that
   * runs there is suspended until {@link online}.
   *
   * @throws MachineStateError when it is the last one, is not online, or does not come to a poll
   */
  offline(): Promise<void> {
    return this.#parts.plug.pull(this.number);
  }

  /** Plugs the CPU in again; after its thread's death it gets a new one. */
  online(): Promise<void> {
    return this.#parts.plug.plugIn(this.number);
  }

  /**
   * Raises the interrupt of a device on this CPU, whether it is idle or runs something: the handlers that
   * `request_irq` has registered serve it as soon as interrupts are on there.
   *
   * @param irq 0 to 63
   * @throws RangeError for another number
   * @throws MachineStateError when the CPU is not online
   */
  raise(irq: number): void {
    this.#parts.threads.online(this.number);
    if (!Number.isInteger(irq) || irq < 0 || irq >= NR_IRQS) {
      throw new RangeError(`IRQ ${irq}: a machine has IRQs 0 to ${NR_IRQS - 1}`);
    }
    raise_irq(this.#parts.state.console, this.number, irq);
  }

  /**
   * Ends the CPU's thread at once, wherever it is, only not before a module is loaded that it loads: a fault for tests
   * and stress. Resolves when it was dealt with.
   */
  async kill(): Promise<void> {
    const thread = this.#parts.threads.online(this.number);
    await this.#parts.traced();
    await thread.kill();
    await thread.ended;
  }
}
