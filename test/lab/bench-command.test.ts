import { expect, it } from 'vitest';
import { gfp, gfpHere } from '../cli/support.js';

function words(line: string): string[] {
  return line.trim().split(/\s+/);
}

it('prints a table', async () => {
  const args = [
    '--machine',
    'tiny',
    '--workload',
    'repeat,bulk',
    '--orders',
    '0',
    '--cpus',
    '2',
    '--repeats',
    '1',
  ];
  const { code, stdout, stderr } = await gfp('bench', 'pages', ...args);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const lines = stdout.split('\n');
  expect(lines[0]).toMatch(/^machine tiny: .*2 CPUs/);
  expect(lines[1]).toMatch(/^measured on .* Node v/);
  const heading = lines.findIndex((line) => line.startsWith('workload'));
  expect(words(lines[heading + 1]).slice(0, 2)).toEqual(['bulk', '0']);
  expect(words(lines[heading + 2]).slice(0, 2)).toEqual(['repeat', '0']);
  expect(stdout).toContain('audit: no violation');
});

it('prints JSON', async () => {
  const args = ['--machine', 'tiny', '--workload', 'remote', '--orders', '0', '--repeats', '1', '--json'];
  const { code, stdout } = await gfpHere('bench', 'pages', ...args);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    host: { node: process.version },
    machine: { name: 'tiny', nodes: 1, cpus: 2 },
    settings: { repeats: 1 },
    rows: [{ workload: 'remote', order: 0, cpus: 2, failures: 0 }],
    skipped: [{ workload: 'remote', order: 0, cpus: 1, reason: 'remote needs pairs of CPUs' }],
    audit: { violations: 0 },
  });
});

it('explains itself, with an example', async () => {
  const { code, stdout } = await gfpHere('bench', 'pages', '--help');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Example: /);
  expect(stdout).toContain('gfp bench pages --');
  for (const option of ['--machine', '--cpus', '--workload', '--orders', '--repeats', '--json']) {
    expect(stdout).toContain(option);
  }
});

it.each([
  [['--cpus', '0'], '--cpus 0'],
  [['--cpus', '1-'], '--cpus 1-'],
  [['--orders', '10'], '0 to 9'],
  [['--workload', 'bulk,all'], 'bulk, repeat, random, remote'],
  [['--repeats', 'many'], '1 to 1000'],
  [['--machine', 'tinny'], "'tiny'"],
  [['--machine', 'tiny', '--cpus', '3'], 'this machine has 2'],
  [['--machine', 'tiny', '--workload', 'remote', '--cpus', '1'], 'pairs'],
  [['--cpu', '1'], '--cpus'],
])('bad usage: %j', async (args, says) => {
  const { code, stdout, stderr } = await gfpHere('bench', 'pages', ...args);
  expect(code).toBe(2);
  expect(stderr).toContain(says);
  expect(stdout).toBe('');
});
