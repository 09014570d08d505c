import type { NumaCounters } from '../kernel/fs/numa-counters.js';
import type { AuditReport } from '../kernel/debug/audit.js';
import type { StressCounter } from './stress-control.js';
import type { StressFault } from './stress-fault.js';
import type { StressWorkload } from './stress-options.js';
import type { FlyingBlock } from './stress-table.js';

/** How a run is getting on. */
export interface StressProgress {
  readonly seconds: number;
  readonly of: number;
  readonly operations: number;
  readonly onlineCpus: number;
}

/** What a CPU, or all of them, did. Counters are those of all its lives. */
export interface StressCounts extends Readonly<Record<StressCounter, number>> {
  /** Blocks allocated, by order, and requests that failed. */
  readonly allocatedByOrder: readonly number[];
  readonly failedByOrder: readonly number[];
}

export interface StressCpuResult extends StressCounts {
  readonly cpu: number;
  readonly node: number;
  /** How often it was started: more than once after kills. */
  readonly lives: number;
}

/** What became of a fault. */
export interface FaultResult {
  readonly fault: StressFault;
  /** `refused`: the machine could not do it then, for example because the CPU was not online. */
  readonly outcome: 'done' | 'refused' | 'panicked' | 'too late';
  /** In words. */
  readonly detail: string;
  /** Until the machine had dealt with it. */
  readonly milliseconds: number;
}

export type CommonFailureKind = 'exception' | 'panic' | 'report' | 'hang' | 'pages' | 'audit';

/**
 * The first thing that went wrong.
 *
 * @typeParam Kind what cannot go wrong in every run
 */
export interface FirstFailure<Kind extends string> {
  readonly kind: Kind | CommonFailureKind;
  readonly message: string;
  /** The kernel's report, if there is one. */
  readonly report?: string;
}

export interface StressFailureResult extends FirstFailure<'canary' | 'block'> {
  /** -1 when it is no single CPU's. */
  readonly cpu: number;
  /** The last operations of each CPU, oldest first. */
  readonly lastOperations: readonly { readonly cpu: number; readonly operations: readonly string[] }[];
}

/** The machine panicked because a CPU was killed that held a lock: it must. */
export interface StressPanic {
  readonly message: string;
  readonly report: string;
  /** From the kill to the panic. */
  readonly milliseconds: number;
}

/** `passed`; `panicked` by a kill, as it must; or `failed`. */
export type StressVerdict = 'passed' | 'panicked' | 'failed';

/** What every stress run has found, whatever it stresses. */
export interface CommonStressResult<Failure extends FirstFailure<string> = FirstFailure<string>> {
  readonly verdict: StressVerdict;
  readonly workload: string;
  readonly seed: number;
  /** The time asked for, and the time that CPUs or tasks really worked. */
  readonly seconds: number;
  readonly elapsedSeconds: number;
  readonly operationsPerSecond: number;
  readonly faults: readonly FaultResult[];
  /** Free pages at first and in the end; undefined after a panic or a failure. */
  readonly pages: { readonly before: number; readonly after: number } | undefined;
  /** Reports of the kernel that are no failure: a death, a lock held long. Their first lines. */
  readonly notices: readonly string[];
  /** What the audit found in the end; undefined when the machine could not be audited. */
  readonly audit: AuditReport | undefined;
  readonly panic: StressPanic | undefined;
  readonly failure: Failure | undefined;
}

/** What a stress run of pages has found. */
export interface StressResult extends CommonStressResult<StressFailureResult> {
  readonly workload: StressWorkload;
  readonly cpus: readonly StressCpuResult[];
  readonly total: StressCounts;
  readonly numa: NumaCounters;
  /** Share of free memory in blocks too small for an order, by order: at first, under load, in the end. */
  readonly unusable: {
    readonly before: readonly number[];
    readonly loaded: readonly number[];
    readonly after: readonly number[];
  };
  /** Blocks that the kernel was handing out or taking back when a CPU died: each may be missing afterwards. */
  readonly inFlight: readonly FlyingBlock[];
  /** With the frames that are still in use. */
  readonly pages:
    { readonly before: number; readonly after: number; readonly missing: readonly number[] } | undefined;
}
