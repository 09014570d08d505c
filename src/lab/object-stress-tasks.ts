import type { Machine } from '../machine/machine.js';
import type { ObjectControl } from './object-stress-control.js';
import type { ObjectTaskPlan } from './object-stress-worker.js';
import { messageOf } from './stress-problem.js';
import { STRESS_TASK, StressedTasks } from './stress-tasks.js';

/** The functions that run on the machine. */
export const OBJECT_MODULE = new URL('./object-stress-task.js', import.meta.url).href;

/** The tasks of a stress run of objects. */
export class ObjectTasks extends StressedTasks {
  readonly #control: ObjectControl;

  constructor(machine: Machine, control: ObjectControl, onError: (cpu: number, error: unknown) => void) {
    super(machine, onError);
    this.#control = control;
  }

  spawnAll(plan: ObjectTaskPlan): void {
    for (let number = 0; number < this.#control.tasks; number++)
      this.spawn(OBJECT_MODULE, 'objectTask', { ...plan, number } satisfies ObjectTaskPlan);
  }

  protected hasBegun(number: number): boolean {
    return this.beats(number) !== 0;
  }

  /** They do so as soon as they have begun. */
  protected mustGoOn(number: number): boolean {
    return this.hasBegun(number);
  }

  protected beats(number: number): number {
    return this.#control.beats(number);
  }

  protected hasEnded(number: number): boolean {
    return this.#control.hasEnded(number);
  }

  /** What the tasks are at, in words: where those sleep that do. */
  describe(): string {
    try {
      const infos = this.machine.tasks().filter(({ comm }) => comm.startsWith(STRESS_TASK));
      return infos.map(({ comm, pid, state, cpu }) => `${comm}:${pid} ${state} on CPU#${cpu}`).join(', ');
    } catch (error) {
      return `not known: ${messageOf(error)}`;
    }
  }

  /** What it held is freed in the end. */
  mourn(): Promise<string> {
    return Promise.resolve('held no lock');
  }
}
