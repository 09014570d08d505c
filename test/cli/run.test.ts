import { describe, expect, it } from 'vitest';

import { gfp, gfpHere } from './support.js';

interface Json {
  readonly replay: { readonly fine: boolean; readonly trace: { readonly events: number } };
  readonly stress: { readonly verdict: string; readonly total: { readonly operations: number } };
  readonly bench: readonly { readonly workload: string; readonly cpus: number }[];
  readonly audit: { readonly violations: readonly unknown[] };
  readonly seconds: number;
  readonly fine: boolean;
}

describe('gfp run', () => {
  it('does all its parts and ends with one verdict', async () => {
    const { code, stdout, stderr } = await gfp('run');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const parts = [...stdout.matchAll(/^[a-z]+/gm)].map(([word]) => word);
    expect(parts).toEqual(['machine', 'replay', 'stress', 'audit', 'bench', 'gfp']);
    expect(stdout).toMatch(/^ {2}Node 1, zone +DMA32 /m);
    expect(stdout).toMatch(/\ngfp run: fine in [\d.]+ s: [\d,]+ events replayed, .*, no violation\n$/);
  });

  it('prints all of it as JSON', async () => {
    const { code, stdout, stderr } = await gfpHere('run', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const result = JSON.parse(stdout) as Json;
    expect(Object.keys(result).sort()).toEqual(
      ['audit', 'bench', 'bootSeconds', 'fine', 'machine', 'replay', 'seconds', 'stress'].sort(),
    );
    expect(result).toMatchObject({
      fine: true,
      replay: { fine: true, trace: { events: 26_000 } },
      stress: { verdict: 'passed' },
      audit: { violations: [] },
    });
    expect(result.stress.total.operations).toBeGreaterThan(0);
    expect(result.bench).toHaveLength(5);
    expect(result.seconds).toBeLessThan(40);
  });
});
