import { describe, expect, it } from 'vitest';
import { targetTable, type TargetRow } from '../../src/lab/target-table.js';
import { gfp, gfpHere } from '../cli/support.js';

const row: TargetRow = {
  name: 'accesses',
  unit: 'accesses/s',
  median: 21.23e6,
  min: 9e5,
  max: 3e7,
  target: 20e6,
  met: true,
};

it('shows rows beside what they should be', () => {
  const reset: TargetRow = {
    ...row,
    name: 'reset',
    unit: 's',
    median: 25e-6,
    min: 1e-6,
    max: 2,
    target: 20e-6,
  };
  const lines = targetTable([row, { ...reset, met: false }, { ...row, target: null }]).split('\n');
  expect(lines.slice(1).map((line) => line.split(/ {2,}/))).toEqual([
    ['accesses', '21.2 M/s', '(900 k/s..30.0 M/s)', 'at least 20.0 M/s'],
    ['reset', '25.0 us', '(1.0 us..2.00 s)', 'at most 20.0 us', 'missed'],
    ['accesses', '21.2 M/s', '(900 k/s..30.0 M/s)'],
  ]);
});

describe('gfp bench race', () => {
  it('measures all that the explorer promises, as JSON', async () => {
    const { code, stdout, stderr } = await gfp('bench', 'race', '--repeats', '1', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { host, settings, rows } = JSON.parse(stdout) as {
      host: unknown;
      settings: unknown;
      rows: TargetRow[];
    };
    expect(host).toMatchObject({ node: process.version });
    expect(settings).toEqual({ repeats: 1, sampleSeconds: 0.5, strategy: 'pct:3' });
    expect(rows.map(({ unit, target }) => [unit, target])).toEqual([
      ['accesses/s', 20e6],
      ['accesses/s', 6e6],
      ['accesses/s', null],
      ['executions/s', 40e3],
      ['s', 20e-6],
      ['s', 2],
      ['s', null],
    ]);
    for (const { median, met, unit, target } of rows) {
      expect(median).toBeGreaterThan(0);
      expect(met).toBe(target === null || (unit === 's' ? median <= target : median >= target));
    }
  });

  it('refuses a wrong number of samples', async () => {
    const { code, stderr } = await gfpHere('bench', 'race', '--repeats', '0');
    expect(code).toBe(2);
    expect(stderr).toContain('--repeats 0 is wrong');
  });
});
