import type { CommonStressOptions } from './stress-options.js';
import type { CommonStressResult, FirstFailure } from './stress-result.js';

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
export interface ObjectStressOptions extends CommonStressOptions {
  readonly workload: ObjectWorkload;
  /** Default: two for each CPU, at least 4. */
  readonly tasks?: number;
  /** How long a task may make no progress. */
  readonly hangSeconds?: number;
}

export type ObjectStressFailureResult = FirstFailure<'canary' | 'counter' | 'objects'>;

/** What a stress run of objects has found; its free pages are counted with all caches shrunk. */
export interface ObjectStressResult extends CommonStressResult<ObjectStressFailureResult> {
  readonly workload: ObjectWorkload;
  readonly tasks: number;
  readonly counters: Readonly<Record<ObjectCounter, number>>;
  /** Objects that the kernel was handing out or taking back when a task was killed: each may be missing afterwards. */
  readonly inFlight: number;
}
