import { CpuError } from '../machine/machine-errors.js';
import { type Machine } from '../machine/machine.js';
import { type ProgramBatch } from './program.js';
import { readAhead } from './read-ahead.js';
import { chooseReplayCpus } from './replay-cpus.js';
import { type MemoryState, numaBetween, readMemoryState } from './replay-memory.js';
import { type LiveAtEnd, type ReplaySpeed, type TraceReplay } from './replay-result.js';
import { perSecond, ReplayTally } from './replay-tally.js';
import { type ProgramResult, REPLAY_ABORTED, type ReplayTask } from './run-program.js';
import { SlotTable } from './slot-table.js';
import { TraceCompiler } from './trace-compiler.js';
import { TraceError } from './trace-error.js';

/** How often progress is reported (milliseconds). */
const PROGRESS_MS = 100;

const CPU_MODULE = new URL('./replay-cpu.js', import.meta.url);

/** How far a replay is. */
export interface ReplayProgress {
  readonly file: string;
  /** Lines read. */
  readonly lines: number;
  /** Page events run. */
  readonly events: number;
}

/** How a trace is to be replayed. */
export interface ReplayOptions {
  /** How many of the machine's online CPUs run the trace; by default all. */
  readonly cpus?: number | undefined;
  /** Operations in a batch; by default BATCH_OPERATIONS. */
  readonly batchOperations?: number;
  /**
   * How often to run the compiled trace again, once its results are known, to measure the speed of a warm machine.
   * By default never. A trace of several batches is not kept in memory, and not run again.
   */
  readonly again?: number;
  /** Called about ten times a second. */
  readonly onProgress?: (progress: ReplayProgress) => void;
}

/**
 * Replays the page events of a trace on a machine, and releases what is live at the trace's end. The machine's CPUs
 * run the events of the trace's CPUs at the same time, while the trace is still being read; a free comes after its
 * allocation, also across CPUs. Nothing else may run on the machine meanwhile, or the counts will not agree.
 *
 * Allocations that the machine cannot fulfil are counted, not errors.
 *
 * @param file a trace in ftrace or `perf script` form, plain or gzip
 * @throws TraceError when the trace cannot be read; what it had allocated so far is released
 * @throws RangeError when the machine has not that many CPUs online
 * @throws CpuDiedError, MachinePanicError, CpuError when a CPU or the machine dies
 */
export async function replayTrace(
  machine: Machine,
  file: string,
  options: ReplayOptions = {},
): Promise<TraceReplay> {
  const replay = new Replay(machine, file, options);
  const { onProgress } = options;
  if (onProgress === undefined) return await replay.run();
  const timer = setInterval(() => {
    onProgress(replay.progress());
  }, PROGRESS_MS);
  try {
    return await replay.run();
  } finally {
    clearInterval(timer);
  }
}

/** One replay while it goes on. */
class Replay {
  readonly #machine: Machine;
  readonly #file: string;
  readonly #compiler: TraceCompiler;
  readonly #cpus: readonly number[];
  readonly #slots = new SlotTable();
  readonly #abort = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #tally: ReplayTally;
  readonly #again: number;
  /** The trace and its release, as long as they can be run again. */
  #kept: ProgramBatch[] = [];
  #readMs = 0;

  constructor(machine: Machine, file: string, options: ReplayOptions) {
    this.#machine = machine;
    this.#file = file;
    this.#cpus = chooseReplayCpus(machine, options.cpus);
    this.#tally = new ReplayTally(this.#cpus);
    this.#again = options.again ?? 0;
    const { batchOperations } = options;
    this.#compiler = new TraceCompiler(file, {
      cpus: this.#cpus.length,
      ...(batchOperations === undefined ? {} : { batchOperations }),
    });
  }

  progress(): ReplayProgress {
    return {
      file: this.#file,
      lines: this.#compiler.summary().lines,
      events: this.#tally.total().events,
    };
  }

  async run(): Promise<TraceReplay> {
    const before = this.#memory();
    const start = performance.now();
    await this.#runTrace();
    const totalSeconds = (performance.now() - start) / 1000;
    const after = this.#memory();
    const audit = await this.#machine.audit();
    await this.#release();
    const passes = await this.#runAgain();
    const leakedPages = this.#memory().allocatedPages - before.allocatedPages;
    const live = this.#live(after.allocatedPages - before.allocatedPages);
    const trace = this.#compiler.summary();
    return {
      trace,
      cpus: this.#tally.cpus(this.#machine.hardware.cpuNodes),
      total: this.#tally.total(),
      live,
      speed: this.#speed(trace.lines, totalSeconds, passes),
      numa: numaBetween(before, after),
      before: before.zones,
      after: after.zones,
      audit,
      leakedPages,
      fine: audit.violations.length === 0 && live.agree && leakedPages === 0,
    };
  }

  async #runTrace(): Promise<void> {
    try {
      for await (const batch of readAhead(this.#timed(this.#compiler.batches()))) {
        for (const result of await this.#runBatch(batch)) this.#tally.add(result);
        this.#kept = batch.sequence === 0 && this.#again > 0 ? [batch] : [];
      }
    } catch (error) {
      // The machine is as good as before, so it shall also have its memory back.
      if (error instanceof TraceError) await this.#release();
      throw error;
    }
  }

  /** Frees what is live, without counting it: it is no part of the trace. */
  async #release(): Promise<void> {
    for (const batch of this.#compiler.releaseAll()) {
      await this.#runBatch(batch);
      if (this.#kept.length > 0) this.#kept.push(batch);
    }
  }

  /** Runs the programs again; all slots are empty, as before the first time. Page events a second per CPU, each time. */
  async #runAgain(): Promise<number[]> {
    const speeds: number[] = [];
    for (let pass = 0; pass < this.#again && this.#kept.length > 0; pass++) {
      const tally = new ReplayTally(this.#cpus);
      for (const batch of this.#kept) {
        for (const result of await this.#runBatch(batch)) tally.add(result);
      }
      speeds.push(perSecond(tally.total().events, tally.busySeconds()));
    }
    return speeds;
  }

  /** The same batches; the time that each of them takes to be made is added up. */
  async *#timed(batches: AsyncGenerator<ProgramBatch, void>): AsyncGenerator<ProgramBatch, void> {
    try {
      while (true) {
        const start = performance.now();
        const next = await batches.next();
        this.#readMs += performance.now() - start;
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await batches.return();
    }
  }

  async #runBatch(batch: ProgramBatch): Promise<ProgramResult[]> {
    // Each CPU finds its program under its own number.
    const programs = Array.from({ length: this.#machine.cpus }, (): Int32Array => NO_PROGRAM);
    this.#cpus.forEach((cpu, index) => {
      programs[cpu] = batch.programs[index];
    });
    const task: ReplayTask = { programs, slots: this.#slots.ensure(batch.slots), abort: this.#abort };
    const runs = this.#cpus.map(async (cpu) => {
      try {
        return (await this.#machine.cpu(cpu).run(CPU_MODULE, 'replayBatch', task)) as ProgramResult;
      } catch (error) {
        // A CPU that died could not tell the others, who may be waiting for its pages.
        Atomics.store(this.#abort, 0, 1);
        throw error;
      }
    });
    const results = await Promise.allSettled(runs);
    const errors = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    if (errors.length > 0) throw errors.find((error) => !isConsequence(error)) ?? errors[0];
    return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }

  #memory(): MemoryState {
    return readMemoryState(this.#machine.console, this.#machine.hardware.nodes);
  }

  /** @param machinePages by how many pages the machine's own count has grown */
  #live(machinePages: number): LiveAtEnd {
    const { allocs, frees, failures, skippedFrees, pagesAllocated, pagesFreed } = this.#tally.total();
    const { liveBlocks, livePages, missingFrees } = this.#compiler.summary().pages;
    const blocks = allocs - frees;
    const pages = pagesAllocated - pagesFreed;
    const failedBlocks = failures - skippedFrees;
    const sameBlocks = blocks + failedBlocks === liveBlocks + missingFrees;
    // Which sizes failed or were lost is not known, only how many.
    const samePages = pages === livePages || failedBlocks > 0 || missingFrees > 0;
    return {
      blocks,
      pages,
      traceBlocks: liveBlocks,
      tracePages: livePages,
      failedBlocks,
      missingFrees,
      machinePages,
      agree: sameBlocks && samePages && machinePages === pages,
    };
  }

  #speed(lines: number, totalSeconds: number, passes: number[]): ReplaySpeed {
    const readSeconds = this.#readMs / 1000;
    const busySeconds = this.#tally.busySeconds();
    return {
      readSeconds,
      linesPerSecond: perSecond(lines, readSeconds),
      busySeconds,
      eventsPerSecondPerCpu: perSecond(this.#tally.total().events, busySeconds),
      warmEventsPerSecondPerCpu: passes.length === 0 ? null : median(passes),
      warmPasses: passes.length,
      totalSeconds,
    };
  }
}

/** For a CPU that takes no part. */
const NO_PROGRAM = new Int32Array(new SharedArrayBuffer(0));

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** Whether a CPU stopped just because another one had. */
function isConsequence(error: unknown): boolean {
  return error instanceof CpuError && error.message.includes(REPLAY_ABORTED);
}
