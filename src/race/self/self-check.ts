import type { FailureKind } from '../engine/failure.js';
import type { MemoryScenario, Scenario, SharedMemory } from '../scenario.js';

/** What the explorer is checked with: a scenario, and what it has to say of it. */
export interface SelfCheck {
  /** The part of the suite: `classic`, `bugs`, `litmus`, `kernel`. */
  readonly group: string;
  readonly scenario: Scenario;
  /** Silence, or a failure of one of these kinds. */
  readonly expect: 'pass' | readonly FailureKind[];
  /** How many executions `dpor` has to need for all of it; undefined where that is not known. */
  readonly executions?: number;
}

/** A program that is right, and what becomes of it when a line is wrong. */
export interface Classic<Checked extends Scenario = MemoryScenario> {
  readonly right: Checked;
  readonly mutants: readonly Mutant<Checked>[];
}

export interface Mutant<Checked extends Scenario = MemoryScenario> {
  /** The line that is wrong, in words. */
  readonly name: string;
  readonly scenario: Checked;
  /** What it may be caught as. */
  readonly kinds: readonly FailureKind[];
}

/** A program that is wrong as it stands. */
export interface KnownBug {
  readonly name: string;
  readonly scenario: MemoryScenario;
  readonly kinds: readonly FailureKind[];
}

/** What one thread of a scenario does. */
export type Thread = (m: SharedMemory) => void;

/** How a broken mutual exclusion shows: the race detector sees it, or an increment is lost. */
export const EXCLUSION_BROKEN: readonly FailureKind[] = ['race', 'assertion'];

/** How threads that wait for ever show, spinning or asleep. */
export const STUCK: readonly FailureKind[] = ['deadlock', 'livelock', 'lost-wakeup'];
