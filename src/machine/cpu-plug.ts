import { CPU_OFFLINE, CPU_ONLINE } from '../kernel/core/cpu-area.js';
import { cpuState, num_online_cpus } from '../kernel/core/cpu-mask.js';
import { ringClock } from '../kernel/cpu/clock-bell.js';
import { bringCpuUp, takeCpuDown } from '../kernel/hotplug.js';
import { refresh_zone_stat_thresholds } from '../kernel/mm/zone-setup.js';
import type { ConsoleTurns } from './console-turns.js';
import type { CpuThreads } from './cpu-threads.js';
import { MachineStateError } from './machine-errors.js';
import type { MachineState } from './machine-state.js';

/** Takes CPUs out of a running machine, and puts them back. */
export class CpuPlug {
  readonly #state: MachineState;
  readonly #turns: ConsoleTurns;
  readonly #threads: CpuThreads;

  constructor(state: MachineState, turns: ConsoleTurns, threads: CpuThreads) {
    this.#state = state;
    this.#turns = turns;
    this.#threads = threads;
  }

  /** @throws MachineStateError when the CPU is the last one, is not online, or does not come to a poll */
  async pull(cpu: number): Promise<void> {
    this.#threads.online(cpu);
    await this.#turns.stopped([cpu], () => {
      const k = this.#state.console;
      // It may have died or gone while others had their turn.
      this.#threads.online(cpu);
      if (num_online_cpus(k) === 1) throw new MachineStateError(`CPU ${cpu} is the last one online`);
      takeCpuDown(k, cpu);
      refresh_zone_stat_thresholds(k);
    });
  }

  /** A CPU whose thread has died gets a new one. */
  async plugIn(cpu: number): Promise<void> {
    this.#state.mustRun();
    await this.#turns.inTurn(async () => {
      // It may have stopped while others had their turn.
      this.#state.mustRun();
      const k = this.#state.console;
      const state = cpuState(k, cpu);
      if (state === CPU_ONLINE) return;
      if (state === CPU_OFFLINE) bringCpuUp(k, cpu);
      else await this.#threads.replace(cpu);
      refresh_zone_stat_thresholds(k);
      // It may have left something behind when it went.
      ringClock(k);
    });
  }
}
