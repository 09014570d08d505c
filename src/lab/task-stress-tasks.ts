import { setTimeout as sleep } from 'node:timers/promises';
import { SIGHUP } from '../kernel/sched/signal.js';
import { MachineStateError, TaskDiedError } from '../machine/machine-errors.js';
import type { Machine } from '../machine/machine.js';
import type { MachineTask } from '../machine/task-threads.js';
import type { FaultyTasks } from './stress-faults.js';
import type { TaskRows } from './task-stress-rows.js';
import type { StressTaskPlan } from './task-stress-task.js';
import { BATON, batonAt, ROW_ENDED, WORLD } from './task-stress-world.js';

/** The functions that run on the machine. */
export const TASK_MODULE = new URL('./task-stress-task.js', import.meta.url).href;

/** The names of the tasks, and of their kernel threads. */
const TASK_NAME = 'stress/';
const KTHREAD_NAME = 'kid/';

interface StressedTask {
  readonly handle: MachineTask;
  ended: boolean;
  killed: boolean;
  beats: number;
  lastBeat: number;
}

/** The tasks of a stress run, as its host sees them. */
export class StressTasks implements FaultyTasks {
  readonly #machine: Machine;
  readonly #rows: TaskRows;
  readonly #world: number;
  readonly #onError: (error: unknown) => void;
  readonly #tasks: StressedTask[] = [];
  /** Pages that the kernel was handing out or taking back when a task was killed. */
  lostPages = 0;

  /** @param onError called when a task ends with an error */
  constructor(machine: Machine, rows: TaskRows, world: number, onError: (error: unknown) => void) {
    this.#machine = machine;
    this.#rows = rows;
    this.#world = world;
    this.#onError = onError;
  }

  spawnAll(count: number, seed: number): void {
    for (let number = 0; number < count; number++) this.#spawn({ world: this.#world, number, seed });
  }

  #spawn(plan: StressTaskPlan): void {
    const name = `${TASK_NAME}${plan.number}`;
    const handle = this.#machine.spawn(TASK_MODULE, 'stressTask', plan, { name });
    const task = { handle, ended: false, killed: false, beats: 0, lastBeat: performance.now() };
    this.#tasks.push(task);
    handle.result
      .catch((error: unknown) => {
        if (!(task.killed && error instanceof TaskDiedError)) this.#onError(error);
      })
      .finally(() => {
        task.ended = true;
      });
  }

  /** All have begun: they do something from now on. */
  go(): void {
    for (const task of this.#tasks) task.lastBeat = performance.now();
    Atomics.store(this.#machine.image.i32, this.#world + WORLD.at.go, 1);
  }

  /** The tasks that have not begun. */
  missing(): number[] {
    return this.#numbers((number) => this.#rows.field(number, 'state') === 0);
  }

  /** The tasks that have made no progress for so long. */
  hanging(seconds: number): number[] {
    const now = performance.now();
    return this.#numbers((number, task) => {
      const beats = this.#rows.field(number, 'beats');
      const isIdle = this.#rows.shared('go') === 0 || task.ended;
      if (beats !== task.beats || isIdle) {
        task.beats = beats;
        task.lastBeat = now;
      }
      return now - task.lastBeat > seconds * 1000;
    });
  }

  #numbers(suits: (number: number, task: StressedTask) => boolean): number[] {
    const numbers: number[] = [];
    for (const [number, task] of this.#tasks.entries()) if (suits(number, task)) numbers.push(number);
    return numbers;
  }

  /** Resolves when all have ended. */
  async ended(): Promise<void> {
    while (this.#tasks.some(({ ended }) => !ended)) await sleep(5);
  }

  /** How often they gave up a CPU by themselves, and were made to. Those that have ended do not count. */
  switches(): { voluntary: number; involuntary: number } {
    const sum = { voluntary: 0, involuntary: 0 };
    for (const { comm, voluntarySwitches, involuntarySwitches } of this.#machine.tasks()) {
      if (!comm.startsWith(TASK_NAME)) continue;
      sum.voluntary += voluntarySwitches;
      sum.involuntary += involuntarySwitches;
    }
    return sum;
  }

  /** What each task is at, a line each. */
  describe(): string[] {
    try {
      return this.#rows.describe(this.#machine.tasks());
    } catch (error) {
      return [`not known: ${error instanceof Error ? error.message : String(error)}`];
    }
  }

  // Kills

  nameOf(number: number): string | undefined {
    const task = this.#tasks.at(number);
    return task === undefined || task.ended ? undefined : `task ${task.handle.name}:${task.handle.pid}`;
  }

  async kill(number: number): Promise<void> {
    const task = this.#tasks[number];
    if (this.#rows.field(number, 'state') === ROW_ENDED)
      throw new MachineStateError(`task ${number} is about to end`);
    task.killed = true;
    await this.#machine.killTask(task.handle.pid);
  }

  /** Nobody gets what the task had: others stop waiting for it. Its blocks are freed. */
  async mourn(number: number): Promise<string> {
    const { i32 } = this.#machine.image;
    const using = this.#rows.field(number, 'using');
    if (using !== 0) Atomics.or(i32, this.#world + WORLD.at.retired, 1 << (using - 1));
    Atomics.store(i32, batonAt(this.#world, number >>> 1) + BATON.at.gone, 1);
    for (const { pid } of this.#own([TASK_NAME, KTHREAD_NAME])) {
      try {
        this.#machine.signal(pid, SIGHUP);
      } catch (error) {
        // It has ended just now.
        if (!(error instanceof MachineStateError)) throw error;
      }
    }
    const plan: StressTaskPlan = { world: this.#world, number, seed: 0 };
    const flight = (await this.#machine.spawn(TASK_MODULE, 'mourn', plan).result) as number;
    if (flight !== 0) this.lostPages += 1 << (flight - 1);
    return `held no lock${using === 0 ? '' : `; guard ${using - 1} is retired`}${flight === 0 ? '' : `; ${1 << (flight - 1)} pages may be lost`}`;
  }

  /** Stops the kernel threads that killed tasks have left behind. */
  async stopKthreads(): Promise<void> {
    const pids = this.#own([KTHREAD_NAME]).map(({ pid }) => pid);
    if (pids.length > 0) await this.#machine.spawn(TASK_MODULE, 'stopKthreads', pids).result;
  }

  /** The tasks of the run that there still are. */
  left(): string[] {
    return this.#own([TASK_NAME, KTHREAD_NAME]).map(({ comm, pid, state }) => `${comm}:${pid} (${state})`);
  }

  #own(names: readonly string[]): ReturnType<Machine['tasks']> {
    // A dead one is still there as long as somebody has a reference to it.
    return this.#machine
      .tasks()
      .filter(({ comm, state }) => state !== 'X' && names.some((name) => comm.startsWith(name)));
  }
}
