import { type AuditReport } from '../kernel/debug/audit.js';
import { type NodeCounters, type ZoneState } from './replay-memory.js';
import { type ReplayedEvents } from './trace-compiler.js';
import { type TraceSummary } from './trace-summary.js';
import { type WasteComparison } from './waste.js';

/** What one CPU did in a replay. A block is what one allocation of pages gives: 2^order pages. */
export interface CpuReplay {
  readonly cpu: number;
  readonly node: number;
  /** Events run, of pages and objects: allocations, failed ones included, and frees. */
  readonly events: number;
  /** Blocks allocated. */
  readonly allocs: number;
  /** Blocks freed. */
  readonly frees: number;
  /** Allocations of blocks that got nothing. */
  readonly failures: number;
  /** Frees of blocks left out because their allocation had failed. */
  readonly skippedFrees: number;
  /** Pages in the blocks allocated. */
  readonly pagesAllocated: number;
  /** Pages in the blocks freed. */
  readonly pagesFreed: number;
  /** Objects allocated. */
  readonly objectAllocs: number;
  /** Objects freed. */
  readonly objectFrees: number;
  /** Allocations of objects that got nothing. */
  readonly objectFailures: number;
  /** Frees of objects left out because their allocation had failed. */
  readonly skippedObjectFrees: number;
  /** Pages in objects too large for kmalloc, which are pages then: those allocated less those freed. */
  readonly largePages: number;
  /** Frees that had to wait for their allocation on another CPU. */
  readonly waits: number;
  /** Time in the programs, without waits (seconds). */
  readonly busySeconds: number;
  /** Time in the waits (seconds). */
  readonly waitSeconds: number;
  /** Events a second of that time; 0 without events. */
  readonly eventsPerSecond: number;
}

/**
 * What is live at the end of a trace, before it is released: as the trace says, and as the machine has it. What was not
 * replayed is 0 on the machine, and not compared.
 */
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
  readonly objects: number;
  /** The trace's own count. */
  readonly traceObjects: number;
  /** Objects live in the trace that the replay has not, because their allocation failed. */
  readonly failedObjects: number;
  /** Frees of objects that the trace has lost; the replay does them when the address is allocated again. */
  readonly missingObjectFrees: number;
  /** Pages in objects too large for kmalloc. */
  readonly largePages: number;
  /** Pages of slabs, as counted in the lists of all caches, more than before: with those of free objects that the caches keep. */
  readonly slabPages: number;
  /**
   * Pages that the machine's own event counters (pgalloc less pgfree) say are live: those of the trace, of large objects,
   * and of slabs.
   */
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
   * Events a second of that time: what one CPU did on average. In a trace of less than a million events, Node's
   * compiling of the kernel and the first touch of the machine's memory are the larger part of the time.
   */
  readonly eventsPerSecondPerCpu: number;
  /** The same in the median of the passes that ran the compiled trace again; null if there were none. */
  readonly warmEventsPerSecondPerCpu: number | null;
  readonly warmPasses: number;
  /** From the beginning to the last event (seconds). */
  readonly totalSeconds: number;
}

/** The caches that a replay has created, and destroyed at its end. */
export interface ReplayedCaches {
  readonly created: number;
  /** Caches that there was no memory for: all allocations from them have failed. */
  readonly failed: number;
  /** Caches that could not be destroyed; anything but 0 is an error of the kernel. */
  readonly left: number;
}

/** Everything that came out of the replay of one trace. */
export interface TraceReplay {
  readonly trace: TraceSummary;
  /** Which events were run. */
  readonly events: ReplayedEvents;
  /** The CPUs that the trace ran on, in the order of the trace's CPUs. */
  readonly cpus: readonly CpuReplay[];
  /** The same, added up. */
  readonly total: Omit<CpuReplay, 'cpu' | 'node' | 'busySeconds' | 'waitSeconds' | 'eventsPerSecond'>;
  readonly live: LiveAtEnd;
  /** Internal fragmentation here and in the traced kernel; null if objects were not replayed. */
  readonly waste: WasteComparison | null;
  readonly caches: ReplayedCaches;
  readonly speed: ReplaySpeed;
  /** What each node's NUMA counters counted during the replay. */
  readonly numa: readonly NodeCounters[];
  /** Free memory before the first event. */
  readonly before: readonly ZoneState[];
  /** Free memory after the last event, with everything live that the trace left live. */
  readonly after: readonly ZoneState[];
  /** The audit at that moment. */
  readonly audit: AuditReport;
  /**
   * Pages that were still allocated after everything had been released, the caches destroyed, and all caches shrunk;
   * anything but 0 is an error of the kernel.
   */
  readonly leakedPages: number;
  /** Whether the audit found nothing, all numbers agree and nothing leaked or could not be destroyed. */
  readonly fine: boolean;
}
