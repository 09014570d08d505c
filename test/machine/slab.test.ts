import { expect, it } from 'vitest';
import { Machine } from 'gfp';
import { useMachines } from '../support/machines.js';

const work = new URL('../../dist/test/modules/slab-work.js', import.meta.url).href;

const { share } = useMachines((...args) => Machine.boot(...args));

/** The line of a cache in /proc/slabinfo, as its numbers. */
function row(machine: Machine, name: string): number[] {
  const line = machine
    .cat('/proc/slabinfo')
    .split('\n')
    .find((text) => text.startsWith(`${name} `));
  return [...(line ?? '').slice(17).matchAll(/\d+/g)].map(Number);
}

it('tunables change, caches are listed and audited, and CPUs go and come, while all of them allocate', async () => {
  const machine = await share();
  const cache = await machine.cpu(0).run(work, 'createCache', { name: 'churned', size: 200 });
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const jobs = [0, 1, 2, 3].map((cpu) => machine.cpu(cpu).run(work, 'churnObjects', { cache, stop }));
  try {
    for (const [limit, batchcount, shared] of [
      [1, 1, 0],
      [300, 150, 1],
      [17, 3, 8],
    ]) {
      await machine.write('/proc/slabinfo', `churned ${limit} ${batchcount} ${shared}`);
      expect(row(machine, 'churned').slice(5, 8)).toEqual([limit, batchcount, shared]);
      expect((await machine.audit()).violations).toEqual([]);
    }
  } finally {
    stop[0] = 1;
  }
  for (const taken of await Promise.all(jobs)) expect(taken).toBeGreaterThan(0);
  await machine.cpu(3).offline();
  expect((await machine.audit()).violations).toEqual([]);
  await machine.cpu(3).online();
  expect(await machine.cpu(3).run(work, 'destroyCache', cache)).toBe(0);
  expect(row(machine, 'churned')).toEqual([]);
});
