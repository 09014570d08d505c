import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Machine, type MachineTask } from 'gfp';

const hung = new URL('../../dist/test/modules/hung-work.js', import.meta.url).href;

const SIGTERM = 15;
const CONFIG = { nodes: [{ memory: '16M', cpus: 2 }], debug: { hungTaskLimitMs: 60 } };

let machine: Machine;
let word: number;
let shared: Int32Array;
const reports: string[] = [];

beforeEach(async () => {
  machine = await Machine.boot(CONFIG);
  reports.length = 0;
  machine.on('report', (text) => reports.push(text));
  word = (await machine.cpu(0).run(hung, 'init')) as number;
  shared = new Int32Array(new SharedArrayBuffer(8));
});

afterEach(async () => {
  await machine.halt();
});

function start(name: string, args: object = {}): MachineTask {
  return machine.spawn(hung, name, { word, shared, ...args });
}

/** The reports of a task, when there are so many. */
async function reportsOf({ pid }: MachineTask, count = 1): Promise<string[]> {
  for (;;) {
    const found = reports.filter((text) => /^INFO: task \w+:(\d+) blocked/.exec(text)?.[1] === String(pid));
    if (found.length >= count) return found;
    await sleep(5);
  }
}

test('a task that waits for a mutex is reported each time the limit is over, with the owner', async () => {
  const holder = start('holds');
  while (Atomics.load(shared, 0) < 1) await sleep(5);
  const waiter = start('wantsMutex');
  const [first, second] = await reportsOf(waiter, 2);
  expect(first).toMatch(
    new RegExp(
      `^INFO: task wantsMutex:${waiter.pid} blocked for more than \\d+\\.\\d+ seconds\\.\n` +
        'last on CPU#[01], \\d+ voluntary switches, \\d+ involuntary\n' +
        `waits for: mutex memory 0x[0-9a-f]+\n  owner: task holds:${holder.pid}$`,
    ),
  );
  const seconds = (text: string): number => Number(/more than ([\d.]+)/.exec(text)?.[1]);
  expect(seconds(first)).toBeGreaterThanOrEqual(0.06);
  expect(seconds(second)).toBeGreaterThanOrEqual(seconds(first) + 0.06 - 1e-9);
  expect(machine.dmesg()).toContain(first.split('\n')[0]);
  // Its owner can be interrupted: that one does not hang.
  expect(reports.join('\n')).not.toContain('task holds:' + String(holder.pid) + ' blocked');
  machine.signal(holder.pid, SIGTERM);
  await Promise.all([holder.result, waiter.result]);
});

test('a mutex whose owner has ended is reported with that', async () => {
  const owner = start('forgetsMutex');
  await owner.result;
  expect(machine.dmesg()).toMatch(`task forgetsMutex:${owner.pid} ended and has a mutex: memory 0x`);
  expect((await reportsOf(start('wantsMutex')))[0]).toMatch(
    `\n  owner: task forgetsMutex:${owner.pid}, which has ended`,
  );
});

test('a deadlock is named', async () => {
  const one = start('deadlocks', { other: false });
  const two = start('deadlocks', { other: true });
  // It may have been reported before the other one waited, too.
  let last = '';
  for (let count = 1; !last.endsWith('a deadlock'); count++) {
    last = (await reportsOf(one, count)).at(-1) ?? '';
  }
  expect(last.split('\n').slice(2)).toEqual([
    expect.stringMatching(/^waits for: mutex memory 0x[0-9a-f]+$/),
    expect.stringMatching(`^  owner: task deadlocks:${two.pid}, which waits for: mutex memory 0x[0-9a-f]+$`),
    `  owner: task deadlocks:${one.pid}: a deadlock`,
  ]);
});

test.each([
  ['wantsSemaphore', /^waits for: semaphore memory 0x[0-9a-f]+$/m],
  ['wantsCompletion', /^waits for: completion memory 0x[0-9a-f]+$/m],
  ['waitsForEvent', /^waits for: wait queue memory 0x[0-9a-f]+$/m],
  ['sleepsLong', /^its timeout comes in \d+ ms$/m],
  ['waitsForNothing', /^waits for: a wake-up by somebody who knows it$/m],
])('what %s waits for is said', async (name, text) => {
  expect((await reportsOf(start(name)))[0]).toMatch(text);
});
