import { beforeAll, describe, expect, test } from 'vitest';
import { add_preempt_count, HARDIRQ_OFFSET, SOFTIRQ_OFFSET } from '../../../src/kernel/core/preempt.js';
import { TASK } from '../../../src/kernel/core/task-struct.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { GFP_ATOMIC, GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { prepareTask } from '../../../src/kernel/sched/kthread.js';
import { makeContextIdle } from '../../../src/kernel/hotplug.js';
import { LoneTasks } from './lone-tasks.js';

/** Functions that may sleep, called where they do not have to: they say so all the same. */

interface Lines {
  readonly mutex: number;
  readonly semaphore: number;
  readonly completion: number;
  readonly queue: number;
  readonly task: number;
}

const FUNCTIONS: [string, string, (k: Kernel, lines: Lines) => unknown][] = [
  ['alloc_pages', 'page-alloc', (k) => k.alloc_pages(GFP_KERNEL, 0)],
  ['__get_free_pages', 'page-alloc', (k) => k.__get_free_pages(GFP_KERNEL, 1)],
  ['alloc_percpu', 'percpu-alloc', (k) => k.__alloc_percpu(8, 8)],
  ['mutex_lock', 'mutex', (k, { mutex }) => k.mutex_lock(mutex)],
  ['mutex_lock_interruptible', 'mutex', (k, { mutex }) => k.mutex_lock_interruptible(mutex)],
  ['down', 'semaphore', (k, { semaphore }) => k.down(semaphore)],
  ['down_interruptible', 'semaphore', (k, { semaphore }) => k.down_interruptible(semaphore)],
  ['down_timeout', 'semaphore', (k, { semaphore }) => k.down_timeout(semaphore, 9)],
  ['wait_event', 'wait-event', (k, { queue }) => k.wait_event(queue, () => true)],
  ['wait_event_timeout', 'wait-event', (k, { queue }) => k.wait_event_timeout(queue, () => true, 9)],
  ['wait_event_interruptible', 'wait-event', (k, { queue }) => k.wait_event_interruptible(queue, () => true)],
  ['wait_for_completion', 'completion', (k, { completion }) => k.wait_for_completion(completion)],
  ['msleep', 'timeout', (k) => k.msleep(1)],
  ['msleep_interruptible', 'timeout', (k) => k.msleep_interruptible(1)],
  ['ssleep', 'timeout', (k) => k.ssleep(1)],
  ['kthread_create', 'kthread', (k) => k.kthread_create(0, 0, 'never')],
  ['kthread_stop', 'kthread', (k, { task }) => k.kthread_stop(task)],
  ['set_cpus_allowed', 'affinity', (k, { task }) => k.set_cpus_allowed(task, [0])],
];

const CONTEXTS: [string, (k: Kernel, word: number) => void, RegExp][] = [
  ['with preemption disabled', (k) => k.preempt_disable(), /in_atomic\(\):1, irqs_disabled\(\):0\n.*process/],
  [
    'under a spinlock',
    (k, word) => k.spin_lock(word),
    /in_atomic\(\):1, irqs_disabled\(\):0\n.*process.*\nlocks held: mem/,
  ],
  ['with interrupts off', (k) => k.local_irq_disable(), /in_atomic\(\):0, irqs_disabled\(\):1\n.*process/],
  [
    'in a softirq',
    (k) => add_preempt_count(k, SOFTIRQ_OFFSET),
    /in_atomic\(\):1, irqs_disabled\(\):0\n.*softirq/,
  ],
  [
    'in an interrupt',
    (k) => {
      k.local_irq_disable();
      add_preempt_count(k, HARDIRQ_OFFSET);
    },
    /in_atomic\(\):1, irqs_disabled\(\):1\n.*hardirq/,
  ],
];

let m: LoneTasks;
let lines: Lines;

function setUp(machine: LoneTasks): void {
  m = machine;
  const { k } = m;
  lines = {
    mutex: m.words(16),
    semaphore: m.words(16),
    completion: m.words(16),
    queue: m.words(16),
    task: prepareTask(k, 'ended'),
  };
  k.mutex_init(lines.mutex);
  k.sema_init(lines.semaphore, 1);
  k.init_completion(lines.completion);
  k.complete_all(lines.completion);
  k.init_waitqueue_head(lines.queue);
  k.i32[lines.task + TASK.at.exited] = 1;
  k.get_task_struct(lines.task);
}

/** Calls a function where it must not be called: what it throws then is its own affair. */
function call(action: () => unknown): void {
  try {
    action();
  } catch {
    // It could not sleep.
  }
}

const isReport = (text: string): boolean =>
  text.includes('BUG: sleeping function called from invalid context');

beforeAll(() => {
  setUp(new LoneTasks());
});

describe.each(CONTEXTS)('%s', (_, enter, text) => {
  test.each(FUNCTIONS)('%s is reported', (_, file, sleeps) => {
    const { k, reports } = m;
    const lock = m.words(2);
    k.spin_lock_init(lock);
    reports.length = 0;
    // Reports come once a second.
    m.machine.platform.time += 2000;
    enter(k, lock);
    call(() => sleeps(k, lines));
    makeContextIdle(k);
    const found = reports.filter(isReport);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(text);
    expect(found[0]).toMatch(new RegExp(`invalid context at ${file}\\.[jt]s:\\d+\n`));
  });
});

test.each(FUNCTIONS)('%s may be called elsewhere', (_, _file, sleeps) => {
  const { k, reports } = m;
  reports.length = 0;
  m.machine.platform.time += 2000;
  call(() => sleeps(k, lines));
  expect(reports.filter(isReport)).toEqual([]);
});

test('an allocation that does not sleep may be made anywhere', () => {
  const { k, reports } = m;
  reports.length = 0;
  m.machine.platform.time += 2000;
  k.preempt_disable();
  expect(k.alloc_pages(GFP_ATOMIC, 0)).toBeGreaterThan(0);
  k.preempt_enable();
  expect(reports).toEqual([]);
});

test('a sleep that is refused leaves no timer behind', () => {
  const { k } = m;
  k.preempt_disable();
  expect(() => k.msleep(1)).toThrow('scheduling while atomic');
  k.preempt_enable();
  expect(k.i32[k.current() + TASK.at.timeout]).toBe(0);
});
