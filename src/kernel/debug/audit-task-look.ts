import { KERNEL, SYSTEM_RUNNING } from '../core/kernel-data.js';
import { COMM_BYTES } from '../core/limits.js';
import { TASK } from '../core/task-struct.js';
import type { AuditRun } from './audit-run.js';
import type { Violation } from './audit-violation.js';
import type { TaskPlace, TaskRef } from './audit-violation-tasks.js';

/** One look at all tasks: what it finds counts only if it is still so later. It writes nothing into the image. */
export class TaskLook {
  readonly run: AuditRun;
  /** Word index of the first task, words from one to the next, how many. */
  readonly first: number;
  readonly words: number;
  readonly slots: number;
  readonly found: Violation[] = [];
  /** Where each task was found, by slot. */
  readonly places: (TaskPlace | undefined)[];
  /** The machine has panicked or was halted: threads were ended wherever they were. */
  readonly isOver: boolean;
  /** Lists that could not be followed to their end: who is in there is not known. */
  readonly unclear: TaskPlace[] = [];
  /** Tasks that exist, those of idle CPUs aside. */
  used = 0;
  lists = 0;
  listEntries = 0;

  constructor(run: AuditRun, first: number, words: number, slots: number) {
    this.run = run;
    this.first = first;
    this.words = words;
    this.slots = slots;
    this.isOver = Atomics.load(run.k.i32, KERNEL.system_state) > SYSTEM_RUNNING;
    this.places = new Array<TaskPlace | undefined>(slots);
  }

  /** Word index of a task. */
  taskAt(slot: number): number {
    return this.first + slot * this.words;
  }

  /** The slot whose task is at a word; -1 when there is none. */
  slotAt(task: number): number {
    const offset = task - this.first;
    if (!(offset >= 0 && offset < this.slots * this.words) || offset % this.words !== 0) return -1;
    return offset / this.words;
  }

  /** The task of a slot, for a report. */
  ref(slot: number): TaskRef {
    const { i32, image } = this.run.k;
    const task = this.taskAt(slot);
    return {
      slot,
      pid: i32[task + TASK.at.pid],
      comm: image.readText((task + TASK.at.comm) * 4, COMM_BYTES),
    };
  }

  /** Notes a violation. */
  report(violation: Violation): void {
    this.found.push(violation);
  }

  /** Notes where a task is: a violation if it is somewhere already. */
  place(slot: number, place: TaskPlace): void {
    const before = this.places[slot];
    if (before === undefined) this.places[slot] = place;
    else this.report({ kind: 'task-twice', ...this.ref(slot), first: before, second: place });
  }

  /** Whether a task may be in a list that could not be followed to its end. */
  isUnclear(place: TaskPlace['in'], cpu: number): boolean {
    for (const list of this.unclear) if (list.in === place && list.cpu === cpu) return true;
    return false;
  }
}
