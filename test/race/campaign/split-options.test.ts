import { describe, expect, it } from 'vitest';
import { splitOptions } from '../../../src/race/campaign/split-options.js';

describe('splitting an exploration', () => {
  it('leaves whole what only one thread can do, and what is not worth a second one', () => {
    for (const options of [
      { replay: 'g1.7f3a.0x1' },
      { exhaustive: true },
      { strategy: 'dpor', seconds: 5 },
      { strategy: 'dfs:2', executions: 1e9 },
      { executions: 50_000 },
      {},
    ]) {
      expect(splitOptions(options, 8)).toMatchObject([options]);
    }
  });

  it('divides many executions so that each is made once', () => {
    const parts = splitOptions({ seed: 5, executions: 200_001 }, 3);
    expect(parts).toHaveLength(3);
    let next = 0;
    for (const { seed, firstExecution, executions } of parts) {
      expect({ seed, firstExecution }).toEqual({ seed: 5, firstExecution: next });
      next += executions ?? NaN;
    }
    expect(next).toBe(200_001);
  });

  it('gives each thread the whole time, and executions of its own', () => {
    const parts = splitOptions({ seconds: 2, strategy: 'pos' }, 3);
    expect(parts.map(({ seconds, executions }) => ({ seconds, executions }))).toEqual(
      Array.from({ length: 3 }, () => ({ seconds: 2, executions: undefined })),
    );
    const firsts = parts.map(({ firstExecution = NaN }) => firstExecution);
    expect(firsts[0]).toBe(0);
    expect(firsts[1]).toBeGreaterThan(1e12);
    expect(firsts[2] - firsts[1]).toBe(firsts[1]);
    expect(firsts.every(Number.isSafeInteger)).toBe(true);
  });
});
