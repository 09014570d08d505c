import { checkLinearizable } from './detect/linearizability.js';
import { LockOrder } from './detect/lock-order.js';
import { Executor } from './engine/executor.js';
import type { Failure, Trace } from './engine/failure.js';
import { Recorder } from './engine/recorder.js';
import type { Schedule, Segment } from './engine/schedule.js';
import { MAX_THREADS, type Strategy } from './engine/strategy.js';
import { SimThread } from './engine/thread.js';
import type { Program } from './program.js';
import { RaceUsageError } from './race-error.js';
import { encodeToken } from './report/token.js';
import { setExecutor } from './runtime.js';
import { type Divergence, replayStrategy } from './strategies/replay.js';

/** An execution that has ended. */
export interface Execution {
  readonly failure: Failure | null;
  /** Locks were taken in an order that can deadlock; a failure of its own if nothing worse is found. */
  readonly inversion: Failure | null;
  readonly schedule: Schedule;
  readonly hash: number;
  readonly steps: number;
  /** The strategy gave it up as redundant. */
  readonly abandoned: boolean;
}

/** Runs executions of one program, one after another, on this thread of the host. */
export class Explorer {
  readonly program: Program;
  readonly executor: Executor;
  readonly #continuations: SimThread[] = [];
  /** A wrong order of locks counts as a failure. */
  countInversions = false;
  /** Where the last schedule that was repeated did not fit the program. */
  divergence: Divergence | undefined;

  constructor(program: Program) {
    this.program = program;
    this.executor = new Executor(program.memory, program.limits);
    this.executor.nameOf = (address, size, info) => program.nameOf(address, size, info);
    program.attach(this.executor);
  }

  /**
   * Runs the program once, as the strategy wants it, and takes everything back.
   *
   * @returns undefined when the strategy has nothing left
   */
  next(strategy: Strategy): Execution | undefined {
    this.executor.tags.promote();
    if (!strategy.begin(this.executor)) return undefined;
    const execution = this.#execute(strategy);
    strategy.end(this.executor, {
      finished: !execution.abandoned,
      failed: execution.failure !== null,
    });
    return execution;
  }

  /** Repeats a schedule, with every operation a scheduling point. Where it does not fit, it goes on as it can. */
  replay(schedule: Schedule): Execution {
    const strategy = replayStrategy(schedule, 'lenient');
    const { executor } = this;
    const { locks } = executor;
    executor.everyPoint = true;
    // What counts in a replay is in the replay alone.
    executor.locks = new LockOrder();
    try {
      for (;;) {
        strategy.begin();
        const execution = this.#execute(strategy);
        // It has turned out to need more threads, which it now has.
        if (!execution.abandoned) return execution;
      }
    } finally {
      this.divergence = strategy.divergence;
      executor.everyPoint = false;
      executor.locks = locks;
    }
  }

  /**
   * Repeats a schedule and records it.
   *
   * @returns undefined when it does not fail
   */
  record(schedule: Schedule): Trace | undefined {
    const recorder = new Recorder(this.executor);
    this.executor.recorder = recorder;
    const { failure } = this.replay(schedule);
    this.executor.recorder = null;
    recorder.end();
    if (failure === null) return undefined;
    const { name, threads } = this.program;
    return {
      scenario: name,
      threads: [...threads, ...this.#continuations].map((t) => t.name),
      events: recorder.events,
      failure,
      token: encodeToken(schedule, name),
    };
  }

  #execute(strategy: Strategy): Execution {
    const { executor, program } = this;
    const outer = setExecutor(executor);
    try {
      executor.strategy = strategy;
      executor.invariant = program.invariant ?? null;
      this.#begin();
      executor.run(this.#threads());
      if (executor.failure === null && !executor.abandoned) this.#checkEnd();
      return this.#outcome();
    } finally {
      executor.undo.undo();
      setExecutor(outer);
    }
  }

  /** Runs the scenario's setup. What it does wrong is a failure of the execution; any other error is the caller's. */
  #begin(): void {
    this.executor.begin();
    try {
      this.program.begin();
    } catch (error) {
      if (this.executor.failure === null) throw error;
    }
  }

  /** The threads of the program, and those that go on after an Atomics.waitAsync. */
  #threads(): readonly SimThread[] {
    const { threads } = this.program;
    while (this.#continuations.length < this.executor.continuations) {
      const number = this.#continuations.length;
      const id = threads.length + number;
      if (id >= MAX_THREADS)
        throw new RaceUsageError(`more than ${MAX_THREADS} threads, Atomics.waitAsync included`);
      this.#continuations.push(new SimThread(id, `waitAsync ${number}`, null, true));
    }
    for (const t of this.#continuations) t.reset(null);
    return [...threads, ...this.#continuations];
  }

  #outcome(): Execution {
    const { executor } = this;
    return {
      failure: executor.failure ?? (this.countInversions ? executor.inversion : null),
      inversion: executor.inversion,
      schedule: { segments: executor.segments.slice(), numbers: withoutZeros(executor.numbers) },
      hash: executor.hash,
      steps: executor.steps,
      abandoned: executor.abandoned,
    };
  }

  /** What has to hold when all threads have ended. */
  #checkEnd(): void {
    const { executor, program } = this;
    try {
      program.final();
    } catch (error) {
      executor.fail('assertion', `in the end: ${firstLine(error)}`, -1);
    }
    if (executor.failure !== null || program.model === undefined) return;
    const verdict = checkLinearizable(program.model, program.history.entries);
    if (!verdict.ok) executor.fail('linearizability', verdict.message, -1);
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0];
}

function withoutZeros(numbers: readonly number[]): number[] {
  let length = numbers.length;
  while (length > 0 && numbers[length - 1] === 0) length--;
  return numbers.slice(0, length);
}

/** Operations of all segments. */
export function stepsOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, { steps }) => sum + steps, 0);
}
