import { beforeEach, expect, test } from 'vitest';
import { TASK_UNINTERRUPTIBLE } from '../../../src/kernel/core/task-struct.js';
import { current } from '../../../src/kernel/core/tasks.js';
import { leaveLines } from '../../../src/kernel/sched/leave-lines.js';
import { SEMAPHORE } from '../../../src/kernel/sched/semaphore.js';
import { joinLast, LINE_SEMAPHORE, takeEntry } from '../../../src/kernel/sched/wait-line.js';
import { LoneTasks } from './lone-tasks.js';

const EINTR = 4;
const ETIME = 62;

let m: LoneTasks;
let sem: number;
beforeEach(() => {
  m = new LoneTasks();
  sem = m.words(SEMAPHORE.words);
});

function count(): number {
  return m.k.i32[sem + SEMAPHORE.at.count];
}

/** The task of a CPU sleeps in line for the semaphore. */
function waitsFor(cpu: number): void {
  const k = m.cpus[cpu];
  joinLast(k, sem, takeEntry(k, sem, LINE_SEMAPHORE));
  k.set_current_state(TASK_UNINTERRUPTIBLE);
}

test('as many have it as it says, and anybody may give it back', () => {
  const [k, other] = m.cpus;
  k.sema_init(sem, 3);
  k.down(sem);
  expect([k.down_interruptible(sem), other.down_timeout(sem, 0)]).toEqual([0, 0]);
  expect(other.down_trylock(sem)).toBe(1);
  for (let i = 0; i < 3; i++) other.up(sem);
  expect(count()).toBe(3);
});

test('init_MUTEX makes one that is free, init_MUTEX_LOCKED one that is not', () => {
  m.k.init_MUTEX(sem);
  expect([m.k.down_trylock(sem), m.k.down_trylock(sem)]).toEqual([0, 1]);
  m.k.init_MUTEX_LOCKED(sem);
  expect(m.k.down_trylock(sem)).toBe(1);
  m.k.up(sem);
  expect(m.k.down_trylock(sem)).toBe(0);
});

test('a signal or the time ends the wait', () => {
  const { k } = m;
  k.init_MUTEX_LOCKED(sem);
  expect(k.down_timeout(sem, 0)).toBe(-ETIME);
  m.signal(0);
  expect(k.down_interruptible(sem)).toBe(-EINTR);
  expect([k.waitqueue_active(sem), count()]).toEqual([false, 0]);
});

test('up hands it to the one that has waited longest: nobody can be quicker', () => {
  const { k } = m;
  k.init_MUTEX_LOCKED(sem);
  waitsFor(2);
  waitsFor(1);
  k.local_irq_disable();
  k.up(sem);
  k.local_irq_enable();
  expect(m.awake()).toEqual([0, 2, 3]);
  expect([k.down_trylock(sem), count()]).toEqual([1, 0]);
});

test('what was handed to a task that died before it went on is given on', () => {
  const { k } = m;
  k.init_MUTEX_LOCKED(sem);
  for (const cpu of [3, 2, 1]) waitsFor(cpu);
  k.up(sem);
  leaveLines(k, current(m.cpus[2]));
  expect(m.awake()).toEqual([0, 3]);
  leaveLines(k, current(m.cpus[3]));
  expect(m.awake()).toEqual([0, 1, 3]);
  leaveLines(k, current(m.cpus[1]));
  expect(count()).toBe(1);
  expect(k.down_trylock(sem)).toBe(0);
});

test('down is reported where nobody may sleep, down_trylock is not', () => {
  const { k } = m;
  k.sema_init(sem, 2);
  k.local_irq_disable();
  expect(k.down_trylock(sem)).toBe(0);
  expect(m.reports).toEqual([]);
  k.down(sem);
  expect(m.reports[0]).toMatch(/BUG: sleeping function called from invalid context at semaphore\.[jt]s:\d/);
  expect(k.irqs_disabled()).toBe(true);
});
