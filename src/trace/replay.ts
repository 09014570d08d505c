import { CpuError } from '../machine/machine-errors.js';
import { type Machine } from '../machine/machine.js';
import { type ProgramBatch } from './program.js';
import { readAhead } from './read-ahead.js';
import { chooseReplayCpus } from './replay-cpus.js';
import { type MemoryState, numaBetween, readMemoryState } from './replay-memory.js';
import { type LiveAtEnd, type ReplayedCaches, type ReplaySpeed, type TraceReplay } from './replay-result.js';
import { ReplaySlabs } from './replay-slabs.js';
import { perSecond, ReplayTally } from './replay-tally.js';
import { type ProgramResult, REPLAY_ABORTED, type ReplayTask } from './run-program.js';
import { SlotTable } from './slot-table.js';
import { type ReplayedEvents, TraceCompiler } from './trace-compiler.js';
import { TraceError } from './trace-error.js';

/** How often progress is reported (milliseconds). */
const PROGRESS_MS = 100;

const CPU_MODULE = new URL('./replay-cpu.js', import.meta.url);

/** How far a replay is. */
export interface ReplayProgress {
  readonly file: string;
  /** Lines read. */
  readonly lines: number;
  /** Events run. */
  readonly events: number;
}

/** How a trace is to be replayed. */
export interface ReplayOptions {
  /** How many of the machine's online CPUs run the trace; by default all. */
  readonly cpus?: number | undefined;
  /** Which events are run; by default all. */
  readonly events?: ReplayedEvents | undefined;
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
 * Replays the page and object events of a trace on a machine, and releases what is live at the trace's end. The machine's CPUs
 * run the events of the trace's CPUs at the same time, while the trace is still being read; a free comes after its
 * allocation, also across CPUs. Nothing else may run on the machine meanwhile, or the counts will not agree.
 *
 * For the objects of each cache of the trace a cache of that name and object size is created when it is first used, and
 * destroyed at the end. Where another allocator than this one gave kmalloc objects that are too large for this one's
 * kmalloc, the replay allocates pages, as that allocator does. All caches of the machine are shrunk before and after.
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
  const replay = await Replay.prepare(machine, file, options);
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
  readonly #caches: ReplaySlabs;
  readonly #events: ReplayedEvents;
  readonly #again: number;
  /** The trace and its release, as long as they can be run again. */
  #kept: ProgramBatch[] = [];
  #readMs = 0;

  /** A replay that can be run; the machine has been asked about its slab allocator. */
  static async prepare(machine: Machine, file: string, options: ReplayOptions): Promise<Replay> {
    const cpus = chooseReplayCpus(machine, options.cpus);
    const caches = new ReplaySlabs(machine, cpus[0]);
    const { batchOperations, events = 'all' } = options;
    const compiler = new TraceCompiler(file, {
      cpus: cpus.length,
      events,
      slabs: await caches.facts(),
      ...(batchOperations === undefined ? {} : { batchOperations }),
    });
    return new Replay(machine, file, options, cpus, caches, compiler);
  }

  private constructor(
    machine: Machine,
    file: string,
    options: ReplayOptions,
    cpus: readonly number[],
    caches: ReplaySlabs,
    compiler: TraceCompiler,
  ) {
    this.#machine = machine;
    this.#file = file;
    this.#cpus = cpus;
    this.#caches = caches;
    this.#compiler = compiler;
    this.#tally = new ReplayTally(cpus);
    this.#events = options.events ?? 'all';
    this.#again = options.again ?? 0;
  }

  progress(): ReplayProgress {
    return {
      file: this.#file,
      lines: this.#compiler.summary().lines,
      events: this.#tally.total().events,
    };
  }

  async run(): Promise<TraceReplay> {
    await this.#caches.shrink();
    const before = this.#memory();
    const start = performance.now();
    await this.#runTrace();
    const totalSeconds = (performance.now() - start) / 1000;
    const after = this.#memory();
    const audit = await this.#machine.audit();
    await this.#release();
    const passes = await this.#runAgain();
    const waste = this.#events === 'pages' ? null : this.#compiler.waste(this.#caches.bytes);
    const caches = await this.#endCaches();
    const leakedPages = this.#memory().allocatedPages - before.allocatedPages;
    const live = this.#live(after.allocatedPages - before.allocatedPages, after.slabPages - before.slabPages);
    const trace = this.#compiler.summary();
    return {
      trace,
      events: this.#events,
      cpus: this.#tally.cpus(this.#machine.hardware.cpuNodes),
      total: this.#tally.total(),
      live,
      waste,
      caches,
      speed: this.#speed(trace.lines, totalSeconds, passes),
      numa: numaBetween(before, after),
      before: before.zones,
      after: after.zones,
      audit,
      leakedPages,
      fine: audit.violations.length === 0 && live.agree && leakedPages === 0 && caches.left === 0,
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
      if (error instanceof TraceError) {
        await this.#release();
        await this.#endCaches();
      }
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

  /** Destroys the caches, of which nothing is out any more. */
  async #endCaches(): Promise<ReplayedCaches> {
    const created = this.#caches.handles.length;
    const failed = this.#caches.failures;
    const left = await this.#caches.destroy();
    await this.#caches.shrink();
    return { created, failed, left };
  }

  /** Runs the programs again; all slots are empty, as before the first time. Events a second per CPU, each time. */
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
    await this.#caches.ensure(batch.caches);
    // Each CPU finds its program under its own number.
    const programs = Array.from({ length: this.#machine.cpus }, (): Int32Array => NO_PROGRAM);
    this.#cpus.forEach((cpu, index) => {
      programs[cpu] = batch.programs[index];
    });
    const task: ReplayTask = {
      programs,
      slots: this.#slots.ensure(batch.slots),
      caches: this.#caches.handles,
      abort: this.#abort,
    };
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

  /**
   * @param machinePages by how many pages the machine's own count has grown
   * @param slabPages by how many pages its slabs have grown
   */
  #live(machinePages: number, slabPages: number): LiveAtEnd {
    const total = this.#tally.total();
    const { pages: tracePages, objects: traceObjects } = this.#compiler.summary();
    const blocks = total.allocs - total.frees;
    const pages = total.pagesAllocated - total.pagesFreed;
    const failedBlocks = total.failures - total.skippedFrees;
    const objects = total.objectAllocs - total.objectFrees;
    const failedObjects = total.objectFailures - total.skippedObjectFrees;
    const { largePages } = total;
    const sameBlocks = blocks + failedBlocks === tracePages.liveBlocks + tracePages.missingFrees;
    // Which sizes failed or were lost is not known, only how many.
    const samePages = pages === tracePages.livePages || failedBlocks > 0 || tracePages.missingFrees > 0;
    const sameObjects = objects + failedObjects === traceObjects.liveObjects;
    return {
      blocks,
      pages,
      traceBlocks: tracePages.liveBlocks,
      tracePages: tracePages.livePages,
      failedBlocks,
      missingFrees: tracePages.missingFrees,
      objects,
      traceObjects: traceObjects.liveObjects,
      failedObjects,
      missingObjectFrees: traceObjects.missingFrees,
      largePages,
      slabPages,
      machinePages,
      agree:
        (this.#events === 'objects' || (sameBlocks && samePages)) &&
        (this.#events === 'pages' || sameObjects) &&
        machinePages === pages + largePages + slabPages,
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
