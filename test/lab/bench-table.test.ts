import { expect, it } from 'vitest';
import type { BenchHost } from '../../src/lab/bench-host.js';
import type { BenchRow } from '../../src/lab/bench-pages.js';
import { benchHostLine, benchTable } from '../../src/lab/bench-table.js';

const host: BenchHost = { cpuModel: 'Abacus 3', cores: 2, node: 'v20.19.0', platform: 'linux x64' };

const row: BenchRow = {
  workload: 'bulk',
  order: 0,
  cpus: 1,
  cpuNumbers: [0],
  oversubscribed: false,
  blocks: 4096,
  nsPerPair: { median: 15.25, min: 14.96, max: 120.4 },
  millionPairsPerSecond: { median: 65.57, min: 8.3, max: 66.8 },
  atomicAddNs: { median: 8, min: 7.9, max: 8.1 },
  lockNs: { median: 23.2, min: 23, max: 24 },
  atomicAdds: 1.906,
  coreShare: 1,
  pairs: 1e6,
  pagesAllocated: 1e6,
  pagesFreed: 1e6,
  failures: 0,
};

it('names the computer', () => {
  expect(benchHostLine(host)).toBe('measured on Abacus 3, 2 cores, Node v20.19.0, linux x64');
});

it('is aligned, and explains its marks', () => {
  const rows: BenchRow[] = [
    row,
    { ...row, workload: 'repeat', order: 9, cpus: 16, oversubscribed: true, coreShare: 0.5 },
    { ...row, nsPerPair: null, atomicAdds: null, failures: 3 },
  ];
  expect(benchTable(rows, host).split('\n')).toEqual([
    'workload  order  CPUs  ns/pair  (min..max)   M pairs/s  Atomics.add ns  lock+unlock ns  pair/Atomics.add',
    'bulk          0     1     15.3  (15.0..120)       65.6            8.00            23.2              1.91',
    'repeat        9  16*~     15.3  (15.0..120)       65.6            8.00            23.2              1.91',
    'bulk          0    1!        -                    65.6            8.00            23.2                 -',
    '* more CPUs than the 2 host cores: they take turns',
    '~ less than 90 % of the cores: other work on this host, or CPUs that waited for each other',
    '! some allocations got nothing: the machine has too little memory for this row',
  ]);
});

it('explains no marks that it has not', () => {
  expect(benchTable([row], host).split('\n')).toHaveLength(2);
});
