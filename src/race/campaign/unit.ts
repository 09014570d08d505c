import { ConfigError } from '../../machine/config-error.js';
import type { Trace } from '../engine/failure.js';
import { explore, type ExploreOptions } from '../explore.js';
import { RaceUsageError } from '../race-error.js';
import { TokenError } from '../report/token.js';
import type { ExploreResult } from '../result.js';
import { StrategyNameError } from '../strategies/index.js';
import { TransformError } from '../transform/transform-error.js';
import { loadScenario, loadScenarios } from './load-scenarios.js';
import { Pulse, withBeats } from './pulse.js';

/** How a scenario is explored, in a form that can be sent to a thread. */
export type UnitOptions = Omit<ExploreOptions, 'onTurn'>;

/** What a thread of a campaign is given to do: to say which scenarios a file has, or to explore one of them. */
export interface Unit {
  /** As the user knows it. */
  readonly file: string;
  /** Undefined: to list them. */
  readonly explore?: { readonly scenario: string; readonly options: UnitOptions } | undefined;
  /** The words of the {@link Pulse} of this unit. */
  readonly pulse: Int32Array;
}

/** What a thread has found out about its unit. */
export type UnitAnswer =
  | { readonly kind: 'names'; readonly names: readonly string[] }
  | { readonly kind: 'explored'; readonly result: ExploreResult; readonly trace: Trace | undefined }
  /** It was not needed any more before it began. */
  | { readonly kind: 'stopped' }
  /** The user has asked for something that cannot be. */
  | { readonly kind: 'refused'; readonly message: string }
  /** The scenario failed in a way that no scenario may. */
  | { readonly kind: 'crashed'; readonly message: string };

/** Does a unit of work on this thread. Never rejects. */
export async function runUnit(unit: Unit): Promise<UnitAnswer> {
  const pulse = new Pulse(unit.pulse);
  if (pulse.stopped) return { kind: 'stopped' };
  pulse.start();
  try {
    const file = unit.file.startsWith('file:') ? new URL(unit.file) : unit.file;
    if (unit.explore === undefined) {
      const scenarios = await loadScenarios(file);
      return { kind: 'names', names: scenarios.map(({ name }) => name) };
    }
    const { options, scenario: wanted } = unit.explore;
    const scenario = await loadScenario(file, wanted);
    pulse.beat();
    const exploration = await explore(withBeats(scenario, pulse), {
      ...options,
      onTurn: (executions) => {
        pulse.executions = executions;
        return !pulse.stopped;
      },
    });
    pulse.executions = exploration.executions;
    return { kind: 'explored', result: { ...exploration }, trace: exploration.trace };
  } catch (error) {
    if (isUsage(error)) return { kind: 'refused', message: error.message };
    return { kind: 'crashed', message: messageWithPlace(error) };
  }
}

/** What was thrown, and where: a crash has no report that would say it. */
function messageWithPlace(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = /^ *at .*$/m.exec(error.stack ?? '')?.[0].trim();
  return place === undefined ? error.message : `${error.message}, ${place}`;
}

function isUsage(error: unknown): error is Error {
  return (
    error instanceof RaceUsageError ||
    error instanceof TokenError ||
    error instanceof StrategyNameError ||
    error instanceof TransformError ||
    error instanceof ConfigError
  );
}
