import { afterAll, beforeAll, expect, test } from 'vitest';
import { Machine } from 'gfp';

/** Per-CPU variables with a thread for each CPU. */

const work = new URL('../../dist/test/modules/percpu-work.js', import.meta.url).href;
const ROUNDS = 20_000;

let machine: Machine;
beforeAll(async () => {
  machine = await Machine.boot();
});
afterAll(async () => {
  await machine.halt();
});

test('a module’s variable is the same one for all threads, and no count is lost', async () => {
  const places = (await machine.runAll(work, 'countHits', ROUNDS)) as number[];
  expect(new Set(places).size).toBe(1);
  expect(await machine.cpu(2).run(work, 'sumHits')).toBe(4 * ROUNDS);
});

test('a percpu_counter is exact, also when a CPU goes away and comes back', async () => {
  const fbc = (await machine.cpu(0).run(work, 'makeCounter', 1)) as number;
  await machine.runAll(work, 'countTogether', { fbc, rounds: ROUNDS });
  await machine.cpu(3).offline();
  expect(machine.console.percpu_counter_sum(fbc)).toBe(1 + 4 * 2 * ROUNDS);
  await machine.cpu(3).online();
  await machine.cpu(3).run(work, 'countTogether', { fbc, rounds: 1 });
  expect(await machine.cpu(1).run(work, 'endCounter', fbc)).toBe(1 + 4 * 2 * ROUNDS + 2);
});

test('CPUs allocate and free at once, and nothing is lost', async () => {
  const before = (await machine.audit()).frames.allocated;
  await machine.runAll(work, 'churnDynamic', 200);
  const { frames, violations } = await machine.audit();
  expect(violations).toEqual([]);
  expect(frames.allocated).toBe(before);
});
