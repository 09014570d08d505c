import { describe, expect, test } from 'vitest';
import { CpuDiedError, Machine, MachineStateError } from 'gfp';
import { useMachines } from '../../support/machines.js';
import { until } from '../../support/until.js';

const work = new URL('../../../dist/test/modules/interrupt-work.js', import.meta.url).href;

const { boot, share } = useMachines((...args) => Machine.boot(...args));

async function newPage(machine: Machine): Promise<number> {
  return (await machine.cpu(0).run(work, 'page')) as number;
}

/** What handlers have counted on each CPU. */
function counts(machine: Machine, word: number): number[] {
  return Array.from(machine.console.i32.subarray(word + 256, word + 260));
}

async function expectClean(machine: Machine): Promise<void> {
  expect((await machine.audit()).violations).toEqual([]);
}

describe('interrupts of devices', () => {
  test('are served by a busy CPU and by an idle one', async () => {
    const machine = await boot();
    const word = await newPage(machine);
    expect(await machine.cpu(0).run(work, 'requestIrq', { line: 5, word })).toBe(0);
    const busy = machine.cpu(2).run(work, 'runUntil', { word, wanted: 1 });
    machine.cpu(2).raise(5);
    await busy;
    machine.cpu(3).raise(5);
    await until(() => counts(machine, word)[3] === 1, 'an idle CPU serves its interrupt');
    expect(counts(machine, word)).toEqual([0, 0, 1, 1]);
    expect(machine.cat('/proc/interrupts')).toMatch(/^ {2}5: +0 +0 +1 +1 +IO-APIC-edge +test$/m);
    await expectClean(machine);
  });

  test('cannot be raised on lines and CPUs that are not there', async () => {
    const machine = await share();
    expect(() => machine.cpu(1).raise(64)).toThrow(/IRQ 64: a machine has IRQs 0 to 63/);
    await machine.cpu(1).offline();
    expect(() => machine.cpu(1).raise(5)).toThrow(MachineStateError);
    await machine.cpu(1).online();
  });
});

describe('timers', () => {
  test('run on a busy CPU in their jiffy or later, and clock ticks come to busy CPUs only', async () => {
    const machine = await boot('x86_64-numa2', { hz: 250 });
    const word = await newPage(machine);
    const result = (await machine.cpu(1).run(work, 'waitForTimer', { word, ticks: 100 })) as number[];
    const [expires, ran] = result;
    expect(ran).toBeGreaterThanOrEqual(expires);
    const line = /^LOC: +(\d+) +(\d+) +(\d+) +(\d+)/m.exec(machine.cat('/proc/interrupts'));
    const [, busy, ...idle] = (line ?? []).slice(1).map(Number);
    expect(busy).toBeGreaterThan(0);
    // An idle CPU can be met by a tick while it serves something, some times in its first seconds.
    for (const ticks of idle) expect(4 * ticks).toBeLessThan(busy);
    expect(idle).toHaveLength(2);
  });

  test('run on an idle machine', async () => {
    const machine = await share();
    const word = await newPage(machine);
    const expires = (await machine.cpu(3).run(work, 'setTimer', { word, ticks: 20 })) as number;
    await until(() => counts(machine, word)[3] === 1, 'the timer of an idle CPU runs');
    expect(await machine.cpu(3).run(work, 'jiffyNoted', word)).toBeGreaterThanOrEqual(expires);
    await expectClean(machine);
  });

  test('of a CPU that goes away run elsewhere on its node', async () => {
    const machine = await share();
    const word = await newPage(machine);
    await machine.cpu(3).run(work, 'setTimer', { word, ticks: 20 });
    await machine.cpu(3).offline();
    await until(() => counts(machine, word).includes(1), 'the timer runs');
    const where = counts(machine, word).indexOf(1);
    // It may have run before the CPU went.
    expect([2, 3]).toContain(where);
    await machine.cpu(3).online();
    await expectClean(machine);
  });

  test('do not run after del_timer_sync, whatever CPU they are on', async () => {
    const machine = await share();
    const word = await newPage(machine);
    await machine.cpu(0).run(work, 'timersByLine');
    const stop = new Int32Array(new SharedArrayBuffer(8));
    const other = machine.cpu(1).run(work, 'pollUntil', stop);
    const args = { word, cpu: 1, rounds: 3000 };
    const result = (await machine.cpu(0).run(work, 'deleteOften', args)) as Record<string, number>;
    Atomics.store(stop, 0, 1);
    await other;
    expect(result.late).toBe(0);
    expect(result.ran + result.deleted).toBe(3000);
    await expectClean(machine);
  });

  test('do not keep a machine from halting', async () => {
    const machine = await boot();
    const word = await newPage(machine);
    await machine.cpu(1).run(work, 'setTimer', { word, ticks: 1_000_000 });
    await machine.halt();
    expect(counts(machine, word)).toEqual([0, 0, 0, 0]);
  });
});

test('a tasklet that all CPUs schedule runs on one at a time', async () => {
  const machine = await share();
  const word = await newPage(machine);
  await machine.cpu(0).run(work, 'initTasklet', word);
  await machine.runAll(work, 'scheduleOften', { word, rounds: 5000 });
  const [overlaps, runs, counted] = (await machine.cpu(0).run(work, 'endTasklet', word)) as number[];
  expect(overlaps).toBe(0);
  expect(runs).toBe(counted);
  expect(runs).toBeGreaterThan(0);
  await expectClean(machine);
});

test('a CPU that does not poll is reported, with what it runs and holds, and a call goes on without it', async () => {
  const machine = await boot('x86_64-numa2', { debug: { locks: true, softLockupLimitMs: 200 } });
  const reports: string[] = [];
  machine.on('report', (text) => reports.push(text));
  const word = await newPage(machine);
  const lock = word + 512;
  const stop = new Int32Array(new SharedArrayBuffer(8));
  const stuck = machine.cpu(2).run(work, 'lockUp', { lock, stop });
  await until(() => Atomics.load(stop, 1) === 1, 'the CPU begins');
  expect(await machine.cpu(0).run(work, 'callAll', word)).toBe(-110);
  expect(counts(machine, word)).toEqual([1, 1, 0, 1]);
  const isLockup = (text: string): boolean => text.includes('soft lockup - CPU#2');
  // On a busy host, the thread may not be able to tell its call trace in time; then the next report has it.
  const isTraced = (text: string): boolean => isLockup(text) && text.includes('\nCall Trace:\n');
  await until(() => reports.some(isTraced), 'the lockup is reported');
  Atomics.store(stop, 0, 1);
  await stuck;
  const report = reports.find(isTraced) ?? '';
  expect(report).toMatch(/^BUG: soft lockup - CPU#2 stuck for \d+s! \[run\/2:\d+\]\n/);
  expect(report).toMatch(/context: process preempt_count: 00000001 irqs: on\n/);
  expect(report).toMatch(/running: lockUp\(\) of file:.*interrupt-work\.js\n/);
  expect(report).toMatch(/lock held: .*, taken at:\n.*lockUp/s);
  expect(report).toMatch(/\nCall Trace:\n \[<interrupt-work\.js:\d+>\] lockUp\n \[<.*>\] callOnCpu\n/);
  expect(machine.dmesg().match(/soft lockup - CPU#2/g)).toHaveLength(reports.filter(isLockup).length);
  expect(machine.dmesg()).toMatch(/ \[<interrupt-work\.js:\d+>\] lockUp\n/);
  // Everything is in order again.
  expect(await machine.cpu(0).run(work, 'callAll', word)).toBe(0);
  await expectClean(machine);
});

test('a CPU that hangs in a call is left out of it and of the next ones, until it has ended it', async () => {
  const machine = await boot('x86_64-numa2', { debug: { softLockupLimitMs: 200 } });
  const word = await newPage(machine);
  const stop = new Int32Array(new SharedArrayBuffer(8));
  const polling = machine.cpu(2).run(work, 'pollUntil', stop);
  await until(() => Atomics.load(stop, 1) === 1, 'the CPU begins');
  expect(await machine.cpu(0).run(work, 'callAndHang', word)).toBe(-110);
  expect(machine.dmesg()).toContain('CPU#2 is locked up in the call: the caller goes on without it');
  expect(await machine.cpu(1).run(work, 'callAll', word)).toBe(-110);
  expect(machine.dmesg()).toContain('CPU#2 is locked up: the caller goes on without it');
  expect(counts(machine, word)).toEqual([2, 2, 0, 2]);
  Atomics.store(machine.console.i32, word + 64, 1);
  // It ends the first call late, and has missed the second.
  expect(await machine.cpu(3).run(work, 'callAll', word)).toBe(0);
  expect(counts(machine, word)).toEqual([3, 3, 2, 3]);
  Atomics.store(stop, 0, 1);
  await polling;
  await expectClean(machine);
});

test('a call ends when a CPU dies in it', async () => {
  const machine = await boot();
  const word = await newPage(machine);
  const stop = new Int32Array(new SharedArrayBuffer(8));
  const polling = expect(machine.cpu(2).run(work, 'pollUntil', stop)).rejects.toThrow(CpuDiedError);
  await until(() => Atomics.load(stop, 1) === 1, 'the CPU begins');
  const call = machine.cpu(0).run(work, 'callAndHang', word);
  await until(() => Atomics.load(machine.console.i32, word + 65) === 1, 'the CPU is in the call');
  await machine.cpu(2).kill();
  await polling;
  expect(await call).toBe(0);
  expect(await machine.cpu(1).run(work, 'callAll', word)).toBe(0);
  expect(counts(machine, word)).toEqual([2, 2, 0, 2]);
  await machine.cpu(2).online();
  expect(await machine.cpu(1).run(work, 'callAll', word)).toBe(0);
  expect(counts(machine, word)).toEqual([3, 3, 1, 3]);
  await expectClean(machine);
});
