import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Machine, type MachineTask } from 'gfp';
import type { Shared } from '../../modules/sleep-work.js';

/** Sleeping with real threads, on one machine. */

const work = new URL('../../../dist/test/modules/sleep-work.js', import.meta.url).href;
/** Longer than any test. */
const LONG = 1_000_000;
const EINTR = 4;
const ETIME = 62;
const ERESTARTSYS = 512;
const SIGTERM = 15;

let machine: Machine;
let shared: Shared;
/** How much of the log there was before the test. */
let logStart = 0;

beforeAll(async () => {
  machine = await Machine.boot('x86_64-numa2', { debug: { locks: true, sleep: true } });
});
beforeEach(async () => {
  logStart = machine.dmesg().length;
  shared = (await machine.cpu(0).run(work, 'init')) as Shared;
});
afterAll(() => machine.halt());

function run(name: string, args: unknown = shared, cpu = 0): Promise<unknown> {
  return machine.cpu(cpu).run(work, name, args);
}

function spawn(name: string, args: unknown = shared, cpus?: number[]): MachineTask {
  return machine.spawn(work, name, args, cpus === undefined ? {} : { cpus });
}

/** Until a task sleeps. */
async function asleep(pid: number): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    const task = machine.tasks().find((info) => info.pid === pid);
    if (task !== undefined && task.voluntarySwitches > 0 && 'SD'.includes(task.state) && !task.running)
      return;
    await pause(2);
  }
  throw new Error(`task ${pid} does not sleep`);
}

/** A task that sleeps. */
async function sleeper(name: string, args: unknown = shared): Promise<MachineTask> {
  const task = spawn(name, args);
  await asleep(task.pid);
  return task;
}

/** What has been logged in this test. */
function logged(): string {
  return machine.dmesg().slice(logStart);
}

async function expectClean(): Promise<void> {
  expect(logged()).not.toContain('cut here');
  expect((await machine.audit()).violations).toEqual([]);
}

describe('msleep', () => {
  test('sleeps as long as it was told, on a machine that is idle otherwise', async () => {
    const [[asked, slept], [, sleptTask]] = (await Promise.all([
      run('sleep', 30, 1),
      spawn('sleep', 30).result,
    ])) as [number, number][];
    expect(slept).toBeGreaterThanOrEqual(asked);
    expect(sleptTask).toBeGreaterThanOrEqual(asked);
  });

  test('ends by a signal if it is interruptible, and says what is left', async () => {
    const task = await sleeper('sleepInterruptibly', LONG);
    machine.signal(task.pid, SIGTERM);
    expect(await task.result).toBeGreaterThan(LONG / 2);
  });
});

describe('more tasks than CPUs lose no update', () => {
  test.each(['countUnderMutex', 'countUnderSemaphore'])('%s', async (name) => {
    const rounds = 150;
    const tasks = Array.from({ length: 8 }, () => spawn(name, { shared, rounds }));
    await Promise.all([...tasks.map((task) => task.result), run(name, { shared, rounds }, 1)]);
    expect(await run('countOf')).toBe(9 * rounds);
    await expectClean();
  });

  test('that wait for one another in turns', async () => {
    const rounds = 300;
    const players = [0, 1].map((player) => spawn('playTurns', { shared, player, rounds }));
    await Promise.all(players.map((task) => task.result));
    expect(await run('countOf')).toBe(2 * rounds);
    await expectClean();
  });
});

describe('waiting with a limit', () => {
  test('ends when the time is over', async () => {
    const args = { shared, jiffies: 2 };
    await run('down');
    expect(await run('waitForReadyUntil', args)).toBe(0);
    expect(await run('waitForCompletionUntil', args)).toBe(0);
    expect(await run('downUntil', args)).toBe(-ETIME);
    await run('up');
    await expectClean();
  });

  test('ends in time when it is woken', async () => {
    const args = { shared, jiffies: LONG };
    await run('down');
    const waiting = [
      await sleeper('waitForReadyUntil', args),
      await sleeper('waitForCompletionUntil', args),
      await sleeper('downUntil', args),
    ];
    await run('makeReady');
    await run('completeByTimer');
    await run('up');
    const [ready, completed, got] = await Promise.all(waiting.map((task) => task.result));
    expect(ready).toBeGreaterThan(LONG / 2);
    expect(completed).toBeGreaterThan(LONG / 2);
    expect(got).toBe(0);
    await expectClean();
  });
});

describe('a signal', () => {
  test.each([
    ['waitForReady', -ERESTARTSYS],
    ['lockInterruptibly', -EINTR],
    ['downInterruptibly', -EINTR],
  ])('ends %s', async (name, result) => {
    await run('down');
    const holder = await sleeper('dieWithMutex');
    const task = await sleeper(name);
    machine.signal(task.pid, SIGTERM);
    expect(await task.result).toBe(result);
    await machine.killTask(holder.pid);
    await expect(holder.result).rejects.toThrow();
  });

  test('does not end a sleep that is not interruptible', async () => {
    const task = await sleeper('waitForCompletion');
    machine.signal(task.pid, SIGTERM);
    await run('completeByTimer');
    await task.result;
    await expectClean();
  });
});

describe('interrupts wake tasks', () => {
  test('a device gives a semaphore back', async () => {
    await run('down');
    expect(await run('upByInterrupt', { shared, line: 9 }, 1)).toBe(0);
    const task = await sleeper('down');
    machine.cpu(3).raise(9);
    await task.result;
    await expectClean();
  });

  test('a timer completes what a CPU’s own function waits for', async () => {
    await run('completeByTimer', shared, 2);
    expect(await run('waitForCompletion', shared, 1)).toBe(1);
    await expectClean();
  });
});

describe('a task whose thread dies', () => {
  test.each(['down', 'lock', 'waitForCompletion'])('in %s leaves the line', async (name) => {
    await run('down');
    const holder = await sleeper('dieWithMutex');
    const dead = await sleeper(name);
    const next = await sleeper(name);
    await machine.killTask(dead.pid);
    await expect(dead.result).rejects.toThrow();
    await run('makeReady');
    await expect(holder.result).rejects.toThrow('in the middle');
    if (name === 'down') await run('up');
    if (name === 'waitForCompletion') await run('completeByTimer');
    if (name === 'lock') await machine.killTask(next.pid);
    else await next.result;
    expect((await machine.audit()).violations).toEqual([]);
  });

  test('with a mutex is reported', async () => {
    const holder = await sleeper('dieWithMutex');
    await run('makeReady');
    await expect(holder.result).rejects.toThrow('in the middle');
    expect(logged()).toMatch(/task dieWithMutex:\d+ ended and has a mutex: memory 0x/);
  });
});

test('a function that ends in line is reported, and leaves it', async () => {
  await run('endInLine');
  expect(logged()).toContain('endInLine() ended on CPU#0 and waits in 1 line');
  for (let i = 0; i < 5; i++) await run('endInLine');
  expect((await machine.audit()).violations).toEqual([]);
});

test('a machine halts with tasks asleep on everything', async () => {
  await run('down');
  const asleepOn = ['waitForReady', 'waitForCompletion', 'down', 'dieWithMutex'];
  const tasks = await Promise.all(asleepOn.map((name) => sleeper(name)));
  const own = run('waitForCompletion', shared, 1);
  const ends = Promise.allSettled([...tasks.map((task) => task.result), own]);
  await machine.halt();
  for (const end of await ends) expect(end.status).toBe('rejected');
});
