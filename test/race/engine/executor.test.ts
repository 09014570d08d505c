import { describe, expect, it } from 'vitest';

import { def } from '../../../src/race/engine/twin.js';
import { Explorer } from '../../../src/race/explorer.js';
import { MemoryProgram } from '../../../src/race/memory-program.js';
import * as $R from '../../../src/race/runtime.js';
import type { MemoryScenario, SharedMemory } from '../../../src/race/scenario.js';
import { createStrategy } from '../../../src/race/strategies/index.js';

type Body = (m: SharedMemory) => Generator<undefined, unknown, undefined>;

/** A scenario whose threads are written as twins: what the transform would make of them. */
function program(bodies: readonly Body[], rest: Partial<MemoryScenario> = {}): MemoryProgram {
  const threads = bodies.map((body) => def((_m: SharedMemory) => {}, body));
  return new MemoryProgram({ name: 'by hand', memory: 64, threads, ...rest });
}

/** Runs executions until one fails or the strategy has nothing left. */
function explore(
  prepared: MemoryProgram,
  strategy: string,
  limit = 100_000,
): { kind: string; executions: number } {
  const explorer = new Explorer(prepared);
  const chosen = createStrategy(strategy, { seed: 1 });
  for (let executions = 0; executions < limit;) {
    const execution = explorer.next(chosen);
    if (execution === undefined)
      return { kind: chosen.complete ? 'complete' : 'ended', executions: chosen.executions ?? 0 };
    if (!execution.abandoned) executions++;
    if (execution.failure !== null) return { kind: execution.failure.kind, executions };
  }
  return { kind: 'limit', executions: limit };
}

const increment: Body = function* ({ i32 }) {
  if ($R.rd(i32, 0, 0)) yield;
  const value = i32[0];
  if ($R.wr(i32, 0, value + 1, 0)) yield;
  i32[0] = value + 1;
};

const atomicIncrement: Body = function* ({ i32 }) {
  if ($R.at($R.AT_ADD, i32, 0, 1, 0, 0)) yield;
  Atomics.add(i32, 0, 1);
};

describe('the executor', () => {
  it('runs every order of two atomic increments', () => {
    const both = program([atomicIncrement, atomicIncrement], {
      final: ({ i32 }) => {
        if (i32[0] !== 2) throw new Error(`${i32[0]} instead of 2`);
      },
    });
    expect(explore(both, 'dfs')).toEqual({ kind: 'complete', executions: 2 });
  });

  it('finds the race of two plain increments', () => {
    expect(explore(program([increment, increment]), 'random').kind).toBe('race');
  });

  it('finds the lost update when races are meant', () => {
    const both = program([increment, increment], {
      ignore: ['race'],
      final: ({ i32 }) => {
        if (i32[0] !== 2) throw new Error(`${i32[0]} instead of 2`);
      },
    });
    expect(explore(both, 'dfs:1').kind).toBe('assertion');
  });

  it('takes an execution back', () => {
    const prepared = program([atomicIncrement, atomicIncrement], {
      setup: ({ i32 }) => {
        $R.swr(i32, 3, 7, 0);
        i32[3] = 7;
      },
    });
    explore(prepared, 'dfs');
    expect([...prepared.memory.main]).toEqual(Array.from({ length: 16 }, () => 0));
  });
});
