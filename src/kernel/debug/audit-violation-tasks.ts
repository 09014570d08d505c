/** What the audit can find in tasks, run queues and lines of waiting tasks. */

/** A task, as far as its task_struct can be believed. */
export interface TaskRef {
  readonly slot: number;
  readonly pid: number;
  readonly comm: string;
}

/** Where a task is found that can run, or runs. */
export interface TaskPlace {
  readonly in: 'run queue' | 'incoming list' | 'CPU';
  readonly cpu: number;
}

/** A link of a list of tasks that leads to no task, or to one that does not link back. */
interface TaskList {
  readonly kind: 'task-list';
  /** Which: `the run queue of CPU 1`. */
  readonly list: string;
  readonly value: number;
}

interface NrRunning {
  readonly kind: 'nr-running';
  readonly cpu: number;
  readonly stored: number;
  readonly counted: number;
}

/** A stopped CPU does not run its idle task. */
interface NotIdle {
  readonly kind: 'not-idle';
  readonly cpu: number;
  readonly field: 'current' | 'idle';
  readonly value: number;
  readonly expected: number;
}

/** A task that a stopped CPU was about to bring somewhere. */
interface TaskInTransit {
  readonly kind: 'task-in-transit';
  readonly cpu: number;
  readonly value: number;
}

/** A word of a task that cannot be right. */
interface TaskField extends TaskRef {
  readonly kind: 'task-field';
  readonly field: string;
  readonly value: number;
}

/** Two tasks with one pid. */
interface TaskPid extends TaskRef {
  readonly kind: 'task-pid';
  readonly other: TaskRef;
}

/** A task that can run, and that no CPU will ever run. */
interface TaskLost extends TaskRef {
  readonly kind: 'task-lost';
  readonly state: number;
  readonly onRq: number;
}

interface TaskTwice extends TaskRef {
  readonly kind: 'task-twice';
  readonly first: TaskPlace;
  readonly second: TaskPlace;
}

/** A task that is not where it says. */
interface TaskElsewhere extends TaskRef {
  readonly kind: 'task-place';
  readonly onRq: number;
  readonly cpu: number;
  readonly place: TaskPlace;
}

/** An entry of a task that waits in line, and the line. */
interface TaskLine extends TaskRef {
  readonly kind: 'task-line';
  readonly line: string;
  readonly problem: 'is not in it' | 'is in it without saying so' | 'has ended' | 'is no line';
}

/** The first in line sleeps, and nobody is left who would wake it. */
interface TaskForgotten extends TaskRef {
  readonly kind: 'task-forgotten';
  readonly line: string;
  readonly problem: 'the mutex is free' | 'its owner does not know of waiters' | 'the semaphore is free';
}

export type TaskViolation =
  | TaskList
  | NrRunning
  | NotIdle
  | TaskInTransit
  | TaskField
  | TaskPid
  | TaskLost
  | TaskTwice
  | TaskElsewhere
  | TaskLine
  | TaskForgotten;
