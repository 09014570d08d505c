import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BenchOptions, benchPages, benchPlan, type BenchRow } from '../../dist/src/lab/bench-pages.js';
import { planBench } from '../../dist/src/lab/bench-plan.js';
import { BENCH_WORKLOAD_NAMES } from '../../dist/src/lab/bench-workload.js';
import { Machine } from '../../dist/src/machine/machine.js';

/** How fast anything is is not tested here: only that it is measured, and leaves the machine as it was. */
const SHORT: BenchOptions = { repeats: 2, sampleMs: 1, warmups: 1 };

let tiny: Machine;
let numa: Machine;

beforeAll(async () => {
  [tiny, numa] = await Promise.all([Machine.boot('tiny'), Machine.boot('x86_64-numa2')]);
});

afterAll(async () => {
  await Promise.all([tiny.halt(), numa.halt()]);
});

describe('the plan', () => {
  it('takes CPUs from all nodes in turn', () => {
    const { rows, skipped } = planBench(numa, { workloads: ['bulk'], orders: [0] });
    expect(rows.map((row) => row.cpus)).toEqual([[0], [0, 2], [0, 2, 1, 3]]);
    expect(skipped).toEqual([]);
  });

  it('has sets of the same size for all numbers of CPUs, a power of two', () => {
    for (const order of [0, 5, 9]) {
      const sizes = planBench(numa, { workloads: ['bulk'], orders: [order] }).rows.map((row) => row.blocks);
      expect(new Set(sizes).size).toBe(1);
      expect(Math.log2(sizes[0]) % 1).toBe(0);
    }
  });

  it('has all workloads and orders unless told otherwise', () => {
    const { rows } = planBench(numa);
    expect(new Set(rows.map((row) => row.workload))).toEqual(new Set(BENCH_WORKLOAD_NAMES));
    expect(new Set(rows.map((row) => row.order))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  });

  it('leaves out what the machine cannot do, and says why', () => {
    const odd = planBench(numa, { workloads: ['remote'], orders: [0], cpus: [1, 2, 3] });
    expect(odd.rows.map((row) => row.cpus.length)).toEqual([2]);
    expect(odd.skipped.map((row) => [row.cpus, row.reason])).toEqual([
      [1, 'remote needs pairs of CPUs'],
      [3, 'remote needs pairs of CPUs'],
    ]);
    const large = planBench(tiny, { workloads: ['bulk'], orders: [10] });
    expect(large.rows).toEqual([]);
    expect(large.skipped[0].reason).toMatch(/^too little memory/);
  });

  it.each([
    [{ cpus: [3] }, 'cpus: 3 is wrong, this machine has 2 online'],
    [{ cpus: [0] }, 'cpus: 0 is wrong, this machine has 2 online'],
    [{ cpus: [] }, 'cpus: none given'],
    [{ orders: [11] }, 'orders: 11 is wrong, orders are 0 to 10'],
    [{ orders: [0.5] }, 'orders: 0.5 is wrong, orders are 0 to 10'],
  ])('refuses %j', (selection, message) => {
    expect(() => planBench(tiny, selection)).toThrow(new RangeError(message));
  });
});

describe('a run', () => {
  it.each([{ repeats: 0 }, { repeats: 1.5 }, { sampleMs: 0 }])('refuses %j', async (options) => {
    await expect(benchPages(tiny, options)).rejects.toThrow(RangeError);
  });

  it('names each row before it is measured', async () => {
    const seen: string[] = [];
    await benchPages(tiny, {
      ...SHORT,
      workloads: ['repeat'],
      orders: [0, 1],
      cpus: [2],
      onRow: (row, index, rows) =>
        seen.push(`${index}/${rows} ${row.workload} ${row.order} ${row.cpus.join()}`),
    });
    expect(seen).toEqual(['0/2 repeat 0 0,1', '1/2 repeat 1 0,1']);
  });

  describe.each(BENCH_WORKLOAD_NAMES)('%s', (workload) => {
    it('frees what it allocates, on a tiny machine, and leaves it sound', async () => {
      const rows = await benchPages(tiny, { ...SHORT, workloads: [workload], orders: [0, 1, 5] });
      expect(rows.length).toBeGreaterThan(0);
      rows.forEach(expectRow);
      const { violations } = await tiny.audit();
      expect(violations).toEqual([]);
    });

    it('works with CPUs on several nodes', async () => {
      const rows = await benchPages(numa, { ...SHORT, workloads: [workload], orders: [0, 9], cpus: [2, 4] });
      expect(rows.map((row) => [row.order, row.cpus])).toEqual([
        [0, 2],
        [0, 4],
        [9, 2],
        [9, 4],
      ]);
      rows.forEach(expectRow);
      const { violations } = await numa.audit();
      expect(violations).toEqual([]);
    });
  });

  it('goes on when memory is short, and says how often', async () => {
    const { rows } = planBench(tiny, { workloads: ['bulk'], orders: [0], cpus: [2] });
    // More than the machine has.
    const [row] = await benchPlan(tiny, { rows: [{ ...rows[0], blocks: 4096 }], skipped: [] }, SHORT);
    expect(row.failures).toBeGreaterThan(0);
    expect(row.pagesFreed).toBe(row.pagesAllocated);
    const { violations } = await tiny.audit();
    expect(violations).toEqual([]);
  });
});

function expectRow(row: BenchRow): void {
  expect(row.failures).toBe(0);
  expect(row.pairs).toBeGreaterThan(0);
  expect(row.pagesAllocated).toBeGreaterThanOrEqual(row.pairs * 2 ** row.order);
  expect(row.pagesFreed).toBe(row.pagesAllocated);
  expect(row.cpuNumbers).toHaveLength(row.cpus);
  expect(row.oversubscribed).toBe(row.cpus > availableParallelism());
  expect(row.atomicAdds).toBeGreaterThan(0);
  for (const measured of [row.nsPerPair, row.millionPairsPerSecond, row.atomicAddNs, row.lockNs]) {
    expect(measured!.min).toBeGreaterThan(0);
    expect(measured!.median).toBeGreaterThanOrEqual(measured!.min);
    expect(measured!.max).toBeGreaterThanOrEqual(measured!.median);
  }
}
