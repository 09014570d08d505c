import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { pageOf } from '../../dist/src/kernel/mm/page.js';
import { runStress } from '../../dist/src/lab/stress.js';
import type { StressFault } from '../../dist/src/lab/stress-fault.js';
import { usedFrames } from '../../dist/src/lab/stress-memory.js';
import { STRESS_WORKLOADS, type StressOptions } from '../../dist/src/lab/stress-options.js';
import type { StressProgress, StressResult } from '../../dist/src/lab/stress-result.js';
import { Machine } from '../../dist/src/machine/machine.js';
import { useMachines } from '../support/machines.js';

const PAGE_WORDS = 1024;

const { boot, share } = useMachines((...args) => Machine.boot(...args));

function stress(machine: Machine, options: Partial<StressOptions> = {}): Promise<StressResult> {
  return runStress(machine, { workload: 'mixed', seconds: 0.5, seed: 1, ...options });
}

function expectPassed(result: StressResult): void {
  expect(result.failure).toBeUndefined();
  expect(result.verdict).toBe('passed');
  expect(result.audit?.violations).toEqual([]);
}

/** Stresses a machine, again if need be: on an overloaded computer half a second is not enough for everything to happen. */
async function stressUntil(
  machine: Machine,
  options: Partial<StressOptions>,
  happened: (result: StressResult) => boolean,
): Promise<StressResult> {
  for (let i = 0; ; i++) {
    const result = await stress(machine, options);
    expectPassed(result);
    if (happened(result) || i === 20) return result;
  }
}

describe.each(STRESS_WORKLOADS)('workload %s', (workload) => {
  it.each(['tiny', 'x86_64-numa2'])('leaves nothing behind on %s', async (preset) => {
    const machine = await share(preset);
    const allWorked = ({ cpus }: StressResult) => cpus.every(({ operations }) => operations > 0);
    const result = await stressUntil(machine, { workload }, allWorked);
    expect(allWorked(result)).toBe(true);
    expect(result.pages).toEqual({ before: result.pages?.before, after: result.pages?.before, missing: [] });
    expect(result.cpus.map(({ cpu }) => cpu)).toEqual(machine.onlineCpus());
    const { total } = result;
    expect(total.allocatedByOrder.reduce((sum, blocks) => sum + blocks, 0)).toBe(total.allocations);
    expect(total.failedByOrder.reduce((sum, blocks) => sum + blocks, 0)).toBe(total.failed);
    expect(total.received).toBeLessThanOrEqual(total.sent);
    expect(result.numa.numa_hit + result.numa.numa_miss).toBeGreaterThanOrEqual(total.allocations);
  });
});

it('does what each workload is named for', async () => {
  // Not order 10: the machine may never have 4 MiB in one piece.
  const hasOrders = ({ total }: StressResult) =>
    total.failed > 0 && total.allocatedByOrder.slice(0, 10).every((blocks) => blocks > 0);
  const orders = await stressUntil(await share('tiny'), { workload: 'orders', seconds: 1 }, hasOrders);
  expect(orders.total.allocatedByOrder.slice(0, 10)).not.toContain(0);
  expect(orders.total.failed).toBeGreaterThan(0);
  const hasRemote = ({ total }: StressResult) => total.received > 0;
  const remote = await stressUntil(await share('tiny'), { workload: 'remote-free' }, hasRemote);
  expect(remote.total.received).toBeGreaterThan(0);
  const hasNodes = ({ numa }: StressResult) => numa.other_node > 0 && numa.interleave_hit > 0;
  const numa = await stressUntil(await share('x86_64-numa2'), { workload: 'numa' }, hasNodes);
  expect([numa.numa.other_node, numa.numa.interleave_hit]).not.toContain(0);
});

it('finds nothing with all checks of the kernel on', async () => {
  expectPassed(await stress(await boot('tiny', { debug: true })));
});

it('can be repeated on the same machine, and tells how it is getting on', async () => {
  const machine = await share('tiny');
  expectPassed(await stress(machine, { seconds: 0.2 }));
  const progress: StressProgress[] = [];
  expectPassed(await stress(machine, { onProgress: (each) => progress.push(each) }));
  expect(progress[0]).toMatchObject({ of: 0.5, onlineCpus: 2 });
  expect(machine.listenerCount('report')).toBe(0);
});

describe('faults', () => {
  it('goes on while CPUs are unplugged and plugged in', async () => {
    const faults: StressFault[] = [
      { kind: 'offline', cpu: 1, at: 0.1, back: 0.2 },
      { kind: 'offline', cpu: 3, at: 0.2 },
    ];
    const machine = await share('x86_64-numa2');
    const result = await stress(machine, { faults, seconds: 0.8 });
    expectPassed(result);
    expect(result.faults.map(({ outcome, detail }) => [outcome, detail])).toEqual([
      ['done', 'back after 0.2 s'],
      ['done', 'back at the end'],
    ]);
    expect(machine.onlineCpus()).toEqual([0, 1, 2, 3]);
  });

  it('says which faults could not be done', async () => {
    const faults: StressFault[] = [
      { kind: 'offline', cpu: 0, at: 0.05 },
      { kind: 'offline', cpu: 1, at: 0.2 },
      { kind: 'kill', cpu: 0, at: 0.2 },
      { kind: 'kill', cpu: 1, at: 5 },
    ];
    const result = await stress(await share('tiny'), { faults });
    expectPassed(result);
    expect(result.faults.map(({ outcome }) => outcome)).toEqual(['done', 'refused', 'refused', 'too late']);
    expect(result.faults[1].detail).toContain('last one online');
  });

  it('refuses a CPU that there is not', async () => {
    const machine = await share('tiny');
    const faults: StressFault[] = [{ kind: 'kill', cpu: 2, at: 0 }];
    await expect(stress(machine, { faults })).rejects.toThrow('CPU 2: this machine has CPUs 0 to 1');
  });

  it('survives the death of a CPU, or panics because it held a lock', async () => {
    const machine = await boot('x86_64-numa2');
    const result = await stress(machine, { faults: [{ kind: 'kill', cpu: 2, at: 0.2 }], seconds: 2 });
    expect(result.failure).toBeUndefined();
    if (result.verdict === 'panicked') {
      expect(result.panic?.message).toMatch(/CPU#2: its thread died .* and held /);
      expect(result.panic?.milliseconds).toBeLessThan(2000);
      expect(result.faults[0].outcome).toBe('panicked');
      return;
    }
    expectPassed(result);
    expect(result.faults[0].outcome).toBe('done');
    expect(result.faults[0].detail).toMatch(/^held no lock/);
    expect(machine.onlineCpus()).toEqual([0, 1, 2, 3]);
    const missing = result.pages!.before - result.pages!.after;
    expect(missing).toBeLessThanOrEqual(result.inFlight.reduce((sum, { order }) => sum + 2 ** order, 0));
  });
});

/** The blocks in use that were not before, when there are many. */
async function newBlocks(machine: Machine, before: ReadonlySet<number>): Promise<number[]> {
  for (;;) {
    const used = [...usedFrames(machine.console)].filter((pfn) => !before.has(pfn));
    if (used.length > 100) return used;
    await sleep(1);
  }
}

it('finds a page that was overwritten', async () => {
  const machine = await boot('tiny');
  const before = usedFrames(machine.console);
  const run = stress(machine, { seconds: 20 });
  for (const pfn of await newBlocks(machine, before)) machine.image.i32[pfn * PAGE_WORDS + 511] = 0xdead;
  const { verdict, failure, elapsedSeconds } = await run;
  expect(verdict).toBe('failed');
  expect(failure?.kind).toBe('canary');
  expect(failure?.message).toMatch(/canary broken: pfn 0x[\da-f]+ word 511 is 0xdead and not 0x/);
  expect(failure?.lastOperations.map(({ cpu }) => cpu)).toEqual([0, 1]);
  expect(failure?.lastOperations[failure.cpu].operations.at(-1)).toMatch(/free pfn 0x[\da-f]+ order \d+/);
  expect(elapsedSeconds).toBeLessThan(20);
});

it('fails when the kernel reports a bad page', async () => {
  const machine = await boot('tiny');
  const before = usedFrames(machine.console);
  const run = stress(machine, { seconds: 20, workload: 'fragment' });
  // PG_locked in the flags of a page in use: nobody may free it.
  const { i32 } = machine.image;
  for (const pfn of await newBlocks(machine, before)) i32[pageOf(i32, pfn)] |= 1;
  const { verdict, failure } = await run;
  expect(verdict).toBe('failed');
  expect(failure?.kind).toBe('report');
  expect(failure?.report).toContain('Bad page state');
});
