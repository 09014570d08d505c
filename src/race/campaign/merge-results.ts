import type { Trace } from '../engine/failure.js';
import type { ExploreResult } from '../result.js';

/** What one part of an exploration has found. */
export interface Explored {
  readonly result: ExploreResult;
  /** The failing execution; undefined on pass. */
  readonly trace: Trace | undefined;
}

/**
 * One result of the parts of an exploration, in their order. Of several failures it is that of the first part: which
 * parts have failed can depend on time, but what a part finds does not. Executions and accesses are those of all.
 */
export function mergeResults(parts: readonly [Explored, ...Explored[]]): Explored {
  const found = parts.find(({ result }) => result.verdict === 'fail') ?? parts[0];
  const executions = sum(parts, ({ result }) => result.executions);
  const seconds = Math.max(...parts.map(({ result }) => secondsOf(result)));
  const result: ExploreResult = {
    ...found.result,
    executions,
    complete: parts.some((part) => part.result.complete),
    accesses: sum(parts, (part) => part.result.accesses),
    executionsPerSecond: seconds > 0 ? executions / seconds : 0,
  };
  return { result, trace: found.trace };
}

function secondsOf({ executions, executionsPerSecond }: ExploreResult): number {
  return executionsPerSecond > 0 ? executions / executionsPerSecond : 0;
}

function sum(parts: readonly Explored[], value: (part: Explored) => number): number {
  return parts.reduce((total, part) => total + value(part), 0);
}
