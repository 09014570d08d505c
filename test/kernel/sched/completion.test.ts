import { beforeEach, expect, test } from 'vitest';
import { COMPLETION } from '../../../src/kernel/sched/completion.js';
import { LoneTasks } from './lone-tasks.js';

const ERESTARTSYS = 512;

let m: LoneTasks;
let x: number;
beforeEach(() => {
  m = new LoneTasks();
  x = m.words(COMPLETION.words);
  m.k.init_completion(x);
});

test('each complete() lets one go on, also one that comes later', () => {
  const { k } = m;
  expect([k.completion_done(x), k.try_wait_for_completion(x)]).toEqual([false, false]);
  k.complete(x);
  k.complete(x);
  expect(k.completion_done(x)).toBe(true);
  k.wait_for_completion(x);
  expect(k.wait_for_completion_interruptible(x)).toBe(0);
  expect([k.completion_done(x), k.try_wait_for_completion(x)]).toEqual([false, false]);
});

test('complete_all() lets everybody go on, until INIT_COMPLETION', () => {
  const { k } = m;
  k.complete_all(x);
  k.complete(x);
  for (let i = 0; i < 5; i++) k.wait_for_completion(x);
  expect(k.try_wait_for_completion(x)).toBe(true);
  k.INIT_COMPLETION(x);
  expect(k.try_wait_for_completion(x)).toBe(false);
});

test('a timeout says what is left, at least 1 if it was done', () => {
  const { k } = m;
  k.complete_all(x);
  expect(k.wait_for_completion_timeout(x, 9)).toBe(9);
  expect(k.wait_for_completion_timeout(x, 0)).toBe(1);
  expect(k.wait_for_completion_interruptible_timeout(x, 9)).toBe(9);
  k.INIT_COMPLETION(x);
  expect(k.wait_for_completion_timeout(x, 0)).toBe(0);
  expect(k.wait_for_completion_interruptible_timeout(x, 0)).toBe(0);
  expect(k.waitqueue_active(x)).toBe(false);
});

test('a signal ends an interruptible wait, unless it is done', () => {
  const { k } = m;
  m.signal(0);
  expect(k.wait_for_completion_interruptible(x)).toBe(-ERESTARTSYS);
  expect(k.wait_for_completion_interruptible_timeout(x, 9)).toBe(-ERESTARTSYS);
  expect(k.waitqueue_active(x)).toBe(false);
  k.complete(x);
  expect(k.wait_for_completion_interruptible(x)).toBe(0);
});

test('interrupts may complete, and try', () => {
  const { k } = m;
  k.local_irq_disable();
  k.complete(x);
  expect(k.try_wait_for_completion(x)).toBe(true);
  expect(k.irqs_disabled()).toBe(true);
  expect(m.reports).toEqual([]);
});
