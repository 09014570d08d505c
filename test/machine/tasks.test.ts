import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Machine, MachineStateError, SIGTERM, TaskDiedError, TaskError } from 'gfp';
import { until } from '../support/until.js';

/** Tasks with threads of their own, on a machine of 4 CPUs on 2 nodes. */

const WORK = new URL('../../dist/test/modules/task-work.js', import.meta.url);
const OWN_TASKS = ['run/0', 'run/1', 'run/2', 'run/3'];

let machine: Machine;
let reports: string[] = [];

async function boot(): Promise<Machine> {
  const booted = await Machine.boot('x86_64-numa2');
  booted.on('report', (text) => reports.push(text));
  return booted;
}

function sharedWords(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(64));
}

/** Waits until so many tasks have begun: each counts itself in the first word. */
function begun(shared: Int32Array, count: number): Promise<void> {
  return until(() => Atomics.load(shared, 0) >= count, `${count} tasks`);
}

/** The tasks besides those of the CPUs. */
function others(): string[] {
  return machine
    .tasks()
    .map(({ comm }) => comm)
    .filter((comm) => !OWN_TASKS.includes(comm));
}

async function expectSound(): Promise<void> {
  expect((await machine.audit()).violations).toEqual([]);
}

beforeEach(() => {
  reports = [];
});

describe('a machine', () => {
  beforeAll(async () => {
    machine = await boot();
  });
  afterEach(async () => {
    expect(others()).toEqual([]);
    await expectSound();
  });
  afterAll(() => machine.halt());

  test('runs more tasks than it has CPUs, each on one CPU at a time, and moves them', async () => {
    const shared = sharedWords();
    const tasks = Array.from({ length: 24 }, () => machine.spawn(WORK, 'count', { shared, rounds: 20 }));
    const cpus = (await Promise.all(tasks.map(({ result }) => result))) as number[];
    expect(Atomics.load(shared, 0)).toBe(24 * 20);
    expect(Math.max(...cpus)).toBeGreaterThan(1);
    expect(reports).toEqual([]);
  });

  test('gives a task its arguments, name and pid, and the host its result', async () => {
    const first = machine.spawn(
      WORK,
      'whoAmI',
      { a: [1, 2] },
      { name: 'a name that is too long', cpus: [3] },
    );
    const second = machine.spawn(WORK, 'whoAmI', 'x');
    expect(await first.result).toEqual({
      args: { a: [1, 2] },
      cpu: 3,
      pid: first.pid,
      comm: 'a name that is ',
    });
    expect(await second.result).toMatchObject({ args: 'x', pid: second.pid, comm: 'whoAmI' });
    expect(second.pid).not.toBe(first.pid);
  });

  test('lets tasks that do not give up their CPU take turns with others', async () => {
    const shared = sharedWords();
    const tasks = [0, 1, 2].map(() => machine.spawn(WORK, 'busy', shared, { cpus: [2] }));
    await begun(shared, 3);
    expect(await machine.cpu(2).run(WORK, 'whoAmI', 'run')).toMatchObject({ cpu: 2, pid: 3, comm: 'run/2' });
    Atomics.store(shared, 1, 1);
    await Promise.all(tasks.map(({ result }) => result));
  });

  test('lets the task of a CPU sleep in the middle of what the host lets it run', async () => {
    expect(await machine.cpu(1).run(WORK, 'ownTaskSleeps')).toBeGreaterThanOrEqual(3);
  });

  test('ends an interruptible sleep by a signal or a wake-up', async () => {
    const shared = sharedWords();
    const tasks = [0, 1].map(() => machine.spawn(WORK, 'sleeper', shared));
    await until(() => machine.tasks().filter(({ state }) => state === 'S').length === 2, 'both sleep');
    machine.signal(tasks[0].pid, SIGTERM);
    expect(await tasks[0].result).toBe('signal');
    expect(await machine.cpu(0).run(WORK, 'wakeTask', tasks[1].pid)).toBe(1);
    expect(await tasks[1].result).toBe('woken');
  });

  test('reports a task that throws, and its CPU goes on', async () => {
    const error: unknown = await machine.spawn(WORK, 'throws').result.catch((e: unknown) => e);
    expect(error).toBeInstanceOf(TaskError);
    expect(error).toMatchObject({ thrown: 'RangeError', pid: expect.any(Number) as number });
    expect((error as Error).message).toMatch(/^task throws:\d+: RangeError: out of cheese$/);
    expect((error as Error).stack).toContain('task-work.js');
    await until(() => reports.length > 0, 'a report');
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatch(
      /^task throws:\d+ on CPU#\d was ended by an exception: RangeError: out of cheese\n/,
    );
    expect(reports[0]).toContain('task-work.js');
  });

  test('puts a CPU right that a task leaves with preemption disabled', async () => {
    await machine.spawn(WORK, 'leavesMess').result;
    await until(() => reports.length > 0, 'a report');
    expect(reports[0]).toMatch(/task leavesMess:\d+ ended on CPU#\d with preempt_count 1, irqs on/);
  });

  test('refuses to sleep in an atomic section', async () => {
    const error = (await machine
      .spawn(WORK, 'sleepsAtomic', undefined, { name: 'atomic' })
      .result.catch((e: unknown) => e)) as TaskError;
    expect(error.report).toMatch(/scheduling while atomic: atomic\/\d+\/0x00000001/);
  });

  test('ends a task by do_exit', async () => {
    expect(await machine.spawn(WORK, 'exits').result).toBe(7);
    // Of the test before, reports may still come.
    expect(reports.filter((text) => text.includes('exits'))).toEqual([]);
  });

  test('brings a task to the CPUs that it asks for', async () => {
    const cpus = [3, 0, 2, 2, 1, 0];
    expect(await machine.spawn(WORK, 'movesAround', cpus).result).toEqual(cpus);
  });

  test('moves a task that runs, and one that sleeps', async () => {
    const shared = sharedWords();
    const running = machine.spawn(WORK, 'busy', shared);
    await begun(shared, 1);
    expect(await machine.cpu(0).run(WORK, 'movesOther', { pid: running.pid, cpus: [2, 1] })).toEqual([2, 1]);
    Atomics.store(shared, 1, 1);
    await running.result;
  });

  test('has kernel threads that are bound, stopped, never woken, and end by themselves', async () => {
    expect(await machine.cpu(0).run(WORK, 'kthreads')).toEqual({
      stopped: { name: 'a name that is ', cpu: 3, code: 42 },
      codes: [-4, 6],
    });
  });

  test('goes on when the thread of a task dies, asleep or running', async () => {
    const shared = sharedWords();
    const asleep = machine.spawn(WORK, 'sleepForEver', shared);
    const running = machine.spawn(WORK, 'busy', shared);
    await begun(shared, 2);
    await machine.killTask(asleep.pid);
    await machine.killTask(running.pid);
    for (const task of [asleep, running]) {
      const error: unknown = await task.result.catch((e: unknown) => e);
      expect(error).toBeInstanceOf(TaskDiedError);
      expect((error as Error).message).toMatch(new RegExp(`^task ${task.name}:${task.pid} died: `));
    }
    expect(reports.filter((text) => text.includes('its thread died'))).toHaveLength(2);
    expect(await machine.spawn(WORK, 'whoAmI', 1).result).toMatchObject({ args: 1 });
  });

  test('ends the thread of a task that has just been started', async () => {
    const task = machine.spawn(WORK, 'sleepForEver', sharedWords());
    await machine.killTask(task.pid);
    await expect(task.result).rejects.toThrow(TaskDiedError);
  });

  test('lets a thread load its module before it ends it: Node would abort', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gfp-slow-'));
    const [module, begins, goOn] = ['slow.mjs', 'begins', 'go-on'].map((name) => join(folder, name));
    writeFileSync(
      module,
      `import { existsSync, writeFileSync } from 'node:fs';
      writeFileSync(${JSON.stringify(begins)}, '');
      while (!existsSync(${JSON.stringify(goOn)}));
      // Without the kernel, which might hold a lock when the thread ends.
      export default function spinForEver() { for (;;); }`,
    );
    const task = machine.spawn(WORK, 'callByNumber', pathToFileURL(module).href);
    await until(() => existsSync(begins), 'the module');
    let isKilled = false;
    const killed = machine.killTask(task.pid).then(() => {
      isKilled = true;
    });
    await pause(50);
    expect(isKilled).toBe(false);
    writeFileSync(goOn, '');
    await killed;
    await expect(task.result).rejects.toThrow(TaskDiedError);
    rmSync(folder, { recursive: true });
  });

  test('brings the tasks of a CPU that is unplugged to others', async () => {
    const shared = sharedWords();
    const tasks = [0, 1, 2, 3, 4, 5].map((i) =>
      machine.spawn(WORK, 'busy', shared, i < 2 ? { cpus: [3] } : {}),
    );
    await begun(shared, 6);
    await machine.cpu(3).offline();
    expect(machine.tasks().filter(({ cpu, comm }) => cpu === 3 && comm === 'busy')).toEqual([]);
    expect(machine.dmesg()).toMatch(/process \d+ \(busy\) no longer affine to cpu3/);
    await machine.cpu(3).online();
    Atomics.store(shared, 1, 1);
    await Promise.all(tasks.map(({ result }) => result));
  });

  test('refuses what cannot be', async () => {
    expect(() => machine.spawn('work.js', 'x')).toThrow(TypeError);
    expect(() => machine.spawn(WORK, 'whoAmI', 1, { cpus: [4] })).toThrow(RangeError);
    expect(() => {
      machine.signal(31000, 1);
    }).toThrow(new MachineStateError('there is no task 31000'));
    await expect(machine.spawn(WORK, 'missing').result).rejects.toThrow(/exports no function 'missing'/);
    await expect(machine.spawn(WORK, 'whoAmI', () => 1).result).rejects.toThrow(/could not be cloned/);
  });
});

test('a machine that is halted ends tasks that sleep, wait for a CPU and run', async () => {
  machine = await boot();
  const shared = sharedWords();
  const tasks = [
    ...[0, 1, 2].map(() => machine.spawn(WORK, 'sleepForEver', shared)),
    ...Array.from({ length: 6 }, () => machine.spawn(WORK, 'busy', shared)),
  ];
  await begun(shared, 9);
  await machine.halt();
  for (const { result } of tasks) await expect(result).rejects.toThrow(/halted|stopped/);
});

test('the death of a thread that holds a spinlock stops the machine, and ends all tasks', async () => {
  machine = await boot();
  const shared = sharedWords();
  const lock = await machine.cpu(0).run(WORK, 'words');
  const asleep = machine.spawn(WORK, 'sleepForEver', shared);
  const holder = machine.spawn(WORK, 'holdsLock', { lock, shared });
  await begun(shared, 2);
  await machine.killTask(holder.pid);
  expect(machine.panicked).toBe(true);
  expect(machine.dmesg()).toMatch(
    /Kernel panic - not syncing: task holdsLock:\d+: its thread died \(.*\) and held /,
  );
  await expect(asleep.result).rejects.toThrow();
  await machine.halt();
});
