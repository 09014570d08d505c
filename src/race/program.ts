import type { SequentialModel } from './detect/linearizability.js';
import type { AddressMap, ViewInfo } from './engine/address-map.js';
import type { Executor } from './engine/executor.js';
import type { ExecutorLimits } from './engine/limits.js';
import type { History } from './engine/history.js';
import type { SimThread } from './engine/thread.js';
import { RaceUsageError } from './race-error.js';
import type { Scenario } from './scenario.js';
import { twinOf } from './engine/twin.js';

/** A scenario made ready for execution: on bare memory or on a booted machine. */
export interface Program {
  readonly name: string;
  readonly memory: AddressMap;
  readonly limits: ExecutorLimits;
  readonly threads: readonly SimThread[];
  readonly model: SequentialModel | undefined;
  readonly history: History;
  /** Connects the program with the executor that will run it. */
  attach(executor: Executor): void;
  /** Prepares an execution: the scenario's setup, and a fresh generator for every thread. */
  begin(): void;
  invariant: (() => void) | undefined;
  /** After all threads have ended; throws what is wrong. */
  final(): void;
  nameOf(address: number, size: number, info: ViewInfo | null): string;
  /** Between executions: a word that is not what it was before, so that something unseen has written it. */
  strayWord?(): string | undefined;
}

/** Operations after which an execution counts as one that does not end. */
const DEFAULT_MAX_STEPS = 20_000;

/** What a scenario says about its executions. */
export function limitsOf(scenario: Scenario): ExecutorLimits {
  const ignore = scenario.ignore ?? [];
  return {
    maxSteps: scenario.maxSteps ?? DEFAULT_MAX_STEPS,
    timeouts: scenario.timeouts ?? 1,
    spuriousWakeups: scenario.spuriousWakeups ?? 0,
    detectRaces: !ignore.includes('race'),
    detectLockOrder: !ignore.includes('lock-order'),
    detectLostWakeups: !ignore.includes('lost-wakeup'),
  };
}

/**
 * The twin of a function of a scenario.
 *
 * @throws RaceUsageError when the function was not transformed
 */
export function twin(
  scenario: string,
  what: string,
  f: object,
): (...args: unknown[]) => Generator<undefined, unknown, undefined> {
  const found = twinOf(f);
  if (found !== undefined) return found as (...args: unknown[]) => Generator<undefined, unknown, undefined>;
  if (typeof f === 'function' && reachesNothing(f)) return function* () {};
  if (/^\[object .+Function\]$/.test(Object.prototype.toString.call(f))) {
    throw new RaceUsageError(
      `scenario '${scenario}': ${what} is async or a generator, it must be a plain synchronous function`,
    );
  }
  throw new RaceUsageError(
    `scenario '${scenario}': ${what} cannot be paused, its file was not transformed. Run it by \`gfp check FILE\`, load ` +
      "it by loadScenarios(), or, in vitest, add gfpRace() of 'gfp/race/vite' to the plugins",
  );
}

/** Whether a function neither calls anything nor indexes anything: it has no twin, for there is nowhere to pause. */
function reachesNothing(f: object): boolean {
  const text = Function.prototype.toString.call(f);
  const arrow = text.indexOf('=>');
  const body = arrow < 0 ? text.slice(text.indexOf('{')) : text.slice(arrow);
  return !/[[(`]/.test(body);
}
