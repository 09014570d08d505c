import type { CommonStressOptions } from './stress-options.js';
import type { CommonStressResult, FirstFailure } from './stress-result.js';
import type { TaskCounter, TaskOperation } from './task-stress-names.js';

/** The tasks of a run by default. */
export const DEFAULT_STRESS_TASKS = 64;

/** A task that has made no progress for so long hangs, by default: others may have had the host's cores for most of that. */
export const HANG_SECONDS = 30;

/** What a stress run of tasks shall do, from when all tasks have begun, besides the CPUs that come and go all the time. */
export interface TaskStressOptions extends CommonStressOptions {
  /** Default {@link DEFAULT_STRESS_TASKS}. */
  readonly tasks?: number;
  /** How long a task may make no progress. Default {@link HANG_SECONDS}. */
  readonly hangSeconds?: number;
}

/** A counter in the end. It must be from `least` to `most`, which differ only when a task was killed that was counting. */
export interface TaskCount {
  readonly name: TaskCounter;
  readonly least: number;
  readonly most: number;
  readonly counted: number;
}

export interface TaskStressFailureResult extends FirstFailure<'counter' | 'tasks'> {
  /** What each task was at: a line each. */
  readonly tasks: readonly string[];
}

/** What a stress run of tasks has found. */
export interface TaskStressResult extends CommonStressResult<TaskStressFailureResult> {
  readonly workload: 'tasks';
  readonly tasks: number;
  /** How often each operation was done, by all tasks. */
  readonly operations: Readonly<Record<TaskOperation, number>>;
  readonly total: number;
  /** Empty when it could not be counted. */
  readonly counters: readonly TaskCount[];
  /** How often tasks gave up a CPU by themselves, were made to, and found themselves on another one. */
  readonly switches: { readonly voluntary: number; readonly involuntary: number; readonly moves: number };
  readonly interrupts: { readonly raised: number; readonly served: number };
  /** How often a CPU was unplugged and plugged in, and how often that was not possible. */
  readonly unplugged: { readonly done: number; readonly refused: number };
}
