import { beforeEach, describe, expect, test } from 'vitest';
import { TASK_UNINTERRUPTIBLE } from '../../../src/kernel/core/task-struct.js';
import { current } from '../../../src/kernel/core/tasks.js';
import { reportMutexes } from '../../../src/kernel/sched/exit.js';
import { leaveLines } from '../../../src/kernel/sched/leave-lines.js';
import { heldMutexes, MUTEX, mutexOwner } from '../../../src/kernel/sched/mutex.js';
import { joinLast, LINE_MUTEX, takeEntry } from '../../../src/kernel/sched/wait-line.js';
import { LoneTasks } from './lone-tasks.js';

const EINTR = 4;
const WAITERS = 1;

let m: LoneTasks;
let mutex: number;
beforeEach(() => {
  m = new LoneTasks();
  mutex = m.words(MUTEX.words);
  m.k.mutex_init(mutex);
});

/** The task of a CPU sleeps in line for the mutex. */
function waitsFor(cpu: number): void {
  const k = m.cpus[cpu];
  joinLast(k, mutex, takeEntry(k, mutex, LINE_MUTEX));
  Atomics.or(k.i32, mutex + MUTEX.at.owner, WAITERS);
  k.set_current_state(TASK_UNINTERRUPTIBLE);
}

test('one task has it at a time, and it knows which', () => {
  const [k, other] = m.cpus;
  expect([k.mutex_is_locked(mutex), mutexOwner(k, mutex)]).toEqual([false, 0]);
  k.mutex_lock(mutex);
  expect([k.mutex_is_locked(mutex), mutexOwner(k, mutex)]).toEqual([true, current(k)]);
  expect(other.mutex_trylock(mutex)).toBe(false);
  k.mutex_unlock(mutex);
  expect(other.mutex_trylock(mutex)).toBe(true);
  other.mutex_unlock(mutex);
  expect(k.mutex_lock_interruptible(mutex)).toBe(0);
});

test('a signal ends the wait, but is no reason not to take it', () => {
  const [k, other] = m.cpus;
  m.signal(1);
  expect(other.mutex_lock_interruptible(mutex)).toBe(0);
  other.mutex_unlock(mutex);
  k.mutex_lock(mutex);
  expect(other.mutex_lock_interruptible(mutex)).toBe(-EINTR);
  // Nobody is in line any more: it is given back the short way.
  expect(k.i32[mutex + MUTEX.at.owner]).toBe(current(k));
  k.mutex_unlock(mutex);
});

test('who gives it back wakes the first in line, and anybody may be quicker', () => {
  const [k, , , quick] = m.cpus;
  k.mutex_lock(mutex);
  waitsFor(2);
  waitsFor(1);
  k.mutex_unlock(mutex);
  expect(m.awake()).toEqual([0, 2, 3]);
  expect(quick.mutex_trylock(mutex)).toBe(true);
  quick.mutex_unlock(mutex);
  expect(m.awake()).toEqual([0, 2, 3]);
});

test('the place of a dead task is the next one’s, who is woken if the mutex is free', () => {
  const { k } = m;
  k.mutex_lock(mutex);
  waitsFor(2);
  waitsFor(1);
  k.mutex_unlock(mutex);
  leaveLines(k, current(m.cpus[2]));
  expect(m.awake()).toEqual([0, 1, 2, 3]);
  leaveLines(k, current(m.cpus[1]));
  expect(k.i32[mutex + MUTEX.at.owner]).toBe(0);
});

test('a task that ends with mutexes is reported, with each', () => {
  const { k } = m;
  const others = [0, 1].map(() => m.words(MUTEX.words));
  for (const other of others) k.mutex_init(other);
  for (const taken of [mutex, ...others]) k.mutex_lock(taken);
  k.mutex_unlock(others[0]);
  expect(heldMutexes(k, current(k))).toEqual([others[1], mutex]);
  reportMutexes(k, current(k), 'it ended');
  expect(m.reports).toHaveLength(2);
  expect(m.reports[1]).toContain(`it ended and has a mutex: ${k.nameOf(mutex)}`);
  k.mutex_unlock(mutex);
  expect(heldMutexes(k, current(k))).toEqual([]);
});

describe('misuse is a BUG:', () => {
  test('to take it twice', () => {
    m.k.mutex_lock(mutex);
    expect(() => m.k.mutex_lock(mutex)).toThrow(
      /^mutex deadlock: task swapper\/0:0 has it already: memory 0x/,
    );
    expect(m.reports[0]).toContain('Call Trace:');
    m.k.mutex_unlock(mutex);
  });

  test('to give back what another task has, or nobody', () => {
    const [k, other] = m.cpus;
    expect(() => k.mutex_unlock(mutex)).toThrow('mutex given back by task swapper/0:0, but nobody has it');
    k.mutex_lock(mutex);
    expect(() => other.mutex_unlock(mutex)).toThrow(
      'mutex given back by task swapper/1:0, but task swapper/0:0 has it',
    );
    k.mutex_unlock(mutex);
  });

  test('to use it in an interrupt', () => {
    const { k } = m;
    k.local_bh_disable();
    for (const use of [() => k.mutex_trylock(mutex), () => k.mutex_unlock(mutex)])
      expect(use).toThrow('mutex used in an interrupt');
    expect(() => k.mutex_lock(mutex)).toThrow('mutex used in an interrupt');
    k.local_bh_enable();
  });

  test('to use one that was not initialised', () => {
    const other = m.words(MUTEX.words);
    expect(() => m.k.mutex_lock(other)).toThrow('used before it was initialised');
    expect(() => m.k.mutex_unlock(other)).toThrow('used before it was initialised');
  });

  test('to let the console use it', () => {
    expect(() => m.k.as(m.cpus.length).mutex_trylock(mutex)).toThrow('mutex used by the console');
  });
});

test('to take it under a spinlock is reported, even if it is free', () => {
  const lock = m.words(2);
  m.k.spin_lock(lock);
  m.k.mutex_lock(mutex);
  m.k.mutex_unlock(mutex);
  m.k.spin_unlock(lock);
  expect(m.reports[0]).toMatch(/BUG: sleeping function called from invalid context at mutex\.[jt]s:\d/);
});
