import { setTimeout as sleep } from 'node:timers/promises';
import { MachineStateError, TaskDiedError } from '../machine/machine-errors.js';
import type { Machine } from '../machine/machine.js';
import type { MachineTask } from '../machine/task-threads.js';
import type { StressFault } from './stress-fault.js';
import type { FaultyTasks } from './stress-faults.js';

/** How long it may take until a task has a thread. Milliseconds. */
const START_LIMIT_MS = 120_000;

/** The name of each task, before its number. */
export const STRESS_TASK = 'stress/';

/** @throws RangeError for too many tasks, or when a fault names a CPU or a task that there is not */
export function checkTasks(
  machine: Machine,
  tasks: number,
  most: number,
  faults: readonly StressFault[] = [],
): void {
  if (!Number.isInteger(tasks) || tasks < 1 || tasks > most)
    throw new RangeError(`${tasks} tasks: must be from 1 to ${most}`);
  for (const fault of faults) {
    if (fault.kind !== 'kill-task') machine.cpu(fault.cpu);
    else if (fault.task >= tasks)
      throw new RangeError(`task ${fault.task}: this run has tasks 0 to ${tasks - 1}`);
  }
}

interface StressedTask {
  readonly handle: MachineTask;
  readonly spawned: number;
  ended: boolean;
  killed: boolean;
  beats: number;
  lastBeat: number;
}

/** The tasks of a stress run, as its host sees them. */
export abstract class StressedTasks implements FaultyTasks {
  protected readonly machine: Machine;
  readonly #onError: (cpu: number, error: unknown) => void;
  readonly #tasks: StressedTask[] = [];

  /** @param onError called when a task ends with an error, with -1: it is no single CPU's */
  constructor(machine: Machine, onError: (cpu: number, error: unknown) => void) {
    this.machine = machine;
    this.#onError = onError;
  }

  // What a task has written down

  protected abstract hasBegun(number: number): boolean;

  /** Whether it has been told to go on, and must make progress. */
  protected abstract mustGoOn(number: number): boolean;

  /** A count that moves with its progress. */
  protected abstract beats(number: number): number;

  protected abstract hasEnded(number: number): boolean;

  // Beginning, progress, end

  /** Starts the next task, by a function of a module that gets the plan. */
  protected spawn(module: string, name: string, plan: unknown): void {
    const now = performance.now();
    const taskName = `${STRESS_TASK}${this.#tasks.length}`;
    const handle = this.machine.spawn(module, name, plan, { name: taskName });
    const task = { handle, spawned: now, ended: false, killed: false, beats: 0, lastBeat: now };
    this.#tasks.push(task);
    handle.result
      .catch((error: unknown) => {
        if (!(task.killed && error instanceof TaskDiedError)) this.#onError(-1, error);
      })
      .finally(() => {
        task.ended = true;
      });
  }

  /** Resolves when all have begun, or the run is over. */
  async begun(isOver: () => boolean): Promise<void> {
    while (!isOver() && this.#tasks.some((_, number) => !this.hasBegun(number))) await sleep(10);
  }

  /**
   * Which tasks hang, in words; undefined when none does. To be asked again and again.
   *
   * @param seconds how long a task may make no progress
   */
  hang(seconds: number): string | undefined {
    const now = performance.now();
    const late = this.#numbers(
      (number, { spawned }) => !this.hasBegun(number) && now - spawned > START_LIMIT_MS,
    );
    if (late.length > 0) return `tasks ${late.join(', ')} have not begun`;
    const hanging = this.#numbers((number, task) => {
      const beats = this.beats(number);
      if (beats !== task.beats || task.ended || !this.mustGoOn(number)) {
        task.beats = beats;
        task.lastBeat = now;
      }
      return now - task.lastBeat > seconds * 1000;
    });
    if (hanging.length === 0) return undefined;
    return `tasks that have made no progress for ${seconds} s: ${hanging.join(', ')}`;
  }

  #numbers(suits: (number: number, task: StressedTask) => boolean): number[] {
    return [...this.#tasks.keys()].filter((number) => suits(number, this.#tasks[number]));
  }

  /** Resolves when all have ended. */
  async ended(): Promise<void> {
    while (this.#tasks.some(({ ended }) => !ended)) await sleep(5);
  }

  // Kills

  nameOf(number: number): string | undefined {
    const task = this.#tasks.at(number);
    return task === undefined || task.ended ? undefined : `task ${task.handle.name}:${task.handle.pid}`;
  }

  async kill(number: number): Promise<void> {
    const task = this.#tasks[number];
    if (this.hasEnded(number)) throw new MachineStateError(`task ${number} is about to end`);
    task.killed = true;
    await this.machine.killTask(task.handle.pid);
  }

  abstract mourn(number: number): Promise<string>;
}
