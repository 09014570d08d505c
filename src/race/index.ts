/**
 * gfp/race: explores the interleavings of code on shared memory.
 *
 * @packageDocumentation
 */
export { loadScenarios } from './campaign/load-scenarios.js';
export { explore, type Exploration, type ExploreOptions } from './explore.js';
export {
  FAILURE_KINDS,
  type Failure,
  type FailureKind,
  type Site,
  type Trace,
  type TraceEvent,
} from './engine/failure.js';
export type { SequentialModel } from './detect/linearizability.js';
export { readOnce, writeOnce } from './intrinsics.js';
export { RaceUsageError } from './race-error.js';
export type { ExploreResult } from './result.js';
export {
  scenario,
  type MachineScenario,
  type MemoryScenario,
  type Scenario,
  type SharedMemory,
  type SourcePatch,
} from './scenario.js';
export { STRATEGY_NAMES } from './strategies/index.js';
