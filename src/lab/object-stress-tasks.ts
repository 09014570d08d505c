import { setTimeout as sleep } from 'node:timers/promises';
import { MachineStateError, TaskDiedError } from '../machine/machine-errors.js';
import type { Machine } from '../machine/machine.js';
import type { MachineTask } from '../machine/task-threads.js';
import type { ObjectControl } from './object-stress-control.js';
import type { ObjectTaskPlan } from './object-stress-worker.js';
import type { FaultyTasks } from './stress-faults.js';

/** The functions that run on the machine. */
export const OBJECT_MODULE = new URL('./object-stress-task.js', import.meta.url).href;

interface StressedTask {
  readonly handle: MachineTask;
  ended: boolean;
  killed: boolean;
  beats: number;
  lastBeat: number;
}

/** The tasks of a stress run of objects, as its host sees them. */
export class ObjectTasks implements FaultyTasks {
  readonly #machine: Machine;
  readonly #control: ObjectControl;
  readonly #onError: (error: unknown) => void;
  readonly #tasks: StressedTask[] = [];

  /** @param onError called when a task ends with an error */
  constructor(machine: Machine, control: ObjectControl, onError: (error: unknown) => void) {
    this.#machine = machine;
    this.#control = control;
    this.#onError = onError;
  }

  spawnAll(plan: ObjectTaskPlan): void {
    for (let number = 0; number < this.#control.tasks; number++) this.#spawn({ ...plan, number });
  }

  #spawn(plan: ObjectTaskPlan): void {
    const name = `stress/${plan.number}`;
    const handle = this.#machine.spawn(OBJECT_MODULE, 'objectTask', plan, { name });
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

  /** The tasks that have not begun. */
  missing(): number[] {
    return [...this.#tasks.keys()].filter((number) => this.#control.beats(number) === 0);
  }

  /** The tasks that have made no progress for so long. */
  hanging(seconds: number): number[] {
    const now = performance.now();
    const hanging: number[] = [];
    for (const [number, task] of this.#tasks.entries()) {
      const beats = this.#control.beats(number);
      if (beats !== task.beats || beats === 0 || task.ended) {
        task.beats = beats;
        task.lastBeat = now;
      }
      if (now - task.lastBeat > seconds * 1000) hanging.push(number);
    }
    return hanging;
  }

  /** What the tasks are at, in words: where those sleep that do. */
  describe(): string {
    try {
      const infos = this.#machine.tasks().filter(({ comm }) => comm.startsWith('stress/'));
      return infos.map(({ comm, pid, state, cpu }) => `${comm}:${pid} ${state} on CPU#${cpu}`).join(', ');
    } catch (error) {
      return `not known: ${error instanceof Error ? error.message : String(error)}`;
    }
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
    if (this.#control.hasEnded(number)) throw new MachineStateError(`task ${number} is about to end`);
    task.killed = true;
    await this.#machine.killTask(task.handle.pid);
  }

  /** What it held is freed in the end. */
  mourn(): Promise<string> {
    return Promise.resolve('held no lock');
  }
}
