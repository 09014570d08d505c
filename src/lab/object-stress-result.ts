import type { AuditReport } from '../kernel/debug/audit.js';
import type { StressFault } from './stress-fault.js';
import type { FaultResult, StressPanic, StressProgress } from './stress-result.js';

/** What the tasks do, by name. */
export const OBJECT_WORKLOADS = ['kmalloc', 'slab', 'mempool'] as const;

export type ObjectWorkload = (typeof OBJECT_WORKLOADS)[number];

/** A line on each workload, for help texts. */
export const OBJECT_WORKLOAD_SUMMARIES: Record<ObjectWorkload, string> = {
  kmalloc: 'kmalloc of all sizes, cleared, by node and for DMA, krealloc; other tasks free',
  slab: 'objects of caches with and without constructors; caches come, shrink and go meanwhile',
  mempool: 'more tasks than elements in reserves of objects, bytes and pages, which change their size',
};

/** Tasks at most. */
export const MAX_OBJECT_TASKS = 120;

/** What each task counts. */
export const OBJECT_COUNTERS = [
  'operations',
  'allocations',
  'failed',
  'frees',
  'sent',
  'received',
  'reallocations',
  'shrinks',
  'resizes',
  'waits',
  'created',
  'destroyed',
] as const;

export type ObjectCounter = (typeof OBJECT_COUNTERS)[number];

/** What a stress run of objects shall do. */
export interface ObjectStressOptions {
  readonly workload: ObjectWorkload;
  /** Default: two for each CPU, at least 4. */
  readonly tasks?: number;
  readonly seconds: number;
  /** Of the random numbers, 32 bits. A seed repeats the kind of a run, not the run. */
  readonly seed: number;
  readonly faults?: readonly StressFault[];
  /** How long a task may make no progress. */
  readonly hangSeconds?: number;
  /** Called about four times a second. */
  readonly onProgress?: (progress: StressProgress) => void;
}

export type ObjectStressFailureKind =
  'canary' | 'exception' | 'panic' | 'report' | 'hang' | 'counter' | 'objects' | 'pages' | 'audit';

/** The first thing that went wrong. */
export interface ObjectStressFailureResult {
  readonly kind: ObjectStressFailureKind;
  readonly message: string;
  /** The kernel's report, if there is one. */
  readonly report?: string;
}

/** What a stress run of objects has found. */
export interface ObjectStressResult {
  /** `passed`; `panicked` by a kill, as it must; or `failed`. */
  readonly verdict: 'passed' | 'panicked' | 'failed';
  readonly workload: ObjectWorkload;
  readonly seed: number;
  /** The time asked for, and the time that the tasks really worked. */
  readonly seconds: number;
  readonly elapsedSeconds: number;
  readonly tasks: number;
  readonly counters: Readonly<Record<ObjectCounter, number>>;
  readonly operationsPerSecond: number;
  /** Objects that the kernel was handing out or taking back when a task was killed: each may be missing afterwards. */
  readonly inFlight: number;
  /** Free pages at first and in the end, caches shrunk; undefined after a panic or a failure. */
  readonly pages: { readonly before: number; readonly after: number } | undefined;
  readonly faults: readonly FaultResult[];
  /** Reports of the kernel that are no failure: a death, a lock held long. Their first lines. */
  readonly notices: readonly string[];
  /** What the audit found in the end; undefined when the machine could not be audited. */
  readonly audit: AuditReport | undefined;
  readonly panic: StressPanic | undefined;
  readonly failure: ObjectStressFailureResult | undefined;
}
