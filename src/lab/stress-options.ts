import type { StressFault } from './stress-fault.js';
import type { StressProgress } from './stress-result.js';

/** What the CPUs do, by name. */
export const STRESS_WORKLOADS = ['mixed', 'fragment', 'remote-free', 'numa', 'orders'] as const;

export type StressWorkload = (typeof STRESS_WORKLOADS)[number];

/** A line on each workload, for help texts. */
export const STRESS_WORKLOAD_SUMMARIES: Record<StressWorkload, string> = {
  mixed: 'all of the others in turn',
  fragment: 'many small blocks, every other one freed, then large ones wanted',
  'remote-free': 'blocks are handed to other CPUs, or shared with them, and freed there',
  numa: 'blocks from chosen nodes, with and without fallback, and by memory policy',
  orders: 'blocks of all orders, compound, zeroed, atomic, cold, from all zones',
};

/** What every stress run shall do, whatever it stresses. */
export interface CommonStressOptions {
  /** How long; then all is freed and checked. */
  readonly seconds: number;
  /** Of the random numbers, 32 bits. Threads meet as they like, so a seed repeats the kind of a run, not the run. */
  readonly seed: number;
  readonly faults?: readonly StressFault[];
  /** Called about four times a second. */
  readonly onProgress?: (progress: StressProgress) => void;
}

/** What a stress run of pages shall do. */
export interface StressOptions extends CommonStressOptions {
  readonly workload: StressWorkload;
}
