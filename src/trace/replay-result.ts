import { type AuditReport } from '../kernel/debug/audit.js';
import { type NodeCounters, type ZoneState } from './replay-memory.js';
import { type TraceSummary } from './trace-summary.js';

/** What one CPU did in a replay. A block is what one allocation gives: 2^order pages. */
export interface CpuReplay {
  readonly cpu: number;
  readonly node: number;
  /** Page events run: allocations, failed ones included, and frees. */
  readonly events: number;
  /** Blocks allocated. */
  readonly allocs: number;
  /** Blocks freed. */
  readonly frees: number;
  /** Allocations that got nothing. */
  readonly failures: number;
  /** Frees left out because their allocation had failed. */
  readonly skippedFrees: number;
  /** Pages in the blocks allocated. */
  readonly pagesAllocated: number;
  /** Pages in the blocks freed. */
  readonly pagesFreed: number;
  /** Frees that had to wait for their allocation on another CPU. */
  readonly waits: number;
  /** Time in the programs, without waits (seconds). */
  readonly busySeconds: number;
  /** Time in the waits (seconds). */
  readonly waitSeconds: number;
  /** Page events a second of that time; 0 without events. */
  readonly eventsPerSecond: number;
}

/** Pages live at the end of a trace, before they are released: as the trace says, and as the machine has them. */
export interface LiveAtEnd {
  readonly blocks: number;
  readonly pages: number;
  /** The trace's own count. */
  readonly traceBlocks: number;
  readonly tracePages: number;
  /** Blocks live in the trace that the replay has not, because their allocation failed. */
  readonly failedBlocks: number;
  /** Blocks that the replay has and the trace not: their frame was allocated again, so the trace has lost the free. */
  readonly missingFrees: number;
  /** Pages that the machine's own event counters (pgalloc less pgfree) say are live. */
  readonly machinePages: number;
  /** Whether all these numbers explain each other. */
  readonly agree: boolean;
}

/** How fast it went. */
export interface ReplaySpeed {
  /** Reading, unpacking and compiling the trace (seconds); the CPUs may have worked meanwhile. */
  readonly readSeconds: number;
  readonly linesPerSecond: number;
  /** Time in the programs without waits, all CPUs together (seconds). */
  readonly busySeconds: number;
  /**
   * Page events a second of that time: what one CPU did on average. In a trace of less than a million events, Node's
   * compiling of the kernel and the first touch of the machine's memory are the larger part of the time.
   */
  readonly eventsPerSecondPerCpu: number;
  /** The same in the median of the passes that ran the compiled trace again; null if there were none. */
  readonly warmEventsPerSecondPerCpu: number | null;
  readonly warmPasses: number;
  /** From the beginning to the last event (seconds). */
  readonly totalSeconds: number;
}

/** Everything that came out of the replay of one trace. */
export interface TraceReplay {
  readonly trace: TraceSummary;
  /** The CPUs that the trace ran on, in the order of the trace's CPUs. */
  readonly cpus: readonly CpuReplay[];
  /** The same, added up. */
  readonly total: Omit<CpuReplay, 'cpu' | 'node' | 'busySeconds' | 'waitSeconds' | 'eventsPerSecond'>;
  readonly live: LiveAtEnd;
  readonly speed: ReplaySpeed;
  /** What each node's NUMA counters counted during the replay. */
  readonly numa: readonly NodeCounters[];
  /** Free memory before the first event. */
  readonly before: readonly ZoneState[];
  /** Free memory after the last event, with everything live that the trace left live. */
  readonly after: readonly ZoneState[];
  /** The audit at that moment. */
  readonly audit: AuditReport;
  /** Pages that were still allocated after all of them had been released; anything but 0 is an error of the kernel. */
  readonly leakedPages: number;
  /** Whether the audit found nothing, all numbers agree and nothing leaked. */
  readonly fine: boolean;
}
