import type { AuditReport } from '../kernel/debug/audit.js';
import type { StressFault } from './stress-fault.js';
import type { FaultResult, StressPanic, StressProgress } from './stress-result.js';
import type { TaskCounter, TaskOperation } from './task-stress-names.js';

/** The tasks of a run by default. */
export const DEFAULT_STRESS_TASKS = 64;

/** A task that has made no progress for so long hangs, by default: others may have had the host's cores for most of that. */
export const HANG_SECONDS = 30;

/** What a stress run of tasks shall do. */
export interface TaskStressOptions {
  /** Default {@link DEFAULT_STRESS_TASKS}. */
  readonly tasks?: number;
  /** How long, when all tasks have begun. */
  readonly seconds: number;
  /** Of the random numbers, 32 bits. A seed repeats the kind of a run, not the run. */
  readonly seed: number;
  /** How long a task may make no progress. Default {@link HANG_SECONDS}. */
  readonly hangSeconds?: number;
  /** Besides the CPUs that are unplugged and plugged in all the time. */
  readonly faults?: readonly StressFault[];
  /** Called about four times a second. */
  readonly onProgress?: (progress: StressProgress) => void;
}

/** A counter in the end. It must be from `least` to `most`, which differ only when a task was killed that was counting. */
export interface TaskCount {
  readonly name: TaskCounter;
  readonly least: number;
  readonly most: number;
  readonly counted: number;
}

export type TaskStressFailureKind =
  'exception' | 'panic' | 'report' | 'hang' | 'counter' | 'pages' | 'tasks' | 'audit';

/** The first thing that went wrong. */
export interface TaskStressFailureResult {
  readonly kind: TaskStressFailureKind;
  readonly message: string;
  /** The kernel's report, if there is one. */
  readonly report?: string;
  /** What each task was at: a line each. */
  readonly tasks: readonly string[];
}

/** What a stress run of tasks has found. */
export interface TaskStressResult {
  /** `passed`; `panicked` by a kill, as it must; or `failed`. */
  readonly verdict: 'passed' | 'panicked' | 'failed';
  readonly workload: 'tasks';
  readonly seed: number;
  /** The time asked for, and the time that the tasks really worked. */
  readonly seconds: number;
  readonly elapsedSeconds: number;
  readonly tasks: number;
  /** How often each operation was done, by all tasks. */
  readonly operations: Readonly<Record<TaskOperation, number>>;
  readonly total: number;
  readonly operationsPerSecond: number;
  /** Empty when it could not be counted. */
  readonly counters: readonly TaskCount[];
  /** How often tasks gave up a CPU by themselves, were made to, and found themselves on another one. */
  readonly switches: { readonly voluntary: number; readonly involuntary: number; readonly moves: number };
  readonly interrupts: { readonly raised: number; readonly served: number };
  /** How often a CPU was unplugged and plugged in, and how often that was not possible. */
  readonly unplugged: { readonly done: number; readonly refused: number };
  readonly faults: readonly FaultResult[];
  /** Free pages at first and in the end; undefined after a panic or a failure. */
  readonly pages: { readonly before: number; readonly after: number } | undefined;
  /** Reports of the kernel that are no failure: a death, a lock held long. Their first lines. */
  readonly notices: readonly string[];
  /** What the audit found in the end; undefined when the machine could not be audited. */
  readonly audit: AuditReport | undefined;
  readonly panic: StressPanic | undefined;
  readonly failure: TaskStressFailureResult | undefined;
}
