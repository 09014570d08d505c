import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { MachineStateError } from '../machine/machine-errors.js';
import type { Machine } from '../machine/machine.js';
import type { KillFault, KillTaskFault, OfflineFault, StressFault } from './stress-fault.js';
import { messageOf } from './stress-problem.js';
import type { Kill } from './stress-reports.js';
import type { FaultResult } from './stress-result.js';
import type { FlyingBlock } from './stress-table.js';

/** A killed CPU comes back after this time. Milliseconds. */
const REVIVAL_MS = 1000;

/** The run to whose machine something is done. */
export interface FaultyRun {
  /** Whether it goes on. */
  runs(): boolean;
  /** Called when the machine fails at a fault. */
  onError(cpu: number, error: unknown): void;
  /** Without them the CPUs have nothing of the run: its tasks go on elsewhere, and come back by themselves. */
  readonly cpus?: FaultyCpus;
  readonly tasks?: FaultyTasks;
}

/** The CPUs of a run that works on them itself: what it does about a fault. */
export interface FaultyCpus {
  /** Kills a CPU. Resolves when the machine has dealt with it. */
  kill(cpu: number): Promise<void>;
  /** A CPU that was killed held no lock: what was lost with it. */
  abandon(cpu: number): FlyingBlock[];
  /** A CPU that was killed is back. */
  start(cpu: number): void;
  /** A CPU was unplugged or plugged in. */
  setUnplugged(cpu: number, unplugged: boolean): void;
}

/** The tasks of a run, which can be killed. */
export interface FaultyTasks {
  /** The name of a task; undefined when it has none or it has ended. */
  nameOf(task: number): string | undefined;
  /** Kills a task. Resolves when the machine has dealt with it. */
  kill(task: number): Promise<void>;
  /** A task that was killed held no lock: what was lost with it, in words. */
  mourn(task: number): Promise<string>;
}

/** Does to a machine what the user of a stress run wants done to it. */
export class StressFaults {
  readonly #machine: Machine;
  readonly #run: FaultyRun;
  readonly #faults: readonly StressFault[];
  readonly #results = new Map<StressFault, FaultResult>();
  readonly #kills: { victim: string; start: number; milliseconds: number }[] = [];
  readonly #under: Promise<void>[] = [];
  readonly #over = new AbortController();
  /** Blocks that were on their way when a CPU died. */
  readonly inFlight: FlyingBlock[] = [];

  constructor(machine: Machine, faults: readonly StressFault[] = [], run: FaultyRun) {
    // Every fault waits for it.
    setMaxListeners(0, this.#over.signal);
    this.#machine = machine;
    this.#faults = faults;
    this.#run = run;
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
    return this.#kills.map(({ victim, start, milliseconds }) => ({
      victim,
      milliseconds: milliseconds < 0 ? now - start : milliseconds,
    }));
  }

  async #do(fault: StressFault): Promise<void> {
    await this.#pause(fault.at * 1000);
    if (this.#isOver()) return;
    const start = performance.now();
    try {
      if (fault.kind === 'kill') await this.#killCpu(fault, start);
      else if (fault.kind === 'kill-task') await this.#killTask(fault, start);
      else await this.#unplug(fault, start);
    } catch (error) {
      const outcome = this.#machine.panicked ? 'panicked' : 'refused';
      const detail = messageOf(error);
      if (outcome === 'refused' && !(error instanceof MachineStateError)) {
        this.#run.onError(fault.kind === 'kill-task' ? -1 : fault.cpu, error);
      }
      this.#results.set(fault, { fault, outcome, detail, milliseconds: performance.now() - start });
    }
  }

  /** Kills somebody; whether the machine lives on. */
  async #kill(
    fault: StressFault,
    victim: string,
    start: number,
    action: () => Promise<void>,
  ): Promise<boolean> {
    const kill = { victim, start, milliseconds: -1 };
    this.#kills.push(kill);
    await action();
    const milliseconds = performance.now() - start;
    kill.milliseconds = milliseconds;
    if (!this.#machine.panicked) return true;
    this.#results.set(fault, { fault, outcome: 'panicked', detail: 'it held a lock', milliseconds });
    return false;
  }

  async #killTask(fault: KillTaskFault, start: number): Promise<void> {
    const { tasks } = this.#run;
    const name = tasks?.nameOf(fault.task);
    if (tasks === undefined || name === undefined)
      throw new MachineStateError(`there is no task ${fault.task}`);
    if (!(await this.#kill(fault, name, start, () => tasks.kill(fault.task)))) return;
    const milliseconds = performance.now() - start;
    const detail = await tasks.mourn(fault.task);
    this.#results.set(fault, { fault, outcome: 'done', detail, milliseconds });
  }

  async #killCpu(fault: KillFault, start: number): Promise<void> {
    const { cpu } = fault;
    const { cpus } = this.#run;
    if (!this.#machine.onlineCpus().includes(cpu)) throw new MachineStateError(`CPU ${cpu} is not online`);
    const kill = (): Promise<void> => cpus?.kill(cpu) ?? this.#machine.cpu(cpu).kill();
    if (!(await this.#kill(fault, `CPU#${cpu}`, start, kill))) return;
    const milliseconds = performance.now() - start;
    const flying = cpus?.abandon(cpu) ?? [];
    this.inFlight.push(...flying);
    const lost = flying.map(({ doing, order }) => `, was ${doing} a block of order ${order}`).join('');
    const done = { fault, outcome: 'done', milliseconds } as const;
    this.#results.set(fault, { ...done, detail: `held no lock${lost}` });
    await this.#pause(REVIVAL_MS);
    await this.#machine.cpu(cpu).online();
    if (this.#isOver()) return;
    cpus?.start(cpu);
    this.#results.set(fault, { ...done, detail: `held no lock${lost}; back again` });
  }

  async #unplug(fault: OfflineFault, start: number): Promise<void> {
    const { cpu, back } = fault;
    await this.#machine.cpu(cpu).offline();
    this.#run.cpus?.setUnplugged(cpu, true);
    const milliseconds = performance.now() - start;
    await this.#pause(back === undefined ? Infinity : back * 1000);
    await this.#machine.cpu(cpu).online();
    this.#run.cpus?.setUnplugged(cpu, false);
    const detail = this.#isOver() ? 'back at the end' : `back after ${back} s`;
    this.#results.set(fault, { fault, outcome: 'done', detail, milliseconds });
  }

  #isOver(): boolean {
    return this.#over.signal.aborted || !this.#run.runs() || this.#machine.panicked;
  }

  /** Waits, but not beyond the end of the run. */
  async #pause(milliseconds: number): Promise<void> {
    // The longest time that a timer can wait.
    const limited = Math.min(milliseconds, 2 ** 31 - 1);
    await sleep(limited, undefined, { signal: this.#over.signal }).catch(() => undefined);
  }
}
