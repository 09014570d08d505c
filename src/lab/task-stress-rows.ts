import type { MemoryImage } from '../image/memory-image.js';
import type { TaskInfo } from '../kernel/sched/list-tasks.js';
import { TASK_COUNTERS, TASK_OPERATIONS, type TaskOperation } from './task-stress-names.js';
import type { TaskCount } from './task-stress-result.js';
import { ROW, rowAt, WORLD } from './task-stress-world.js';

/** The rows of a stress run's tasks, as its host reads them. */
export class TaskRows {
  readonly #i32: Int32Array;
  readonly #f64: Float64Array;
  readonly #world: number;
  readonly #tasks: number;

  constructor(image: MemoryImage, world: number, tasks: number) {
    this.#i32 = image.i32;
    this.#f64 = image.f64;
    this.#world = world;
    this.#tasks = tasks;
  }

  /** A field of the world. */
  shared(field: keyof typeof WORLD.at): number {
    return Atomics.load(this.#i32, this.#world + WORLD.at[field]);
  }

  /** A field of a row. */
  field(row: number, field: keyof typeof ROW.at): number {
    return Atomics.load(this.#i32, rowAt(this.#world, row) + ROW.at[field]);
  }

  beats(row: number): number {
    return this.field(row, 'beats');
  }

  /** How often each operation was done. */
  operations(): Record<TaskOperation, number> {
    const entries = TASK_OPERATIONS.map((name, i) => [name, this.#sum('times', i)]);
    return Object.fromEntries(entries) as Record<TaskOperation, number>;
  }

  /** How often tasks found themselves on another CPU. */
  moves(): number {
    return this.#sum('moves', 0);
  }

  #sum(field: 'times' | 'moves', index: number): number {
    let sum = 0;
    for (let row = 0; row < 2 * this.#tasks; row++) sum += this.#double(row, field, index);
    return sum;
  }

  #double(row: number, field: 'times' | 'moves' | 'begun' | 'done', index: number): number {
    return this.#f64[((rowAt(this.#world, row) + ROW.at[field]) >>> 1) + index];
  }

  /** What the counters must be, beside what they are. */
  counts(counted: readonly number[]): TaskCount[] {
    return TASK_COUNTERS.map((name, i) => {
      let least = 0;
      let most = 0;
      for (let row = 0; row < 2 * this.#tasks; row++) {
        const begun = this.#double(row, 'begun', i);
        const done = this.#double(row, 'done', i);
        least += Math.min(begun, done);
        most += Math.max(begun, done);
      }
      if (name === 'local_irq_save') {
        least += this.shared('served');
        most += this.shared('serving');
      } else if (name === 'completion') {
        least += this.shared('completed');
        most += this.shared('completing');
      }
      return { name, least, most, counted: counted[i] };
    });
  }

  /** What the tasks are at: those of the run, then all others. */
  describe(tasks: readonly TaskInfo[]): string[] {
    const rows = new Map<number, number>();
    for (let row = 0; row < this.#tasks; row++) rows.set(this.field(row, 'pid'), row);
    return tasks.map((task) => {
      const { pid, comm, state, cpu, running } = task;
      const row = rows.get(pid);
      const what = row === undefined ? '' : `, ${this.#operation(row)}`;
      return `${comm}:${pid} ${state}${running ? ' runs' : ''} on CPU#${cpu}${what}`;
    });
  }

  #operation(row: number): string {
    const operation = this.field(row, 'operation');
    const using = this.field(row, 'using');
    const name =
      operation === 0
        ? 'between two operations'
        : `${TASK_OPERATIONS[operation - 1]} ${this.field(row, 'detail')}`;
    return `${name}${using === 0 ? '' : ` (guard ${using - 1})`}, ${this.beats(row)} steps`;
  }
}
