import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { StressFindings } from '../../src/lab/stress-findings.js';
import type { Kill } from '../../src/lab/stress-reports.js';
import type { Machine } from '../../src/machine/machine.js';

const PANIC = 'CPU#1: its thread died (killed) and held lock';

/** A run on a machine of which only what it says and how it ends is there. */
function findings(kills: readonly Kill[] = []) {
  const machine = Object.assign(new EventEmitter(), {
    panicked: false,
    audit: () => Promise.reject(new Error('halted')),
  });
  const stops: number[] = [];
  const found = new StressFindings<'canary', { readonly cpu: number }>(
    machine as unknown as Machine,
    () => kills,
    (cpu) => {
      stops.push(cpu);
      return { cpu };
    },
  );
  return { found, machine, stops };
}

it('keeps the first failure, which stops the run once', async () => {
  const { found, stops } = findings();
  expect([found.verdict, found.isOver]).toEqual(['passed', false]);
  found.fail('canary', 'broken', 'a report', 3);
  found.fail('pages', 'lost');
  await found.pause(3600);
  expect(await found.audit()).toBeUndefined();
  expect(found.failure).toEqual({ kind: 'canary', message: 'broken', cpu: 3, report: 'a report' });
  expect([found.verdict, found.isOver, found.isMachineLost, stops]).toEqual(['failed', true, false, [3]]);
});

it.each([
  [1999, 'panicked', undefined],
  [2001, 'failed', `${PANIC}, 2001 ms after the kill: the limit is 2000 ms`],
])('lets the machine panic by a kill, but not %d ms later', (milliseconds, verdict, failure) => {
  const { found } = findings([{ victim: 'CPU#1', milliseconds }]);
  found.panicked(PANIC, 'a report');
  found.panicked('another one');
  expect([found.verdict, found.isOver, found.failure?.message]).toEqual([verdict, true, failure]);
  if (verdict === 'panicked')
    expect(found.panic).toEqual({ message: PANIC, report: 'a report', milliseconds });
});

it('does not forgive a panic that no kill explains', () => {
  const { found } = findings([{ victim: 'CPU#0', milliseconds: 1 }]);
  found.panicked(PANIC);
  expect(found.failure?.kind).toBe('panic');
});

it('listens to the kernel: some of its reports are no failure', async () => {
  const { found, machine } = findings();
  await found.listen(() => {
    machine.emit('report', 'BUG: spinlock lockup on CPU#1');
    expect(found.verdict).toBe('passed');
    machine.emit('report', 'BUG: Bad page state\npfn 7');
    return Promise.resolve();
  });
  expect(machine.listenerCount('report')).toBe(0);
  expect(found.notices).toEqual(['BUG: spinlock lockup on CPU#1']);
  expect(found.failure).toMatchObject({
    kind: 'report',
    message: 'BUG: Bad page state',
    report: 'BUG: Bad page state\npfn 7',
  });
});

it('waits for nothing when something hangs, and takes no error of a panicked machine for another failure', async () => {
  const { found, machine } = findings();
  machine.panicked = true;
  await found.attempt('exception', 'the end', () => Promise.reject(new Error('panicked')));
  expect(found.failure).toBeUndefined();
  machine.panicked = false;
  await found.attempt('hang', 'the end of the tasks', () => Promise.reject(new Error('late')));
  expect(found.failure?.message).toBe('the end of the tasks: late');
  let tried = false;
  await found.attempt('exception', 'more', () => {
    tried = true;
    return Promise.resolve();
  });
  expect([tried, found.isMachineLost]).toEqual([false, true]);
});
