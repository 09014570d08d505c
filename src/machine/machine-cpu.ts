import type { Machine } from './machine.js';

/** One CPU of a machine, as the host sees it. */
export class MachineCpu {
  readonly number: number;
  readonly #machine: Machine;

  constructor(machine: Machine, number: number) {
    this.#machine = machine;
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
  run(module: string | URL, exportName: string, args?: unknown): Promise<unknown> {
    return this.#machine.runOn(this.number, module, exportName, args);
  }

  /**
   * Unplugs the CPU: its page lists go back to the buddy system, and it is sent no more interrupts. A function that
   * runs there is suspended until {@link online}.
   *
   * @throws MachineStateError when it is the last one, is not online, or does not come to a poll
   */
  offline(): Promise<void> {
    return this.#machine.offline(this.number);
  }

  /** Plugs the CPU in again; after its thread's death it gets a new one. */
  online(): Promise<void> {
    return this.#machine.online(this.number);
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
    this.#machine.raise(this.number, irq);
  }

  /**
   * Ends the CPU's thread at once, wherever it is, only not before a module is loaded that it loads: a fault for tests
   * and stress. Resolves when it was dealt with.
   */
  kill(): Promise<void> {
    return this.#machine.kill(this.number);
  }
}
