import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { Machine, type MachineConfig } from 'gfp';
import { describeViolation } from '../../dist/src/kernel/debug/audit-describe.js';

const load = new URL('../../dist/test/modules/task-load.js', import.meta.url).href;

const TASKS = 16;
const AUDITS = 60;

/** Small, so that audits are short. */
const CONFIG: MachineConfig = { nodes: [0, 1].map(() => ({ memory: '16M', cpus: 2 })) };

let machine: Machine | undefined;

afterEach(async () => {
  await machine?.halt();
  machine = undefined;
});

/** Lets a CPU's own task do a little, and stop, again and again. */
async function visit(on: Machine, word: number, shared: Int32Array): Promise<void> {
  for (let seed = 1; Atomics.load(shared, 1) === 0; seed++) {
    await on.cpu(3).run(load, 'doSomeThings', { word, seed });
  }
}

test('audits find nothing while tasks sleep, wait in line, start others and go from CPU to CPU', async () => {
  machine = await Machine.boot(CONFIG);
  const word = (await machine.cpu(0).run(load, 'setUp')) as number;
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const results: Promise<unknown>[] = [];
  for (let seed = 1; seed <= TASKS; seed++) {
    results.push(machine.spawn(load, 'restless', { word, shared, seed }).result);
  }
  while (Atomics.load(shared, 0) < TASKS) await sleep(10);
  // The CPUs' own tasks: two go on all the time, one stops again and again.
  results.push(machine.runAll(load, 'restless', { word, shared, seed: 99 }, [0, 1]));
  results.push(visit(machine, word, shared));
  for (let i = 0; i < AUDITS; i++) {
    if (i % 10 === 0) await machine.cpu((i / 10) % 3).offline();
    const { violations, checked } = await machine.audit();
    expect(violations.map(describeViolation)).toEqual([]);
    expect(checked.tasks).toBeGreaterThanOrEqual(TASKS + 4);
    if (i % 10 === 5) await machine.cpu(((i - 5) / 10) % 3).online();
  }
  Atomics.store(shared, 1, 1);
  await Promise.all(results);
  expect((await machine.audit()).violations.map(describeViolation)).toEqual([]);
});
