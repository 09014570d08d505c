import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';

import { LiveTable, NOT_LIVE } from '../../src/trace/live-table.js';

// Few different keys, so that they meet again, close to each other, at the ends of the range, and far apart.
const key = fc.oneof(
  fc.nat({ max: 20 }),
  fc.nat({ max: 20 }).map((n) => 0xf888_0000_0000 * 16 + n * 4096),
  fc.nat({ max: 5 }).map((n) => Number.MAX_SAFE_INTEGER - n),
);
const step = fc.record({ key, put: fc.boolean() });

describe('the table of what is live', () => {
  test.prop([fc.array(step, { maxLength: 500 })])('is a map', (steps) => {
    const table = new LiveTable();
    const model = new Map<number, number>();
    for (const [value, { key, put }] of steps.entries()) {
      const expected = model.get(key) ?? NOT_LIVE;
      expect(put ? table.put(key, value) : table.take(key)).toBe(expected);
      if (put) model.set(key, value);
      else model.delete(key);
      expect(table.size).toBe(model.size);
    }
  });

  it('holds many keys and gives them all back', () => {
    const table = new LiveTable();
    const wrong: number[] = [];
    for (let i = 0; i < 100_000; i++) if (table.put(i * 64, i) !== NOT_LIVE) wrong.push(i);
    expect(table.size).toBe(100_000);
    for (let i = 0; i < 100_000; i += 2) if (table.take(i * 64) !== i) wrong.push(i);
    for (let i = 1; i < 100_000; i += 2) if (table.take(i * 64) !== i) wrong.push(i);
    expect(wrong).toEqual([]);
    expect(table.size).toBe(0);
  });
});
