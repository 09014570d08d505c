import { expect, it } from 'vitest';
import { gfp, gfpHere } from '../cli/support.js';

it('prints a table and what was to be reached', async () => {
  const args = ['--machine', 'tiny', '--workloads', 'xmalloc,pair,larson,cache-scratch', '--peers', 'none'];
  const { code, stdout, stderr } = await gfp('bench', 'kmalloc', ...args, '--cpus', '2', '--repeats', '1');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  expect(lines[0].slice(0, 2)).toEqual(['machine', 'tiny:']);
  const heading = lines.findIndex(([first]) => first === 'workload');
  const rows = lines.slice(heading + 1, heading + 5).map(([name, , allocator]) => `${name} ${allocator}`);
  expect(rows).toEqual(['pair gfp', 'larson gfp', 'xmalloc gfp', 'cache-scratch gfp']);
  expect(stdout).toContain('audit: no violation');
});

it('prints JSON', async () => {
  const args = [
    '--machine',
    'tiny',
    '--workloads',
    'pair,mixed,xmalloc',
    '--cpus',
    '1',
    '--repeats',
    '1',
    '--json',
  ];
  const { code, stdout } = await gfpHere('bench', 'kmalloc', ...args, '--peers', '@thi.ng/malloc,SharedHeap');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    host: { node: process.version },
    machine: { name: 'tiny', nodes: 1, cpus: 2 },
    settings: { repeats: 1, sampleMs: 20 },
    allocators: [
      { name: 'gfp', kind: 'kernel' },
      { name: '@thi.ng/malloc', kind: 'javascript' },
      { name: 'SharedHeap', kind: 'javascript' },
    ],
    rows: [
      { workload: 'pair', cpus: 1, allocator: 'gfp' },
      { workload: 'pair', cpus: 1, allocator: '@thi.ng/malloc' },
      { workload: 'pair', cpus: 1, allocator: 'SharedHeap' },
      { workload: 'mixed', cpus: 1, allocator: 'gfp' },
      { workload: 'mixed', cpus: 1, allocator: '@thi.ng/malloc' },
      { workload: 'mixed', cpus: 1, allocator: 'SharedHeap' },
    ],
    targets: [
      { name: 'mixed, 1 CPU: time of @thi.ng/malloc against gfp', bound: 'at least', target: 20 },
      { name: 'pair, 1 CPU: time of SharedHeap against gfp', bound: 'at most', target: 1.3 },
    ],
    absent: [],
    skipped: [{ workload: 'xmalloc', cpus: 1, reason: 'xmalloc needs pairs of CPUs' }],
    audit: { violations: 0 },
  });
});

it.each([
  [['--cpus', '0'], '--cpus 0'],
  [['--workloads', 'pair,all'], 'pair, batch, batch-reverse, mixed, larson, xmalloc, cache-scratch'],
  [['--peers', 'ptmalloc'], 'glibc, jemalloc, mimalloc, tcmalloc, @thi.ng/malloc, SharedHeap'],
  [['--peers', 'none,glibc'], "there is no 'none'"],
  [['--repeats', 'many'], '1 to 1000'],
  [['--machine', 'tinny'], "'tiny'"],
  [['--machine', 'tiny', '--cpus', '3'], 'this machine has 2'],
  [['--machine', 'tiny', '--workloads', 'xmalloc', '--cpus', '1'], 'pairs'],
])('bad usage: %j', async (args, says) => {
  const { code, stdout, stderr } = await gfpHere('bench', 'kmalloc', ...args);
  expect(code).toBe(2);
  expect(stderr).toContain(says);
  expect(stdout).toBe('');
});
