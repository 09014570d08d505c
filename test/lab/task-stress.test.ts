import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { StressFault } from '../../dist/src/lab/stress-fault.js';
import type { StressProgress } from '../../dist/src/lab/stress-result.js';
import { runTaskStress } from '../../dist/src/lab/task-stress.js';
import type { TaskStressOptions, TaskStressResult } from '../../dist/src/lab/task-stress-result.js';
import { Machine } from '../../dist/src/machine/machine.js';
import { useMachines } from '../support/machines.js';

const WORLD = new URL('../../dist/src/lab/task-stress-world.js', import.meta.url).href;
const TAMPER = new URL('../../dist/test/modules/stress-tamper.js', import.meta.url).href;

const { boot } = useMachines((...args) => Machine.boot(...args));

function stress(machine: Machine, options: Partial<TaskStressOptions> = {}): Promise<TaskStressResult> {
  return runTaskStress(machine, { tasks: 8, seconds: 1, seed: 1, ...options });
}

function expectPassed(result: TaskStressResult): void {
  expect(result.failure).toBeUndefined();
  expect(result.verdict).toBe('passed');
  expect(result.audit?.violations).toEqual([]);
}

/** Waits until the tasks of a run do what they are to do. */
async function underWay(machine: Machine): Promise<void> {
  for (;;) {
    const tasks = machine.tasks().filter(({ comm }) => comm.startsWith('stress/'));
    if (tasks.some(({ involuntarySwitches }) => involuntarySwitches > 0)) return;
    await sleep(5);
  }
}

describe('stress of tasks', () => {
  it('leaves exact counters, all pages and no task behind, again and again', async () => {
    const machine = await boot('x86_64-numa2');
    const progress: StressProgress[] = [];
    for (const onProgress of [() => undefined, (each: StressProgress) => progress.push(each)]) {
      const result = await stress(machine, { onProgress });
      expectPassed(result);
      expect(result.tasks).toBe(8);
      expect(result.pages?.after).toBe(result.pages?.before);
      for (const { name, least, most, counted } of result.counters)
        expect({ name, least, most }).toEqual({ name, least: counted, most: counted });
      const { operations, switches, interrupts } = result;
      for (const name of ['count', 'mutex', 'semaphore', 'baton'] as const)
        expect(operations[name]).toBeGreaterThan(0);
      expect(switches.voluntary).toBeGreaterThan(0);
      expect(switches.moves).toBeGreaterThan(0);
      expect(interrupts.served).toBeGreaterThan(0);
      expect(interrupts.served).toBeLessThanOrEqual(interrupts.raised);
      expect(machine.tasks().filter(({ state }) => state !== 'T')).toEqual([]);
    }
    expect(progress.at(-1)?.of).toBe(1);
    expect(machine.listenerCount('report')).toBe(0);
  });

  it('works with one CPU and one task', async () => {
    const machine = await boot('tiny', { nodes: [{ memory: '16M', cpus: 1 }] });
    expectPassed(await stress(machine, { tasks: 1, seconds: 0.5 }));
  });

  it('goes on without tasks that are killed', async () => {
    const machine = await boot('x86_64-numa2');
    const faults: StressFault[] = [
      { kind: 'kill-task', task: 3, at: 0.2 },
      { kind: 'kill-task', task: 6, at: 0.5 },
      { kind: 'kill-task', task: 6, at: 1.2 },
    ];
    const result = await stress(machine, { faults, seconds: 1.6 });
    expect(result.failure).toBeUndefined();
    if (result.verdict === 'panicked') {
      expect(result.panic?.message).toMatch(/task stress\/[36]:\d+: its thread died .* and held /);
      return;
    }
    expectPassed(result);
    expect(result.faults.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'refused']);
    expect(result.faults[2].detail).toBe('there is no task 6');
    for (const { least, most, counted } of result.counters) {
      expect(counted).toBeGreaterThanOrEqual(least);
      expect(counted).toBeLessThanOrEqual(most);
    }
  });

  it('fails when an increment is lost', async () => {
    const machine = await boot('tiny');
    const run = stress(machine, { seconds: 1.5 });
    await underWay(machine);
    await machine.cpu(0).run(TAMPER, 'loseIncrements', WORLD);
    const { verdict, failure } = await run;
    expect(verdict).toBe('failed');
    expect(failure?.kind).toBe('counter');
    expect(failure?.message).toMatch(/^get_cpu_var: -\d+ counted, must be \d+$/);
  });

  it('says which task hangs, and at what', async () => {
    const machine = await boot('tiny');
    // No task is that quick.
    const { verdict, failure } = await stress(machine, { seconds: 60, hangSeconds: 1e-6 });
    expect(verdict).toBe('failed');
    expect(failure?.kind).toBe('hang');
    expect(failure?.message).toContain('tasks that have made no progress for 0.000001 s: ');
    for (const name of ['stress/0', 'stress/7'])
      expect(failure?.tasks.find((line) => line.startsWith(`${name}:`))).toMatch(
        / [RSD]( runs)? on CPU#\d, .*, \d+ steps$/,
      );
  });
});
