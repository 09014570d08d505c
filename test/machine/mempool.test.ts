import { afterAll, beforeAll, expect, test } from 'vitest';
import { Machine, type MachineTask, TaskDiedError } from 'gfp';
import type { Shared } from '../modules/mempool-work.js';
import { until } from '../support/until.js';

/** Memory pools and tasks with threads of their own, on a machine of 4 CPUs on 2 nodes. */

const WORK = new URL('../../dist/test/modules/mempool-work.js', import.meta.url);

let machine: Machine;
const reports: string[] = [];

beforeAll(async () => {
  machine = await Machine.boot('x86_64-numa2', {
    debug: { locks: true, sleep: true, lockHoldLimitMs: 60_000 },
  });
  machine.on('report', (text) => reports.push(text));
});
afterAll(() => machine.halt());

async function createPool(elements: number): Promise<Shared> {
  return (await machine.cpu(0).run(WORK, 'init', elements)) as Shared;
}

/** What /proc/mempools says of the only pool: min_nr, curr_nr, and how many wait. */
function pool(): number[] {
  const line = machine.cat('/proc/mempools').trimEnd().split('\n')[1];
  const [, minNr, currNr, , waiters] = line.split(/ +/);
  return [minNr, currNr, waiters].map(Number);
}

/** Until so many tasks wait for an element. */
function waiting(count: number): Promise<void> {
  return until(() => pool()[2] === count, `${count} waiting tasks`);
}

test('more tasks than CPUs share a reserve that is smaller than both', async () => {
  const shared = await createPool(2);
  const rounds = 60;
  const tasks = Array.from({ length: 10 }, () => machine.spawn(WORK, 'useElements', { shared, rounds }));
  await Promise.all(tasks.map(({ result }) => result));
  expect(pool()).toEqual([2, 2, 0]);
  expect(await machine.cpu(1).run(WORK, 'counts', shared)).toEqual({ got: 10 * rounds, most: 2 });
  await machine.cpu(0).run(WORK, 'destroy', shared);
  expect(reports).toEqual([]);
});

test('a task that waits leaves its CPU to others, and its turn when it dies', async () => {
  const shared = await createPool(1);
  const element = await machine.cpu(0).run(WORK, 'take', shared);
  const wait = (): MachineTask => machine.spawn(WORK, 'waitForElement', shared, { cpus: [1] });
  const [dies, waits] = [wait(), wait()];
  await waiting(2);
  expect(await machine.cpu(1).run(WORK, 'take', shared)).toBe(0);
  const death = dies.result.catch((error: unknown) => error);
  await machine.killTask(dies.pid);
  expect(await death).toBeInstanceOf(TaskDiedError);
  await waiting(1);
  await machine.cpu(2).run(WORK, 'give', { shared, element });
  expect(await waits.result).toBe(element);
  await machine.cpu(3).run(WORK, 'give', { shared, element });
  await machine.cpu(0).run(WORK, 'destroy', shared);
  expect((await machine.audit()).violations).toEqual([]);
});
