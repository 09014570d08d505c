import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { runObjectStress } from '../../dist/src/lab/object-stress.js';
import type { ObjectStressOptions, ObjectStressResult } from '../../dist/src/lab/object-stress-result.js';
import type { StressProgress } from '../../dist/src/lab/stress-result.js';
import { Machine } from '../../dist/src/machine/machine.js';
import { useMachines } from '../support/machines.js';

const TAMPER = new URL('../../dist/test/modules/object-stress-tamper.js', import.meta.url).href;

const { boot } = useMachines((...args) => Machine.boot(...args));

function stress(machine: Machine, options: Partial<ObjectStressOptions> = {}): Promise<ObjectStressResult> {
  return runObjectStress(machine, { workload: 'kmalloc', tasks: 4, seconds: 0.5, seed: 1, ...options });
}

function expectPassed(result: ObjectStressResult): void {
  expect(result.failure).toBeUndefined();
  expect(result.verdict).toBe('passed');
  expect(result.audit?.violations).toEqual([]);
}

/** Waits until the run does what it is to do. */
async function underWay(progress: readonly StressProgress[]): Promise<void> {
  while ((progress.at(-1)?.operations ?? 0) === 0) await sleep(5);
}

describe('stress of objects', () => {
  it('leaves no object, cache or pool behind, run after run, though a CPU goes and comes', async () => {
    const machine = await boot('x86_64-numa2');
    for (const workload of ['kmalloc', 'slab', 'mempool'] as const) {
      const result = await stress(machine, {
        workload,
        seconds: 0.8,
        faults: [{ kind: 'offline', cpu: 3, at: 0.1, back: 0.3 }],
      });
      expectPassed(result);
      const { counters, pages, faults, tasks } = result;
      expect(faults.map(({ outcome }) => outcome)).toEqual(['done']);
      expect(tasks).toBe(4);
      expect(counters.allocations).toBeGreaterThan(0);
      expect(counters.frees).toBe(counters.allocations);
      expect(counters.received).toBe(counters.sent);
      expect(counters.destroyed).toBe(counters.created);
      expect(pages?.after).toBe(pages?.before);
      expect(machine.cat('/proc/slabinfo')).not.toContain('stress');
      expect(machine.cat('/proc/mempools').trimEnd().split('\n')).toHaveLength(1);
    }
    expect(machine.listenerCount('report')).toBe(0);
  });

  it('goes on without a task that is killed', async () => {
    const machine = await boot('x86_64-numa2');
    const faults = [{ kind: 'kill-task', task: 2, at: 0.2 }] as const;
    const result = await stress(machine, { workload: 'mempool', faults });
    expect(result.failure).toBeUndefined();
    if (result.verdict === 'panicked') {
      expect(result.panic?.message).toMatch(/task stress\/2:\d+: its thread died .* and held /);
      return;
    }
    expectPassed(result);
    expect(result.faults.map(({ outcome }) => outcome)).toEqual(['done']);
  });

  it('refuses a task that there is not, and fails when memory is not freed', async () => {
    const machine = await boot('tiny');
    await expect(stress(machine, { faults: [{ kind: 'kill-task', task: 4, at: 0 }] })).rejects.toThrow(
      'task 4: this run has tasks 0 to 3',
    );
    await expect(stress(machine, { tasks: 121 })).rejects.toThrow('121 tasks: must be from 1 to 120');
    const progress: StressProgress[] = [];
    const run = stress(machine, { seconds: 1, onProgress: (each) => progress.push(each) });
    await underWay(progress);
    await machine.cpu(0).run(TAMPER, 'leak');
    const { verdict, failure } = await run;
    expect([verdict, failure?.kind]).toEqual(['failed', 'objects']);
    expect(failure?.message).toMatch(
      /^the cache size-128 had \d+ objects in use before the run, and has \d+ now$/,
    );
  });

  it('fails when somebody writes into what he has freed', async () => {
    const machine = await boot('tiny');
    const progress: StressProgress[] = [];
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const run = stress(machine, { seconds: 30, onProgress: (each) => progress.push(each) });
    await underWay(progress);
    const writer = machine.spawn(TAMPER, 'useAfterFree', stop.buffer).result;
    const { verdict, failure } = await run;
    Atomics.store(stop, 0, 1);
    await writer;
    expect([verdict, failure?.kind]).toEqual(['failed', 'canary']);
    expect(failure?.message).toMatch(/canary broken: word \d+ of \d+ is 0xbad and not/);
  });
});
