import { expect, it } from 'vitest';
import { gfp, gfpHere } from '../cli/support.js';

it('prints what has happened, and the verdict last', async () => {
  const { code, stdout, stderr } = await gfp(
    ...['stress', '--machine', 'tiny', '--seconds', '0.5', '--seed', '7', '--fault', 'offline:1@0.1+0.1'],
  );
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^machine tiny: 1 node, 2 CPUs, 16 MiB of memory\nstress {2}mixed, 0.5 seconds, seed 7\n/,
  );
  expect(stdout).toMatch(/^CPU +node +operations +allocated/m);
  expect(stdout).toMatch(/^fault {3}offline:1@0.1\+0.1: done \(\d+ ms\), back after 0.1 s$/m);
  expect(stdout).toMatch(/^audit {3}no violation/m);
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('stress mixed: passed');
});

it('prints the counters of tasks', async () => {
  const args = ['--machine', 'tiny', '--workload', 'tasks', '--tasks', '6', '--seconds', '1', '--seed', '3'];
  const { code, stdout, stderr } = await gfp('stress', ...args, '--fault', 'offline:0@0.1+0.1');
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^operation +count +mutex +semaphore +baton/m);
  expect(stdout).toMatch(/^[\d,]+ operations of 6 tasks in \d/m);
  const counters = [...stdout.matchAll(/^(get_cpu_var|percpu_counter|mutex|semaphore) +(\S+) +(\S+)$/gm)];
  expect(counters.map(([, name]) => name)).toEqual(['get_cpu_var', 'percpu_counter', 'mutex', 'semaphore']);
  for (const [, , wanted, counted] of counters) expect(counted).toBe(wanted);
  expect(stdout).toMatch(/^interrupts [\d,]+ raised, [\d,]+ served/m);
  expect(stdout).toMatch(/^fault {3}offline:0@0.1\+0.1: /m);
  expect(stdout).toMatch(/^audit {3}no violation/m);
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('stress tasks: passed');
});

it('prints JSON', async () => {
  const args = [
    '--machine',
    'tiny',
    '--cpus',
    '3',
    '--seconds',
    '0.3',
    '--seed',
    '9',
    '--workload',
    'orders',
  ];
  const { code, stdout } = await gfpHere('stress', ...args, '--json', '--debug');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    machine: { name: 'tiny', nodes: 1, cpus: 3 },
    command: 'gfp stress --machine tiny --cpus 3 --workload orders --seconds 0.3 --seed 9 --debug',
    result: { verdict: 'passed', workload: 'orders', seed: 9, cpus: [{ cpu: 0 }, { cpu: 1 }, { cpu: 2 }] },
  });
});

it.each([
  [
    ['--workload', 'heavy'],
    'It must be one of mixed, fragment, remote-free, numa, orders, kmalloc, slab, mempool, tasks.',
  ],
  [['--cpus', '0'], 'It must be a whole number from 1 to 256.'],
  [['--nodes', '65'], 'It must be a whole number from 1 to 64.'],
  [['--nodes', '9'], 'a node needs 4 MiB'],
  [['--seconds', '0'], 'It must be a number above 0'],
  [['--seed', '-1'], 'It must be a whole number from 0 to 4294967295.'],
  [['--fault', 'kill:1'], 'must be kill:CPU@SECONDS or offline:CPU@SECONDS'],
  [['--fault', 'kill:2@1'], '--fault kill:2@1: this machine has CPUs 0 to 1'],
  [['--fault', 'kill:1@5'], '--fault kill:1@5: the run ends after 5 seconds'],
  [['--tasks', '4'], '--tasks 4: the workload mixed has no tasks, but --workload tasks has'],
  [['--workload', 'tasks', '--tasks', '121'], 'It must be a whole number from 1 to 120.'],
  [['--fault', 'kill-task:1@1'], '--fault kill-task:1@1: the workload mixed has no tasks'],
  [
    ['--workload', 'tasks', '--tasks', '4', '--fault', 'kill-task:4@1'],
    '--fault kill-task:4@1: this run has tasks 0 to 3',
  ],
  [['--workload', 'slab', '--fault', 'kill-task:4@1'], '--fault kill-task:4@1: this run has tasks 0 to 3'],
  [['--machine', 'tinny'], "nearest is 'tiny'"],
])('refuses %j', async (args, message) => {
  const { code, stdout, stderr } = await gfpHere('stress', '--machine', 'tiny', ...args);
  expect(stderr).toContain(message);
  expect(stdout).toBe('');
  expect(code).toBe(2);
});

it('begins its help with an example', async () => {
  const { code, stdout } = await gfpHere('stress', '--help');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Example: gfp stress /);
  for (const workload of [
    'mixed',
    'fragment',
    'remote-free',
    'numa',
    'orders',
    'kmalloc',
    'slab',
    'mempool',
    'tasks',
  ])
    expect(stdout).toContain(workload);
});
