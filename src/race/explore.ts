import { setImmediate as breathe } from 'node:timers/promises';
import { checkScenario } from './campaign/check-scenario.js';
import type { Failure, Trace } from './engine/failure.js';
import type { Strategy } from './engine/strategy.js';
import { type Execution, Explorer } from './explorer.js';
import { MemoryProgram } from './memory-program.js';
import type { Program } from './program.js';
import { RaceUsageError } from './race-error.js';
import { decodeToken } from './report/token.js';
import type { ExploreResult } from './result.js';
import type { Scenario } from './scenario.js';
import { shrink } from './shrink.js';
import { createStrategy } from './strategies/index.js';

/** How a scenario is explored. */
export interface ExploreOptions {
  /** `portfolio` (the default), `dfs`, `dfs:BOUND`, `dpor`, `random`, `pct:DEPTH`, `pos` or `surw`. */
  readonly strategy?: string | undefined;
  /** At most so many executions; default 10,000, or no limit if `seconds` or `exhaustive` is given. */
  readonly executions?: number | undefined;
  /** At most so long. Makes the result depend on the speed of the computer. */
  readonly seconds?: number | undefined;
  /** Of the random numbers; default 1. */
  readonly seed?: number | undefined;
  /** Number of the first execution, for one part of a campaign; default 0. */
  readonly firstExecution?: number | undefined;
  /** Every interleaving, by dpor: passes only when complete. */
  readonly exhaustive?: boolean | undefined;
  /** Only this schedule. */
  readonly replay?: string | undefined;
  /** Called every 50 ms or so with the executions so far; false ends the exploration as if its budget were used up. */
  readonly onTurn?: ((executions: number) => boolean) | undefined;
}

/** What `explore` gives: the result, and the failing execution for a report. */
export interface Exploration extends ExploreResult {
  /** The failing execution, shrunk; undefined on pass. Not enumerable: not part of the JSON. */
  readonly trace?: Trace | undefined;
}

/** Executions, when nothing else is said. */
export const DEFAULT_EXECUTIONS = 10_000;
/** The host gets a turn so often, in milliseconds. */
const TURN_MS = 50;

/**
 * Explores the interleavings of a scenario until something fails, nothing is left, or the budget is used up.
 *
 * @throws RaceUsageError when the scenario, an option or the token is wrong
 */
export async function explore(scenario: Scenario, options: ExploreOptions = {}): Promise<Exploration> {
  checkBudget(options);
  const program = await programOf(checkScenario(scenario, 'explore'));
  const explorer = new Explorer(program);
  return options.replay === undefined
    ? await new Campaign(explorer, options).run()
    : replayOnly(explorer, options.replay);
}

/** The scenario, ready for execution. */
export async function programOf(scenario: Scenario): Promise<Program> {
  if ('memory' in scenario) return new MemoryProgram(scenario);
  const { bootProgram } = await import('./machine/machine-program.js');
  return bootProgram(scenario);
}

/** The search for one failure. */
class Campaign {
  readonly #explorer: Explorer;
  readonly #options: ExploreOptions;
  readonly #strategy: Strategy;
  readonly #limit: number;
  #executions = 0;
  #inversion: { readonly failure: Failure; readonly execution: Execution; readonly at: number } | undefined;

  constructor(explorer: Explorer, options: ExploreOptions) {
    this.#explorer = explorer;
    this.#options = options;
    const { seed = 1, firstExecution = 0, seconds, exhaustive = false } = options;
    this.#strategy = createStrategy(options.strategy ?? (exhaustive ? 'dpor' : 'portfolio'), {
      seed,
      firstExecution,
    });
    const unlimited = seconds !== undefined || exhaustive;
    this.#limit = options.executions ?? (unlimited ? Infinity : DEFAULT_EXECUTIONS);
  }

  async run(): Promise<Exploration> {
    const start = performance.now();
    const { seconds = Infinity } = this.#options;
    const end = start + seconds * 1000;
    let turn = start + TURN_MS;
    let failing: Execution | undefined;
    while (failing === undefined && this.#executions < this.#limit) {
      const now = performance.now();
      if (now >= end) break;
      if (now >= turn) {
        await breathe();
        if (this.#options.onTurn?.(this.#executions) === false) break;
        turn = performance.now() + TURN_MS;
      }
      const execution = this.#explorer.next(this.#strategy);
      if (execution === undefined) break;
      failing = this.#look(execution);
    }
    const perSecond = (this.#executions * 1000) / Math.max(performance.now() - start, 0.001);
    return this.#result(failing, perSecond);
  }

  /** Counts an execution; gives it back if it failed. */
  #look(execution: Execution): Execution | undefined {
    if (execution.failure !== null) {
      this.#executions++;
      return execution;
    }
    if (execution.abandoned) return undefined;
    this.#executions++;
    if (execution.inversion !== null) {
      this.#inversion ??= { failure: execution.inversion, execution, at: this.#executions };
    }
    // A sample, thinner and thinner: the first execution, the second, the fourth, ...
    if ((this.#executions & (this.#executions - 1)) === 0) return this.#repeat(execution);
    return undefined;
  }

  /** Runs a schedule again: another outcome has a cause that the explorer does not control. */
  #repeat(execution: Execution): Execution | undefined {
    const again = this.#explorer.replay(execution.schedule);
    if (again.failure !== null) return again;
    const stray = this.#explorer.program.strayWord?.();
    if (stray !== undefined) return { ...execution, failure: strayWrite(stray) };
    if (again.hash === execution.hash && again.steps === execution.steps) return undefined;
    return { ...execution, failure: nondeterminism(execution, again) };
  }

  #result(failing: Execution | undefined, executionsPerSecond: number): Exploration {
    const { accesses } = this.#explorer.executor;
    const { name } = this.#explorer.program;
    const complete = this.#strategy.complete && !this.#explorer.executor.cutsLoops;
    const found =
      failing ?? (this.#inversion && { ...this.#inversion.execution, failure: this.#inversion.failure });
    const executions = complete ? (this.#strategy.executions ?? this.#executions) : this.#executions;
    const base = { name, executions, complete, accesses, executionsPerSecond };
    if (found === undefined) return { ...base, verdict: 'pass' };
    const executionsToFailure = failing === undefined ? this.#inversion?.at : this.#executions;
    const { failure, trace } = reportOf(this.#explorer, found);
    return failedResult({ ...base, executionsToFailure }, failure, trace);
  }
}

/** The result of a failure, with the trace, which is no part of the JSON. */
function failedResult(
  base: Omit<ExploreResult, 'verdict'>,
  { kind, message }: Failure,
  trace: Trace | undefined,
): Exploration {
  const result: Exploration = { ...base, verdict: 'fail', kind, token: trace?.token, message };
  return withTrace(result, trace);
}

/** Shrinks a failing execution and records it. */
function reportOf(
  explorer: Explorer,
  failing: Execution,
): { readonly failure: Failure; readonly trace: Trace | undefined } {
  explorer.countInversions = failing.failure?.kind === 'lock-order';
  // In a replay every operation is watched, so it can find more, and earlier.
  const first = explorer.replay(failing.schedule);
  const isRepeated = first.failure !== null;
  const small = isRepeated ? shrink(explorer, first) : failing;
  const trace = explorer.record(small.schedule);
  return { failure: trace?.failure ?? unrepeated(failing, first), trace };
}

function replayOnly(explorer: Explorer, token: string): Exploration {
  const start = performance.now();
  const schedule = decodeToken(token, explorer.program.name);
  explorer.countInversions = true;
  const trace = explorer.record(schedule);
  if (explorer.divergence !== undefined) {
    const { step, message } = explorer.divergence;
    throw new RaceUsageError(
      `token ${token} does not fit scenario '${explorer.program.name}' as it is now: after ${step} operations ${message}. ` +
        'The program has changed since, or something else than the schedule decides what it does',
    );
  }
  const base = {
    name: explorer.program.name,
    executions: 1,
    complete: false,
    accesses: explorer.executor.accesses,
    executionsPerSecond: 1000 / Math.max(performance.now() - start, 0.001),
  };
  if (trace === undefined) return { ...base, verdict: 'pass' };
  return failedResult({ ...base, executionsToFailure: 1 }, trace.failure, trace);
}

/** Adds the trace where JSON does not see it. */
function withTrace(result: Exploration, trace: Trace | undefined): Exploration {
  return Object.defineProperty(result, 'trace', { value: trace, enumerable: false });
}

/** The failure of an execution whose schedule does not fail when it is repeated. */
function unrepeated(failing: Execution, again: Execution): Failure {
  // The orders of locks can come from several executions.
  const { failure } = failing;
  const isSeenOnce = failure?.kind === 'lock-order' || failure?.kind === 'hidden-access';
  return isSeenOnce ? failure : nondeterminism(failing, again);
}

/** All writes were taken back, and yet a word is not what it was. */
function strayWrite(word: string): Failure {
  return {
    kind: 'hidden-access',
    message:
      `${word} was written by code that is not transformed: \`gfp check FILE\` transforms what FILE imports by relative ` +
      "paths; in vitest, let the option include of gfpRace() of 'gfp/race/vite' match all files with shared code",
    thread: -1,
    step: -1,
    details: [],
  };
}

function nondeterminism(first: Execution, again: Execution): Failure {
  const outcome = ({ failure, steps }: Execution): string =>
    `${steps} operations, ${failure === null ? 'no failure' : `${failure.kind}: ${failure.message}`}`;
  return {
    kind: 'nondeterminism',
    message:
      'the same schedule was executed twice with different results: something else than the schedule decides, ' +
      'such as Math.random, Date or a variable outside of the shared memory',
    thread: -1,
    step: -1,
    details: [{ heading: 'The two executions', lines: [outcome(first), outcome(again)] }],
  };
}

/** Refuses what no budget can be. */
function checkBudget({ executions, seconds }: ExploreOptions): void {
  if (executions !== undefined && !(Number.isInteger(executions) && executions > 0)) {
    throw new RaceUsageError(`executions is ${executions}, it must be a whole number above 0`);
  }
  if (seconds !== undefined && !(seconds > 0)) {
    throw new RaceUsageError(`seconds is ${seconds}, it must be a number above 0`);
  }
}
