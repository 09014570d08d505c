/** A strategy by its name, parsed. */
export type StrategySpec =
  | { readonly kind: 'dfs'; readonly bound: number }
  | { readonly kind: 'pct'; readonly depth: number }
  | { readonly kind: 'dpor' | 'random' | 'pos' | 'surw' | 'portfolio' };

/** The strategies, as users spell them. */
export const STRATEGY_NAMES = [
  'portfolio',
  'dfs',
  'dfs:N',
  'dpor',
  'random',
  'pct:D',
  'pos',
  'surw',
] as const;

/** Orderings that a `pct` without a depth looks for. */
const DEFAULT_PCT_DEPTH = 3;
const MAX_PCT_DEPTH = 16;
const MAX_DFS_BOUND = 1000;

/** A strategy was named that does not exist. */
export class StrategyNameError extends Error {
  override readonly name = 'StrategyNameError';
}

/**
 * Reads the name of a strategy.
 *
 * @throws {StrategyNameError} if there is none of that name
 */
export function parseStrategyName(name: string): StrategySpec {
  const colon = name.indexOf(':');
  const kind = colon < 0 ? name : name.slice(0, colon);
  const parameter = colon < 0 ? undefined : name.slice(colon + 1);
  switch (kind) {
    case 'dfs':
      return {
        kind,
        bound: parameter === undefined ? Infinity : numberOf(name, parameter, 0, MAX_DFS_BOUND),
      };
    case 'pct':
      return {
        kind,
        depth: parameter === undefined ? DEFAULT_PCT_DEPTH : numberOf(name, parameter, 1, MAX_PCT_DEPTH),
      };
    case 'dpor':
    case 'random':
    case 'pos':
    case 'surw':
    case 'portfolio':
      if (parameter !== undefined) throw new StrategyNameError(`'${name}': ${kind} takes no number`);
      return { kind };
    default:
      throw new StrategyNameError(
        `there is no strategy '${name}': use one of ${STRATEGY_NAMES.join(', ')} ` +
          '(N: preemptions at most, D: depth of the bug)',
      );
  }
}

function numberOf(name: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= min && number <= max) return number;
  throw new StrategyNameError(`'${name}': after the colon comes an integer from ${min} to ${max}`);
}
