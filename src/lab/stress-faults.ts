import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { MachineStateError } from '../machine/machine-errors.js';
import type { Machine } from '../machine/machine.js';
import type { StressControl } from './stress-control.js';
import { RUN } from './stress-control.js';
import type { StressCpus } from './stress-cpus.js';
import type { KillFault, OfflineFault, StressFault } from './stress-fault.js';
import type { Kill } from './stress-reports.js';
import type { FaultResult } from './stress-result.js';
import type { FlyingBlock } from './stress-table.js';

/** A killed CPU comes back after this time. Milliseconds. */
const REVIVAL_MS = 1000;

/** Does to a machine what the user of a stress run wants done to it. */
export class StressFaults {
  readonly #machine: Machine;
  readonly #control: StressControl;
  readonly #cpus: StressCpus;
  readonly #faults: readonly StressFault[];
  readonly #onError: (cpu: number, error: unknown) => void;
  readonly #results = new Map<StressFault, FaultResult>();
  readonly #kills: { cpu: number; start: number; milliseconds: number }[] = [];
  readonly #under: Promise<void>[] = [];
  readonly #over = new AbortController();
  /** Blocks that were on their way when a CPU died. */
  readonly inFlight: FlyingBlock[] = [];

  /** @param onError called when the machine fails at a fault */
  constructor(
    machine: Machine,
    control: StressControl,
    cpus: StressCpus,
    faults: readonly StressFault[],
    onError: (cpu: number, error: unknown) => void,
  ) {
    this.#onError = onError;
    // Every fault waits for it.
    setMaxListeners(0, this.#over.signal);
    this.#machine = machine;
    this.#control = control;
    this.#cpus = cpus;
    this.#faults = faults;
  }

  schedule(): void {
    for (const fault of this.#faults) this.#under.push(this.#do(fault));
  }

  /** The time is over: nothing more happens, and all CPUs come back that are unplugged. */
  async end(): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#under);
  }

  /** What became of each fault, in the order given. */
  results(): FaultResult[] {
    return this.#faults.map(
      (fault) =>
        this.#results.get(fault) ?? {
          fault,
          outcome: 'too late',
          detail: 'the run was over',
          milliseconds: 0,
        },
    );
  }

  /** The kills so far; one that is under way counts with the time that it has taken until now. */
  kills(): Kill[] {
    const now = performance.now();
    return this.#kills.map(({ cpu, start, milliseconds }) => ({
      cpu,
      milliseconds: milliseconds < 0 ? now - start : milliseconds,
    }));
  }

  async #do(fault: StressFault): Promise<void> {
    await this.#pause(fault.at * 1000);
    if (this.#isOver()) return;
    const start = performance.now();
    try {
      if (fault.kind === 'kill') await this.#kill(fault, start);
      else await this.#unplug(fault, start);
    } catch (error) {
      const outcome = this.#machine.panicked ? 'panicked' : 'refused';
      const detail = error instanceof Error ? error.message : String(error);
      if (outcome === 'refused' && !(error instanceof MachineStateError)) this.#onError(fault.cpu, error);
      this.#results.set(fault, { fault, outcome, detail, milliseconds: performance.now() - start });
    }
  }

  async #kill(fault: KillFault, start: number): Promise<void> {
    const { cpu } = fault;
    if (!this.#machine.onlineCpus().includes(cpu)) throw new MachineStateError(`CPU ${cpu} is not online`);
    const kill = { cpu, start, milliseconds: -1 };
    this.#kills.push(kill);
    await this.#cpus.kill(cpu);
    const milliseconds = performance.now() - start;
    kill.milliseconds = milliseconds;
    if (this.#machine.panicked) {
      this.#results.set(fault, { fault, outcome: 'panicked', detail: 'it held a lock', milliseconds });
      return;
    }
    const flying = this.#cpus.abandon(cpu);
    this.inFlight.push(...flying);
    const lost = flying.map(({ doing, order }) => `, was ${doing} a block of order ${order}`).join('');
    const done = { fault, outcome: 'done', milliseconds } as const;
    this.#results.set(fault, { ...done, detail: `held no lock${lost}` });
    await this.#pause(REVIVAL_MS);
    await this.#machine.cpu(cpu).online();
    if (this.#isOver()) return;
    this.#cpus.start(cpu);
    this.#results.set(fault, { ...done, detail: `held no lock${lost}; back again` });
  }

  async #unplug(fault: OfflineFault, start: number): Promise<void> {
    const { cpu, back } = fault;
    await this.#machine.cpu(cpu).offline();
    this.#cpus.setUnplugged(cpu, true);
    const milliseconds = performance.now() - start;
    await this.#pause(back === undefined ? Infinity : back * 1000);
    await this.#machine.cpu(cpu).online();
    this.#cpus.setUnplugged(cpu, false);
    const detail = this.#isOver() ? 'back at the end' : `back after ${back} s`;
    this.#results.set(fault, { fault, outcome: 'done', detail, milliseconds });
  }

  #isOver(): boolean {
    return this.#over.signal.aborted || this.#control.stopState() !== RUN || this.#machine.panicked;
  }

  /** Waits, but not beyond the end of the run. */
  async #pause(milliseconds: number): Promise<void> {
    // The longest time that a timer can wait.
    const limited = Math.min(milliseconds, 2 ** 31 - 1);
    await sleep(limited, undefined, { signal: this.#over.signal }).catch(() => undefined);
  }
}
