import { panic } from '../kernel/core/bug.js';
import { KernelPanic, WaitGivenUp } from '../kernel/core/errors.js';
import { TASK } from '../kernel/core/task-struct.js';
import { cpuTask, task_comm, task_pid } from '../kernel/core/tasks.js';
import { releaseCpu } from '../kernel/cpu/dispatch.js';
import { breakLogLock, buryCpu, locksLost, recoverCpu, takeOverCpus } from '../kernel/hotplug.js';
import { buryOwnTask, buryTask, markThreadDead, refuseThread } from '../kernel/sched/task-death.js';
import type { ConsoleTurns } from './console-turns.js';
import type { CpuThread } from './cpu-thread.js';
import type { CpuThreads } from './cpu-threads.js';
import type { CpuDiedError } from './machine-errors.js';
import type { MachineState } from './machine-state.js';

/** Whom the deaths of threads are told. */
export interface DeathListener {
  /** A panic that is not in the log. */
  report(text: string): void;
  /** A CPU's thread has died, and what follows from that was done. */
  died(error: CpuDiedError): void;
}

/** What becomes of a machine when one of its threads ends that nobody has told to. */
export class ThreadDeaths {
  readonly #state: MachineState;
  readonly #turns: ConsoleTurns;
  readonly #threads: CpuThreads;
  readonly #tell: DeathListener;

  constructor(state: MachineState, turns: ConsoleTurns, threads: CpuThreads, tell: DeathListener) {
    this.#state = state;
    this.#turns = turns;
    this.#threads = threads;
    this.#tell = tell;
  }

  /** A CPU's thread: the CPU leaves the machine, or takes it along. */
  async ofCpu(thread: CpuThread, error: CpuDiedError): Promise<void> {
    const k = this.#state.console;
    // During boot the caller learns it from the call that fails.
    if (this.#state.halted || this.#state.panicked || k.area === 0) return;
    this.#threads.abortBarriers();
    markThreadDead(k, cpuTask(k, thread.cpu));
    const cpus = takeOverCpus(k, thread.thread);
    if (!this.#lostLocks(`CPU#${thread.cpu}`, error.reason, cpus)) {
      await this.#bury(thread, cpus, error.reason).catch((cause: unknown) => {
        // Another death has stopped the machine meanwhile.
        if (!this.#state.panicked && !this.#state.halted) throw cause;
      });
    }
    this.#tell.died(error);
  }

  /**
   * The thread of a task.
   *
   * @param thread its number in the machine
   */
  async ofTask(task: number, thread: number, reason: string): Promise<void> {
    if (this.#state.halted || this.#state.panicked) return;
    const k = this.#state.console;
    if (Atomics.load(k.i32, task + TASK.at.thread) === 0) {
      refuseThread(k, task);
      return;
    }
    markThreadDead(k, task);
    const cpus = takeOverCpus(k, thread);
    if (this.#lostLocks(`task ${task_comm(k, task)}:${task_pid(k, task)}`, reason, cpus)) return;
    await this.#recover(cpus);
    await this.#turns.patiently(() => {
      buryTask(k, task, reason);
    });
  }

  /** Whether a dead thread held locks as one of the CPUs that it was: then the machine stops. */
  #lostLocks(who: string, reason: string, cpus: readonly number[]): boolean {
    const k = this.#state.console;
    const lost = cpus.flatMap((cpu) => locksLost(k, cpu));
    for (const cpu of cpus) breakLogLock(k, cpu);
    if (lost.length > 0) this.#panic(`${who}: its thread died (${reason}) and held ${lost.join(', ')}`);
    return lost.length > 0;
  }

  /** Puts the CPUs in order that a dead thread was, and gives them to other tasks. */
  async #recover(cpus: readonly number[]): Promise<void> {
    const k = this.#state.console;
    for (const cpu of cpus) {
      // recoverCpu() begins with the CPU's context, so it can be done again.
      await this.#turns.patiently(() => {
        recoverCpu(k, cpu);
      });
      releaseCpu(k.as(cpu));
    }
  }

  /** @param cpus the CPUs that the dead thread was */
  async #bury(thread: CpuThread, cpus: readonly number[], reason: string): Promise<void> {
    const k = this.#state.console;
    await this.#recover(cpus);
    await this.#turns.stopped([thread.cpu], () => {
      // While others had their turn, the CPU may have got another thread.
      if (this.#threads.all[thread.cpu] !== thread) return;
      buryCpu(k, thread.cpu, reason);
      buryOwnTask(k, cpuTask(k, thread.cpu));
    });
  }

  /** Stops the machine from the console. */
  #panic(message: string): void {
    try {
      panic(this.#state.console, message);
    } catch (error) {
      // On a CPU, panic() ends the running function by this exception; the console goes on.
      if (error instanceof KernelPanic) return;
      if (!(error instanceof WaitGivenUp)) throw error;
      // Another CPU has died with the log's lock: the machine has stopped, but nothing is in the log.
      this.#tell.report(`Kernel panic - not syncing: ${message}`);
    }
  }
}
