import type { Strategy } from '../engine/strategy.js';
import { DfsStrategy } from './dfs.js';
import { DporStrategy } from './dpor.js';
import { parseStrategyName } from './names.js';
import { PctStrategy } from './pct.js';
import { PortfolioStrategy } from './portfolio.js';
import { PosStrategy } from './pos.js';
import { RandomStrategy } from './random.js';
import { SurwStrategy } from './surw.js';

export interface StrategyOptions {
  /** Any safe integer. */
  readonly seed: number;
  /** Number of the first execution of strategies that go by chance; 0 without it. */
  readonly firstExecution?: number;
  /** Preemptions at most, for a `dfs` without a number. */
  readonly bound?: number;
}

/**
 * Makes the strategy of a name; see {@link STRATEGY_NAMES}.
 *
 * @throws {StrategyNameError} if there is none of that name
 */
export function createStrategy(name: string, options: StrategyOptions): Strategy {
  const spec = parseStrategyName(name);
  const sampling = { seed: options.seed, firstExecution: options.firstExecution ?? 0 };
  switch (spec.kind) {
    case 'dfs':
      return new DfsStrategy(Math.min(spec.bound, options.bound ?? Infinity));
    case 'dpor':
      return new DporStrategy();
    case 'random':
      return new RandomStrategy(sampling);
    case 'pct':
      return new PctStrategy(sampling, spec.depth);
    case 'pos':
      return new PosStrategy(sampling);
    case 'surw':
      return new SurwStrategy(sampling);
    case 'portfolio':
      return new PortfolioStrategy(sampling);
  }
}

export { parseStrategyName, STRATEGY_NAMES, StrategyNameError, type StrategySpec } from './names.js';
