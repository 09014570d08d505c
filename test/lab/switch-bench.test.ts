import { describe, expect, it } from 'vitest';
import type { TargetRow } from '../../src/lab/target-table.js';
import { gfp, gfpHere } from '../cli/support.js';

describe('gfp bench switch', () => {
  it('measures switches and an idle machine, as JSON', async () => {
    const { code, stdout, stderr } = await gfp('bench', 'switch', '--repeats', '1', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { host, settings, rows } = JSON.parse(stdout) as {
      host: unknown;
      settings: unknown;
      rows: TargetRow[];
    };
    expect(host).toMatchObject({ node: process.version });
    expect(settings).toEqual({ repeats: 1, rounds: 2000, idleSampleSeconds: 1 });
    const byName = new Map(rows.map((row) => [row.name, row]));
    expect([...byName.keys()]).toEqual([
      'yield between two tasks of a CPU',
      'yield among 16 tasks of a CPU',
      'up and down, tasks of one CPU',
      'up and down, tasks of two CPUs',
      'yield when nobody waits',
      'two threads, Atomics.wait and notify',
      'host CPU time in a second, no machine',
      'host CPU time in a second, idle machine',
    ]);
    const median = (name: string): number => byName.get(name)?.median ?? NaN;
    // Who yields to nobody does not pass the CPU to another thread.
    expect(median('yield between two tasks of a CPU')).toBeGreaterThan(5 * median('yield when nobody waits'));
    for (const { median, met, unit, target } of rows) {
      expect(unit).toBe('s');
      expect(median).toBeGreaterThan(0);
      expect(met).toBe(target === null || median <= target);
    }
  });

  it('refuses a wrong number of samples', async () => {
    const { code, stderr } = await gfpHere('bench', 'switch', '--repeats', '0');
    expect(code).toBe(2);
    expect(stderr).toContain('--repeats 0 is wrong');
  });
});
