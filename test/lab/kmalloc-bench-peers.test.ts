import { describe, expect, it } from 'vitest';
import { benchKmalloc, planKmalloc } from '../../dist/src/lab/kmalloc-bench.js';
import type { Contender } from '../../dist/src/lab/kmalloc-bench-contender.js';
import { findPeers, GLIBC, THING } from '../../dist/src/lab/kmalloc-bench-peers.js';
import { scriptContender } from '../../dist/src/lab/kmalloc-bench-script.js';

/** How fast anything is is not tested here: only that it is measured. */
const SHORT = { repeats: 1, sampleMs: 1, warmups: 0 };

async function expectRows(contenders: readonly Contender[], cpus: number[]): Promise<void> {
  const plan = planKmalloc(2, cpus);
  const rows = await benchKmalloc(contenders, plan, SHORT);
  expect(new Set(rows.map((row) => row.workload))).toEqual(
    new Set(plan.groups.map((group) => group.workload)),
  );
  for (const row of rows) {
    expect(row.operations).toBeGreaterThan(0);
    expect(row.nsPerOperation.median).toBeGreaterThan(0);
  }
}

describe('peers', () => {
  it('are measured where they are installed', async () => {
    const { contenders, absent, close } = await findPeers([GLIBC, THING]);
    try {
      // The package is a development dependency; a C compiler may be there.
      expect(absent.map(({ name }) => name)).not.toContain(THING);
      expect([...contenders, ...absent].map(({ name }) => name).sort()).toEqual([THING, GLIBC].sort());
      await expectRows(contenders, [1, 2]);
    } finally {
      await close();
    }
  });

  it('in C are left out without a compiler', async () => {
    const { contenders, absent } = await findPeers([GLIBC, 'jemalloc', THING], ['no-such-cc']);
    expect(contenders.map(({ name }) => name)).toEqual([THING]);
    const reason = 'there is no C compiler (no-such-cc)';
    expect(absent).toEqual([
      { name: GLIBC, reason },
      { name: 'jemalloc', reason },
    ]);
  });

  it('in JavaScript fail with what their threads fail with', async () => {
    const module = 'data:text/javascript,export const openHeap = () => { throw new Error("no heap") }';
    const broken = scriptContender({ name: 'broken', version: '', maxThreads: 2, module });
    await expect(benchKmalloc([broken], planKmalloc(2, [2], ['pair']), SHORT)).rejects.toThrow('no heap');
  });
});
