import { describe, expect, it } from 'vitest';
import type { BenchHost } from '../../src/lab/bench-host.js';
import { spread } from '../../src/lab/bench-spread.js';
import { benchKmalloc, type KmallocRow, planKmalloc } from '../../src/lab/kmalloc-bench.js';
import { type Contender, operationsPerNs } from '../../src/lab/kmalloc-bench-contender.js';
import { kmallocTable, kmallocTargetTable } from '../../src/lab/kmalloc-bench-table.js';
import { kmallocTargets } from '../../src/lab/kmalloc-bench-targets.js';
import type { KmallocWorkload } from '../../src/lab/kmalloc-bench-workload.js';

const host: BenchHost = { cpuModel: 'Abacus 3', cores: 2, node: 'v20.19.0', platform: 'linux x64' };

function row(workload: KmallocWorkload, cpus: number, allocator: string, ...samples: number[]): KmallocRow {
  const nsPerOperation = spread(samples);
  return {
    workload,
    cpus,
    allocator,
    oversubscribed: cpus > host.cores,
    nsPerOperation,
    samples,
    millionPerSecond: spread(samples.map((ns) => (1000 * Math.min(cpus, host.cores)) / ns)),
    coreShare: 1,
    operations: 1e6,
  };
}

/** An allocator whose samples are known: it has as many threads as it is asked for, and says what it is asked for. */
function invented(name: string, maxThreads: number, log: string[]): Contender {
  return {
    name,
    kind: 'c',
    version: '',
    maxThreads,
    open: (workload, threads, sampleMs) => {
      log.push(`open ${name} ${workload} ${threads} ${sampleMs}`);
      return {
        sample: async () => {
          log.push(`${name} ${threads}`);
          return Array.from({ length: threads }, () => ({
            start: 0,
            end: 1000,
            operations: 50,
            cpuNs: 1000,
          }));
        },
        close: async () => void log.push(`close ${name} ${threads}`),
      };
    },
  };
}

describe('the plan', () => {
  it('has a group for each workload, and leaves out what needs pairs of CPUs', () => {
    const { groups, skipped } = planKmalloc(4, [1, 2, 3, 4], ['pair', 'xmalloc']);
    expect(groups).toEqual([
      { workload: 'pair', cpus: [1, 2, 3, 4] },
      { workload: 'xmalloc', cpus: [2, 4] },
    ]);
    expect(skipped.map(({ workload, cpus, reason }) => [workload, cpus, reason])).toEqual([
      ['xmalloc', 1, 'xmalloc needs pairs of CPUs'],
      ['xmalloc', 3, 'xmalloc needs pairs of CPUs'],
    ]);
  });

  it('has no group without rows', () => {
    expect(planKmalloc(4, [1], ['xmalloc']).groups).toEqual([]);
  });

  it.each([0, 5, 1.5])('refuses %j CPUs', (count) => {
    expect(() => planKmalloc(4, [1, count])).toThrow(
      new RangeError(`cpus: ${count} is wrong, this machine has 4 online`),
    );
  });
});

describe('a run', () => {
  it('takes samples in turns, and ends what it began', async () => {
    const log: string[] = [];
    const rows = await benchKmalloc(
      [invented('a', 9, log), invented('b', 1, log)],
      planKmalloc(4, [1, 2], ['pair']),
      {
        repeats: 2,
        warmups: 1,
        sampleMs: 3,
        onGroup: ({ workload }, index, all) => log.push(`${workload} ${index} ${all}`),
      },
    );
    const turn = ['a 1', 'b 1', 'a 2'];
    expect(log).toEqual([
      'pair 0 1',
      ...['open a pair 1 3', 'open b pair 1 3'],
      expect.stringMatching(/^open a pair 2 [36]$/),
      ...turn,
      ...turn,
      ...turn,
      ...['close a 1', 'close b 1', 'close a 2'],
    ]);
    expect(rows.map(({ allocator, cpus, operations }) => [allocator, cpus, operations])).toEqual([
      ['a', 1, 100],
      ['b', 1, 100],
      ['a', 2, 200],
    ]);
    expect(rows[0]).toMatchObject({ samples: [20, 20], millionPerSecond: { median: 50 }, coreShare: 1 });
    expect(rows[2].millionPerSecond.median).toBe(100);
  });

  it.each([{ repeats: 0 }, { repeats: 1.5 }, { sampleMs: 0 }])('refuses %j', async (options) => {
    await expect(benchKmalloc([], planKmalloc(1, [1]), options)).rejects.toThrow(RangeError);
  });

  it('does not give a thread the time that it waited for a core', () => {
    const samples = [
      { start: 0, end: 100, operations: 10, cpuNs: 0 },
      { start: 50, end: 100, operations: 10, cpuNs: 0 },
    ];
    expect(operationsPerNs(samples)).toBeCloseTo(0.2);
  });
});

describe('the targets', () => {
  it('are ratios of samples that were taken one after the other', () => {
    const rows = [
      // The host was half as fast during the second sample.
      row('pair', 1, 'gfp', 4, 8, 4),
      row('pair', 1, 'glibc', 5, 10, 5),
      row('pair', 1, 'mimalloc', 2, 4, 2),
      row('pair', 2, 'gfp', 4, 8, 4),
      row('mixed', 1, 'gfp', 10),
      row('mixed', 1, '@thi.ng/malloc', 190),
      row('xmalloc', 2, 'gfp', 30),
      row('xmalloc', 2, 'glibc', 10),
    ];
    const targets = kmallocTargets(rows, ['glibc', 'mimalloc'], host.cores);
    expect(targets.map(({ name, median, met }) => [name, median, met])).toEqual([
      ['pair, 1 CPU: time against glibc', 0.8, true],
      ['pair, 1 CPU: time against best C, mimalloc', 2, false],
      ['pair: throughput of 2 CPUs against 1', 2, true],
      ['xmalloc, 2 CPUs: time against glibc', 3, true],
      ['mixed, 1 CPU: time of @thi.ng/malloc against gfp', 19, false],
    ]);
    expect(kmallocTargetTable(targets.slice(0, 2)).split('\n')).toEqual([
      '                                            times  (min..max)    target',
      'pair, 1 CPU: time against glibc              0.80  (0.80..0.80)  at most 1.0',
      'pair, 1 CPU: time against best C, mimalloc   2.00  (2.00..2.00)  at most 1.5  missed',
    ]);
  });

  it('are only of what was measured, and demand nothing of CPUs that take turns', () => {
    expect(kmallocTargets([row('pair', 1, 'gfp', 4)], [], 2)).toEqual([]);
    expect(kmallocTargets([row('pair', 1, 'gfp', 4), row('pair', 2, 'gfp', 4)], [], 1)).toEqual([]);
  });
});

describe('the table', () => {
  it('is aligned, and explains its marks', () => {
    const rows = [
      row('pair', 1, 'gfp', 4, 5, 6),
      row('pair', 1, '@thi.ng/malloc', 100, 100, 100),
      { ...row('pair', 2, 'gfp', 6, 6, 6), coreShare: 0.5 },
      row('pair', 4, 'glibc', 12.34),
    ];
    expect(kmallocTable(rows, host).split('\n')).toEqual([
      'workload  CPUs  allocator       ns/op  (min..max)    M op/s  speed-up  gfp/it',
      'pair         1  gfp              5.00  (4.00..6.00)     200',
      'pair         1  @thi.ng/malloc    100  (100..100)      10.0             0.050',
      'pair        2~  gfp              6.00  (6.00..6.00)     333      1.67',
      'pair        4*  glibc            12.3  (12.3..12.3)     162',
      '* more CPUs than the 2 host cores: they take turns',
      '~ less than 90 % of the cores: other work on this host, or CPUs that waited for each other',
    ]);
  });

  it('explains no marks that it has not', () => {
    expect(kmallocTable([row('pair', 1, 'gfp', 4)], host).split('\n')).toHaveLength(2);
  });
});
