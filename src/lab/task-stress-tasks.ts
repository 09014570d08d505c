import { SIGHUP } from '../kernel/sched/signal.js';
import { MachineStateError } from '../machine/machine-errors.js';
import type { Machine } from '../machine/machine.js';
import { messageOf } from './stress-problem.js';
import { STRESS_TASK, StressedTasks } from './stress-tasks.js';
import type { TaskRows } from './task-stress-rows.js';
import type { StressTaskPlan } from './task-stress-task.js';
import { BATON, batonAt, ROW_ENDED, WORLD } from './task-stress-world.js';

/** The functions that run on the machine. */
export const TASK_MODULE = new URL('./task-stress-task.js', import.meta.url).href;

/** The name of a task's kernel thread. */
const KTHREAD_NAME = 'kid/';

/** The tasks of a stress run of tasks. */
export class StressTasks extends StressedTasks {
  readonly #rows: TaskRows;
  readonly #world: number;
  /** Pages that the kernel was handing out or taking back when a task was killed. */
  lostPages = 0;

  constructor(
    machine: Machine,
    rows: TaskRows,
    world: number,
    onError: (cpu: number, error: unknown) => void,
  ) {
    super(machine, onError);
    this.#rows = rows;
    this.#world = world;
  }

  spawnAll(count: number, seed: number): void {
    for (let number = 0; number < count; number++)
      this.spawn(TASK_MODULE, 'stressTask', { world: this.#world, number, seed } satisfies StressTaskPlan);
  }

  /** All have begun: they do something from now on. */
  go(): void {
    Atomics.store(this.machine.image.i32, this.#world + WORLD.at.go, 1);
  }

  protected hasBegun(number: number): boolean {
    return this.#rows.field(number, 'state') !== 0;
  }

  protected mustGoOn(): boolean {
    return this.#rows.shared('go') !== 0;
  }

  protected beats(number: number): number {
    return this.#rows.beats(number);
  }

  protected hasEnded(number: number): boolean {
    return this.#rows.field(number, 'state') === ROW_ENDED;
  }

  /** How often they gave up a CPU by themselves, and were made to. Those that have ended do not count. */
  switches(): { voluntary: number; involuntary: number } {
    const sum = { voluntary: 0, involuntary: 0 };
    for (const { comm, voluntarySwitches, involuntarySwitches } of this.machine.tasks()) {
      if (!comm.startsWith(STRESS_TASK)) continue;
      sum.voluntary += voluntarySwitches;
      sum.involuntary += involuntarySwitches;
    }
    return sum;
  }

  /** What each task is at, a line each. */
  describe(): string[] {
    try {
      return this.#rows.describe(this.machine.tasks());
    } catch (error) {
      return [`not known: ${messageOf(error)}`];
    }
  }

  /** Nobody gets what the task had: others stop waiting for it. Its blocks are freed. */
  async mourn(number: number): Promise<string> {
    const { i32 } = this.machine.image;
    const using = this.#rows.field(number, 'using');
    if (using !== 0) Atomics.or(i32, this.#world + WORLD.at.retired, 1 << (using - 1));
    Atomics.store(i32, batonAt(this.#world, number >>> 1) + BATON.at.gone, 1);
    for (const { pid } of this.#own([STRESS_TASK, KTHREAD_NAME])) {
      try {
        this.machine.signal(pid, SIGHUP);
      } catch (error) {
        // It has ended just now.
        if (!(error instanceof MachineStateError)) throw error;
      }
    }
    const plan: StressTaskPlan = { world: this.#world, number, seed: 0 };
    const flight = (await this.machine.spawn(TASK_MODULE, 'mourn', plan).result) as number;
    if (flight !== 0) this.lostPages += 1 << (flight - 1);
    return `held no lock${using === 0 ? '' : `; guard ${using - 1} is retired`}${flight === 0 ? '' : `; ${1 << (flight - 1)} pages may be lost`}`;
  }

  /** Stops the kernel threads that killed tasks have left behind. */
  async stopKthreads(): Promise<void> {
    const pids = this.#own([KTHREAD_NAME]).map(({ pid }) => pid);
    if (pids.length > 0) await this.machine.spawn(TASK_MODULE, 'stopKthreads', pids).result;
  }

  /** The tasks of the run that there still are. */
  left(): string[] {
    return this.#own([STRESS_TASK, KTHREAD_NAME]).map(({ comm, pid, state }) => `${comm}:${pid} (${state})`);
  }

  #own(names: readonly string[]): ReturnType<Machine['tasks']> {
    // A dead one is still there as long as somebody has a reference to it.
    return this.machine
      .tasks()
      .filter(({ comm, state }) => state !== 'X' && names.some((name) => comm.startsWith(name)));
  }
}
