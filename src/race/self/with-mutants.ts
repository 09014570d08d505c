import type { FailureKind } from '../engine/failure.js';
import type { MemoryScenario } from '../scenario.js';
import type { Classic, Mutant } from './self-check.js';

/** The lines that can be wrong in an algorithm, in words, and what each may be caught as. */
export type WrongLines<Line extends string = string> = Readonly<Record<Line, readonly FailureKind[]>>;

/** An algorithm with all its lines right, and with each of `wrong` wrong. */
export function withMutants<Line extends string>(
  build: (line: Line | 'right') => MemoryScenario,
  wrong: WrongLines<Line>,
): Classic {
  const mutants: Mutant[] = [];
  for (const name in wrong) mutants.push({ name, scenario: build(name), kinds: wrong[name] });
  return { right: build('right'), mutants };
}
