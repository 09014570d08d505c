import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { CpuDiedError, CpuError, Machine, MachinePanicError, MachineStateError } from 'gfp';
import { KERNEL } from '../../dist/src/kernel/core/kernel-data.js';
import { populatedZones, ZONE } from '../../dist/src/kernel/mm/zone.js';
import { useMachines } from '../support/machines.js';
import { until } from '../support/until.js';

const work = new URL('../../dist/test/modules/cpu-work.js', import.meta.url).href;

/** A word of the image in RAM that nothing else uses: the kernel's own data ends far below 3 MiB. */
const LOCK = (3 * 1024 ** 2) / 4;

const { boot, share } = useMachines((...args) => Machine.boot(...args));

function word(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(8));
}

async function expectClean(machine: Machine): Promise<void> {
  const { violations } = await machine.audit();
  expect(violations).toEqual([]);
}

describe('functions on CPUs', () => {
  it('run on the CPU asked for, with cloned arguments and results', async () => {
    const machine = await share();
    for (let cpu = 0; cpu < 4; cpu++) {
      const answer = await machine.cpu(cpu).run(work, 'whoAmI', { deep: [1, 2n] });
      expect(answer).toEqual({ cpu, node: cpu >> 1, args: { deep: [1, 2n] } });
    }
  });

  it('run on all CPUs at once, and each takes a page of its own node', async () => {
    const machine = await share();
    const pages = (await machine.runAll(work, 'allocatePage')) as number[];
    expect(new Set(pages).size).toBe(4);
    expect(pages.map((pfn) => machine.console.page_to_nid(pfn))).toEqual([0, 0, 1, 1]);
    await expectClean(machine);
  });

  it('give their errors back with CPU, name and stack', async () => {
    const machine = await share('tiny');
    const error = await machine
      .cpu(1)
      .run(work, 'throwTypeError')
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CpuError);
    const { cpu, thrown, message, stack } = error as CpuError;
    expect({ cpu, thrown, message }).toEqual({
      cpu: 1,
      thrown: 'TypeError',
      message: 'CPU#1: TypeError: thrown on purpose',
    });
    expect(stack).toMatch(/throwTypeError .*cpu-work\.js/);
  });

  it('that read from NULL end in an oops with a report', async () => {
    const machine = await boot('tiny');
    const error = (await machine
      .cpu(0)
      .run(work, 'readNull')
      .catch((thrown: unknown) => thrown)) as CpuError;
    expect(error.thrown).toBe('KernelOops');
    expect(error.report).toMatch(
      /Unable to handle kernel NULL pointer dereference at 00000000[\s\S]*readNull/,
    );
    expect(machine.dmesg()).toContain('NULL pointer dereference');
    // The CPU goes on.
    expect(await machine.cpu(0).run(work, 'allocatePage')).toBeGreaterThan(0);
  });

  it.each([
    ['a missing export', 'nothingHere', /exports no function 'nothingHere'; it exports: .*allocatePage/],
    ['a promise', 'returnPromise', /returnPromise\(\) returned a promise: code on a CPU is synchronous/],
    ['a result that cannot be cloned', 'returnFunction', /Unserializable return value|could not be cloned/],
  ])('are refused with a reason: %s', async (_, name, message) => {
    const machine = await share('tiny');
    await expect(machine.cpu(0).run(work, name)).rejects.toThrow(message);
    await expect(machine.runAll(work, 'whoAmI')).resolves.toHaveLength(2);
  });

  it('of a module that does not exist fail on every CPU, and nobody waits at the barrier', async () => {
    const machine = await share('tiny');
    await expect(machine.runAll('file:///nowhere/at/all.js', 'x')).rejects.toThrow(/Cannot find module/);
  });

  it('of one CPU that fails do not keep the others from ending', async () => {
    const machine = await share();
    await expect(machine.runAll(work, 'throwTypeError')).rejects.toThrow(CpuError);
    await expect(machine.runAll(work, 'whoAmI')).resolves.toHaveLength(4);
  });

  it('call other CPUs, idle and busy ones, in interrupt context', async () => {
    const machine = await share();
    const stop = word();
    const address = await machine.cpu(0).run(work, 'zeroedPage');
    const busy = machine.cpu(2).run(work, 'churn', stop);
    await until(() => Atomics.load(stop, 1) > 100, 'CPU 2 churns');
    expect(await machine.cpu(1).run(work, 'callAll', address)).toBe(1);
    const noted = await machine.cpu(0).run(work, 'readWords', { address, count: 4 });
    // In hardirq context with interrupts off on the others; on the caller only interrupts are off.
    expect(noted).toEqual([0x103, 0x102, 0x103, 0x103]);
    Atomics.store(stop, 0, 1);
    await busy;
    await expectClean(machine);
  });

  it('that leave preemption disabled are reported, and the CPU is usable again', async () => {
    const machine = await share('tiny');
    await machine.cpu(0).run(work, 'keepPreemptDisabled');
    expect(machine.dmesg()).toContain('keepPreemptDisabled() ended on CPU#0 with preempt_count 1, irqs on');
    await machine.cpu(0).run(work, 'whoAmI');
    await expectClean(machine);
  });

  it('that end with a lock held panic the machine', async () => {
    const machine = await boot('tiny');
    await expect(machine.cpu(0).run(work, 'keepLock', LOCK)).rejects.toThrow(MachinePanicError);
    expect(machine.panicked).toBe(true);
    expect(machine.dmesg()).toMatch(
      /Kernel panic - not syncing: keepLock\(\) ended on CPU#0 and holds memory 0x300000/,
    );
  });
});

describe('calls across CPUs', () => {
  it('and audits do not wait for each other', async () => {
    const machine = await share();
    const stop = word();
    const runs = machine.runAll(work, 'drainAll', stop, [0, 3]);
    await until(() => Atomics.load(stop, 1) > 10, 'the CPUs call each other');
    for (let i = 0; i < 20; i++) await expectClean(machine);
    Atomics.store(stop, 0, 1);
    await runs;
  });

  it('of a function that throws stop the machine', async () => {
    const machine = await boot();
    const run = machine.cpu(1).run(work, 'callThrowing');
    await expect(run).rejects.toThrow('Fatal exception in interrupt: thrown on purpose');
    expect(machine.panicked).toBe(true);
  });

  it('are refused for numbers that stand for no function', async () => {
    const machine = await share('tiny');
    await expect(machine.cpu(0).run(work, 'callNothing')).rejects.toThrow('no function has symbol NaN');
    expect(await machine.runAll(work, 'whoAmI')).toHaveLength(2);
  });
});

describe('what the host asks for wrongly', () => {
  it.each([
    ['a CPU twice', [1, 1], /each only once/],
    ['no CPU', [], /no CPU to run on/],
    ['a CPU that is not there', [0, 7], /CPU 7: this machine has CPUs 0 to 1/],
  ])('is refused: %s', async (_, cpus, message) => {
    const machine = await share('tiny');
    await expect(machine.runAll(work, 'whoAmI', undefined, cpus)).rejects.toThrow(message);
    expect(await machine.runAll(work, 'whoAmI')).toHaveLength(2);
  });

  it('is refused: a module by a relative path', async () => {
    const machine = await share('tiny');
    await expect(machine.cpu(0).run('./work.js', 'x')).rejects.toThrow('must be an absolute URL');
  });

  it('is refused: blocks of orders and frames that do not exist', async () => {
    const machine = await share('tiny');
    await expect(machine.cpu(0).run(work, 'allocateOrder', -1)).rejects.toThrow('order -1');
    await expect(machine.cpu(0).run(work, 'allocateOrder', 0.5)).rejects.toThrow('order 0.5');
    for (const pfn of [NaN, -5, 0, 1e9]) {
      await expect(machine.cpu(0).run(work, 'freePages', [pfn])).rejects.toThrow(
        /free of frame .* no such block/,
      );
    }
    await expectClean(machine);
  });
});

describe('a CPU whose thread dies', () => {
  it('idle, leaves the machine; the others go on, and it can come back', async () => {
    const machine = await boot('tiny');
    await machine.cpu(1).run(work, 'allocatePages', 5);
    const deaths: CpuDiedError[] = [];
    machine.on('died', (error) => deaths.push(error));
    await machine.cpu(1).kill();
    expect(deaths.map(({ cpu }) => cpu)).toEqual([1]);
    expect(machine.onlineCpus()).toEqual([0]);
    await expect(machine.cpu(1).run(work, 'whoAmI')).rejects.toThrow('CPU 1 is dead');
    await machine.cpu(0).run(work, 'allocatePage');
    await expectClean(machine);
    await machine.cpu(1).online();
    expect(await machine.cpu(1).run(work, 'whoAmI')).toMatchObject({ cpu: 1 });
    await expectClean(machine);
  });

  it('in the middle of allocations, loses nothing that was in its lists', async () => {
    const machine = await boot();
    for (let round = 0; round < 5; round++) {
      const stop = word();
      const run = machine
        .cpu(3)
        .run(work, 'churn', stop)
        .catch((error: unknown) => error);
      await until(() => Atomics.load(stop, 1) > 1000, 'CPU 3 churns');
      await machine.cpu(3).kill();
      if (machine.panicked) {
        // It died inside zone->lock: then the machine must stop, and say what was held.
        expect(await run).toBeInstanceOf(MachinePanicError);
        expect(machine.dmesg()).toMatch(/held node \d, zone \w+, lock/);
        return;
      }
      expect(await run).toBeInstanceOf(CpuDiedError);
      await expectClean(machine);
      await machine.cpu(3).online();
    }
  });

  it('with a lock held, panics the machine within two seconds, and waiters end', async () => {
    const machine = await boot('tiny');
    const ready = word();
    const holder = machine
      .cpu(0)
      .run(work, 'holdLock', { lock: LOCK, ready })
      .catch((error: unknown) => error);
    await until(() => Atomics.load(ready, 0) === 1, 'the lock is held');
    const waiter = machine
      .cpu(1)
      .run(work, 'takeLock', LOCK)
      .catch((error: unknown) => error);
    await sleep(50);
    await machine.cpu(0).kill();
    const [held, waited] = await Promise.all([holder, waiter]);
    expect(held).toBeInstanceOf(MachinePanicError);
    expect(waited).toBeInstanceOf(MachinePanicError);
    expect((waited as MachinePanicError).report).toMatch(
      /CPU#0: its thread died .* and held memory 0x300000/,
    );
    await expect(machine.runAll(work, 'whoAmI')).rejects.toThrow(MachinePanicError);
  });

  it('with the lock of the log held, panics the machine with a report', async () => {
    const machine = await boot('tiny');
    const ready = word();
    const holder = machine
      .cpu(1)
      .run(work, 'holdLock', { lock: KERNEL.logbuf_lock, ready })
      .catch((error: unknown) => error);
    await until(() => Atomics.load(ready, 0) === 1, 'the lock is held');
    await machine.cpu(1).kill();
    expect(machine.panicked).toBe(true);
    expect(await holder).toBeInstanceOf(MachinePanicError);
    expect(machine.dmesg()).toMatch(/Kernel panic .* CPU#1: its thread died .* and held logbuf_lock/);
  });

  it('with a lock held that the console wants, does not take the console along', async () => {
    const machine = await boot('tiny');
    const ready = word();
    const lock = populatedZones(machine.console)[0] + ZONE.at.lock;
    const holder = machine
      .cpu(1)
      .run(work, 'holdLock', { lock, ready })
      .catch((error: unknown) => error);
    await until(() => Atomics.load(ready, 0) === 1, 'the lock is held');
    // The thread ends, but nobody has heard of it yet.
    const killed = machine.cpu(1).kill();
    expect(() => machine.cat('/proc/buddyinfo')).toThrow(
      /node 0, zone DMA, lock.* is held by CPU#1 for too long/,
    );
    await killed;
    expect(machine.panicked).toBe(true);
    expect(await holder).toBeInstanceOf(MachinePanicError);
  });

  it('and one that is unplugged while a lock is held by a dying one, end in a panic', async () => {
    const machine = await boot();
    const ready = word();
    const zones = populatedZones(machine.console);
    // Of node 0: its lists are not empty now.
    await machine.cpu(1).run(work, 'allocatePages', 5);
    const holder = machine
      .cpu(3)
      .run(work, 'holdLock', { lock: zones[1] + ZONE.at.lock, ready })
      .catch((error: unknown) => error);
    await until(() => Atomics.load(ready, 0) === 1, 'the lock is held');
    const unplugged = machine
      .cpu(1)
      .offline()
      .catch((error: unknown) => error);
    await machine.cpu(3).kill();
    expect(machine.panicked).toBe(true);
    expect(await unplugged).toBeInstanceOf(MachinePanicError);
    expect(await holder).toBeInstanceOf(MachinePanicError);
  });

  it('while it is being unplugged, is dead and not only offline', async () => {
    const machine = await boot('tiny');
    const killed = machine.cpu(1).kill();
    // Dead threads are buried and CPUs unplugged one after another, whichever comes first.
    const audits = Promise.all([machine.audit(), machine.audit()]);
    await sleep(1);
    const unplugged = machine
      .cpu(1)
      .offline()
      .catch((error: unknown) => error);
    await Promise.all([killed, audits, unplugged]);
    await machine.cpu(1).online();
    expect(await machine.cpu(1).run(work, 'whoAmI')).toMatchObject({ cpu: 1 });
    await expectClean(machine);
  });

  it('as soon as it is back, can die again', async () => {
    const machine = await boot('tiny');
    for (let i = 0; i < 5; i++) {
      await machine.cpu(1).kill();
      await machine.cpu(1).online();
    }
    expect(await machine.cpu(1).run(work, 'whoAmI')).toMatchObject({ cpu: 1 });
    await expectClean(machine);
  });

  it('by an exception of its own, is noticed', async () => {
    const machine = await boot('tiny');
    const death = new Promise<CpuDiedError>((resolve) => machine.on('died', resolve));
    // Its answer may come too late.
    await machine
      .cpu(1)
      .run(work, 'dieLater')
      .catch(() => undefined);
    expect((await death).message).toContain('uncaught in the thread');
    expect(machine.onlineCpus()).toEqual([0]);
    await expectClean(machine);
  });

  it('does not leave others waiting at a barrier', async () => {
    const machine = await boot('tiny');
    const stop = word();
    const busy = machine
      .cpu(1)
      .run(work, 'neverPoll', stop)
      .catch((error: unknown) => error);
    await until(() => Atomics.load(stop, 1) === 1, 'CPU 1 computes');
    const all = machine.runAll(work, 'whoAmI').catch((error: unknown) => error);
    await sleep(100);
    await machine.cpu(1).kill();
    expect(await busy).toBeInstanceOf(CpuDiedError);
    expect(await all).toBeInstanceOf(Error);
    expect(await machine.cpu(0).run(work, 'whoAmI')).toMatchObject({ cpu: 0 });
  });
});

describe('unplugging a CPU', () => {
  it('drains its lists; it is refused work until it is back', async () => {
    const machine = await share();
    await machine.cpu(2).run(work, 'allocatePages', 3);
    await machine.cpu(2).offline();
    expect(machine.onlineCpus()).toEqual([0, 1, 3]);
    await expect(machine.cpu(2).run(work, 'whoAmI')).rejects.toThrow(MachineStateError);
    await expectClean(machine);
    await machine.cpu(2).online();
    expect(await machine.cpu(2).run(work, 'whoAmI')).toMatchObject({ cpu: 2 });
  });

  it('suspends what runs there, and lets it go on later', async () => {
    const machine = await share();
    const stop = word();
    const run = machine.cpu(1).run(work, 'churn', stop);
    await until(() => Atomics.load(stop, 1) > 1000, 'CPU 1 churns');
    for (let round = 0; round < 10; round++) {
      await machine.cpu(1).offline();
      const rounds = Atomics.load(stop, 1);
      await expectClean(machine);
      expect(Atomics.load(stop, 1)).toBe(rounds);
      await machine.cpu(1).online();
      await until(() => Atomics.load(stop, 1) > rounds, 'CPU 1 goes on');
    }
    Atomics.store(stop, 0, 1);
    expect(await run).toBeGreaterThan(1000);
    await expectClean(machine);
  });

  it('is refused for the last one, and for numbers that do not exist', async () => {
    const machine = await share('tiny');
    await machine.cpu(0).offline();
    await expect(machine.cpu(1).offline()).rejects.toThrow('CPU 1 is the last one online');
    await machine.cpu(0).online();
    expect(() => machine.cpu(2)).toThrow('CPU 2: this machine has CPUs 0 to 1');
  });

  it.each([false, true])('goes on with audits while all CPUs work, debug: %s', async (debug) => {
    const machine = await boot('x86_64-numa2', { debug });
    const stop = word();
    const runs = machine.runAll(work, 'churn', stop);
    await until(() => Atomics.load(stop, 1) > 1000, 'the CPUs churn');
    for (let i = 0; i < 10; i++) await expectClean(machine);
    Atomics.store(stop, 0, 1);
    await runs;
    await expectClean(machine);
  });
});

describe('the end of a machine', () => {
  it('ends functions that run for ever, at their next poll', async () => {
    const machine = await boot('tiny');
    const run = machine
      .cpu(0)
      .run(work, 'pollForEver')
      .catch((error: unknown) => error);
    await sleep(50);
    await machine.halt();
    const error = await run;
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(/halted/);
    await expect(machine.cpu(0).run(work, 'whoAmI')).rejects.toThrow('the machine was halted');
    expect(machine.dmesg()).toContain('Brought up 2 CPUs');
  });

  it('ends functions that never poll by ending their threads', async () => {
    const machine = await boot('tiny');
    const stop = word();
    const run = machine
      .cpu(0)
      .run(work, 'neverPoll', stop)
      .catch((error: unknown) => error);
    await until(() => Atomics.load(stop, 1) === 1, 'CPU 0 computes');
    await machine.halt();
    expect(await run).toBeInstanceOf(CpuDiedError);
  });
});

describe('boot', () => {
  it.each(['tiny', 'x86-1g', 'x86_64-numa2', 'numa4', 'memoryless'])(
    'brings the preset %s up clean',
    async (name) => {
      const machine = await boot(name);
      const pages = (await machine.runAll(work, 'allocatePage')) as number[];
      expect(new Set(pages).size).toBe(machine.cpus);
      expect(pages).not.toContain(0);
      await expectClean(machine);
    },
  );

  it('brings many CPUs up, more than a word has bits', async () => {
    const machine = await boot({
      nodes: [
        { memory: '32M', cpus: 17 },
        { memory: '32M', cpus: 16 },
      ],
    });
    expect(await machine.runAll(work, 'whoAmI')).toHaveLength(33);
    await expectClean(machine);
  });

  it('lets a driver take boot memory of any size, which is gone for good', async () => {
    const bootHooks = [{ module: work, name: 'bootHook' }];
    const plain = await share();
    const machine = await boot('x86_64-numa2', { bootHooks });
    const address = Number(/boot hook: (\d+)/.exec(machine.dmesg())?.[1]);
    expect(machine.console.read8(address)).toBe(42);
    const total = (text: string): number => Number(/MemTotal: +(\d+) kB/.exec(text)?.[1]);
    const taken = total(plain.cat('/proc/meminfo')) - total(machine.cat('/proc/meminfo'));
    // 1221 pages, or one less: the first bytes may lie in the unused tail of the allocation before.
    expect([4880, 4884]).toContain(taken);
    await expectClean(machine);
  });

  it('closes boot memory to modules', async () => {
    const machine = await share('tiny');
    await expect(machine.cpu(0).run(work, 'bootmemNow')).rejects.toThrow(/alloc_bootmem/);
  });

  it('of nodes in one zone each is sound, the last of them wholly in HighMem', async () => {
    const nodes = ['16M', '880M', '128M'].map((memory) => ({ memory, cpus: 1 }));
    const machine = await boot({ arch: 'x86', nodes });
    expect(machine.cat('/proc/buddyinfo')).toMatch(
      /Node 0, zone {6}DMA.*\nNode 1, zone {3}Normal.*\nNode 2, zone {2}HighMem/,
    );
    await expectClean(machine);
  });

  it('of a wrong configuration says what is wrong', async () => {
    await expect(Machine.boot('no-such-preset')).rejects.toThrow(/no-such-preset/);
  });
});
