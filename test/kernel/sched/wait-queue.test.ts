import { beforeEach, describe, expect, test } from 'vitest';
import {
  TASK_INTERRUPTIBLE,
  TASK_RUNNING,
  TASK_UNINTERRUPTIBLE,
} from '../../../src/kernel/core/task-struct.js';
import { current } from '../../../src/kernel/core/tasks.js';
import { leaveLines } from '../../../src/kernel/sched/leave-lines.js';
import { WAIT_QUEUE_HEAD } from '../../../src/kernel/sched/wait-line.js';
import { LoneTasks } from './lone-tasks.js';

const ERESTARTSYS = 512;

let m: LoneTasks;
let q: number;
beforeEach(() => {
  m = new LoneTasks();
  q = m.words(WAIT_QUEUE_HEAD.words);
  m.k.init_waitqueue_head(q);
});

/** The task of a CPU is about to sleep; its entry. */
function sleepsOn(cpu: number, exclusive = false, state = TASK_UNINTERRUPTIBLE): number {
  const k = m.cpus[cpu];
  const wait = k.DEFINE_WAIT();
  if (exclusive) k.prepare_to_wait_exclusive(q, wait, state);
  else k.prepare_to_wait(q, wait, state);
  return wait;
}

describe('wake-ups', () => {
  test('wake all who are not exclusive, and of the others the one that has waited longest', () => {
    sleepsOn(2, true);
    sleepsOn(1, true);
    sleepsOn(3);
    m.k.wake_up(q);
    expect(m.awake()).toEqual([0, 2, 3]);
    m.k.wake_up(q);
    expect(m.awake()).toEqual([0, 1, 2, 3]);
    expect(m.k.waitqueue_active(q)).toBe(false);
  });

  test('wake as many exclusive ones as they say, or all', () => {
    for (const cpu of [3, 2, 1, 0]) sleepsOn(cpu, true);
    m.k.wake_up_nr(q, 2);
    expect(m.awake()).toEqual([2, 3]);
    m.k.wake_up_all(q);
    expect(m.awake()).toEqual([0, 1, 2, 3]);
  });

  test('leave those alone whose sleep is of another kind', () => {
    sleepsOn(1);
    sleepsOn(2, false, TASK_INTERRUPTIBLE);
    sleepsOn(3, true);
    m.k.wake_up_interruptible(q);
    expect(m.awake()).toEqual([0, 2]);
    m.k.wake_up_interruptible_all(q);
    m.k.wake_up_interruptible_nr(q, 3);
    expect(m.awake()).toEqual([0, 2]);
    m.k.wake_up_all(q);
    expect(m.awake()).toEqual([0, 1, 2, 3]);
  });

  test('pass over an exclusive one who is awake already', () => {
    const first = m.cpus[1].DECLARE_WAITQUEUE();
    m.cpus[1].add_wait_queue_exclusive(q, first);
    sleepsOn(2, true);
    m.k.wake_up(q);
    expect(m.awake()).toContain(2);
  });

  test('take an entry of DEFINE_WAIT out of the queue, one of DECLARE_WAITQUEUE not', () => {
    const [k, other] = m.cpus;
    const auto = sleepsOn(0);
    k.wake_up(q);
    expect(k.waitqueue_active(q)).toBe(false);
    k.finish_wait(q, auto);
    const stays = other.DECLARE_WAITQUEUE();
    other.add_wait_queue(q, stays);
    other.set_current_state(TASK_INTERRUPTIBLE);
    k.wake_up(q);
    expect(m.state(1)).toBe(TASK_RUNNING);
    expect(k.waitqueue_active(q)).toBe(true);
    other.remove_wait_queue(q, stays);
    expect(k.waitqueue_active(q)).toBe(false);
  });

  test('come from any context', () => {
    sleepsOn(1);
    m.k.local_irq_disable();
    m.k.wake_up(q);
    expect(m.k.irqs_disabled()).toBe(true);
    m.k.local_irq_enable();
    expect(m.awake()).toContain(1);
    expect(m.reports).toEqual([]);
  });
});

describe('a turn', () => {
  test('that an exclusive waiter does not take is the next one’s', () => {
    const first = sleepsOn(1, true);
    sleepsOn(2, true);
    m.k.wake_up(q);
    m.cpus[1].abort_exclusive_wait(q, first);
    expect(m.awake()).toEqual([0, 1, 2, 3]);
  });

  test('is nobody’s if the waiter goes before it came', () => {
    const first = sleepsOn(1, true);
    sleepsOn(2, true);
    m.cpus[1].abort_exclusive_wait(q, first);
    expect(m.awake()).toEqual([0, 1, 3]);
    m.k.wake_up(q);
    expect(m.awake()).toEqual([0, 1, 2, 3]);
  });

  test('of a task that is dead is given on, and its entries are free', () => {
    sleepsOn(1, true);
    sleepsOn(2, true);
    sleepsOn(3);
    m.k.wake_up(q);
    expect(m.awake()).toEqual([0, 1, 3]);
    expect(leaveLines(m.k, current(m.cpus[1]))).toBe(1);
    expect(m.awake()).toEqual([0, 1, 2, 3]);
    expect(leaveLines(m.k, current(m.cpus[1]))).toBe(0);
    for (let i = 0; i < 4; i++) m.cpus[1].DEFINE_WAIT();
  });

  test('does not come to a dead task any more', () => {
    sleepsOn(1, true);
    sleepsOn(2, true);
    leaveLines(m.k, current(m.cpus[1]));
    m.k.wake_up(q);
    expect(m.state(2)).toBe(TASK_RUNNING);
    expect(m.state(1)).toBe(TASK_UNINTERRUPTIBLE);
  });
});

describe('wait_event', () => {
  test('does not sleep when there is nothing to wait for', () => {
    const { k } = m;
    const yes = (): boolean => true;
    k.wait_event(q, yes);
    expect(k.wait_event_timeout(q, yes, 5)).toBe(5);
    expect(k.wait_event_timeout(q, yes, 0)).toBe(1);
    expect(k.wait_event_interruptible(q, yes)).toBe(0);
    expect(k.wait_event_interruptible_timeout(q, yes, 7)).toBe(7);
    expect(k.wait_event_interruptible_exclusive(q, yes)).toBe(0);
  });

  test('looks again when it is in line, and does not sleep then either', () => {
    const { k } = m;
    let looks = 0;
    const later = (): boolean => {
      if (looks++ > 0) expect(k.waitqueue_active(q)).toBe(true);
      return looks > 1;
    };
    k.wait_event(q, later);
    expect([looks, k.waitqueue_active(q), m.state(0)]).toEqual([2, false, TASK_RUNNING]);
  });

  test('ends by a signal if it is interruptible', () => {
    const { k } = m;
    m.signal(0);
    const no = (): boolean => false;
    expect(k.wait_event_interruptible(q, no)).toBe(-ERESTARTSYS);
    expect(k.wait_event_interruptible_timeout(q, no, 5)).toBe(-ERESTARTSYS);
    expect(k.wait_event_interruptible_exclusive(q, no)).toBe(-ERESTARTSYS);
    expect([k.waitqueue_active(q), m.state(0)]).toEqual([false, TASK_RUNNING]);
  });

  test('without time looks, and says that there was none', () => {
    expect(m.k.wait_event_timeout(q, () => false, 0)).toBe(0);
    expect(m.k.wait_event_interruptible_timeout(q, () => false, 0)).toBe(0);
  });

  test('is over when its condition throws', () => {
    let looks = 0;
    const bad = (): boolean => {
      if (looks++ > 0) throw new Error('no such thing');
      return false;
    };
    expect(() => m.k.wait_event(q, bad)).toThrow('no such thing');
    expect([m.k.waitqueue_active(q), m.state(0)]).toEqual([false, TASK_RUNNING]);
    expect(leaveLines(m.k, current(m.k))).toBe(0);
  });

  test('is reported where nobody may sleep, even if it need not', () => {
    m.k.preempt_disable();
    m.k.wait_event(q, () => true);
    m.k.preempt_enable();
    expect(m.reports).toHaveLength(1);
    expect(m.reports[0]).toMatch(
      /BUG: sleeping function called from invalid context at wait-event\.[jt]s:\d/,
    );
  });
});

describe('misuse is a BUG:', () => {
  test('more lines than a task has entries', () => {
    for (let i = 0; i < 4; i++) m.k.DEFINE_WAIT();
    expect(() => m.k.DEFINE_WAIT()).toThrow('a task waits in more than 4 lines at once');
  });

  test('an entry in two queues', () => {
    const other = m.words(WAIT_QUEUE_HEAD.words);
    m.k.init_waitqueue_head(other);
    const wait = sleepsOn(0);
    expect(() => m.k.prepare_to_wait(other, wait, TASK_INTERRUPTIBLE)).toThrow('is in another line');
    expect(() => m.k.finish_wait(other, wait)).toThrow('is in another line');
    m.k.finish_wait(q, wait);
    m.k.prepare_to_wait(other, wait, TASK_INTERRUPTIBLE);
    m.k.finish_wait(other, wait);
  });

  test('an entry of another task, or none', () => {
    const wait = sleepsOn(1);
    for (const entry of [wait, q, 0, current(m.k)])
      expect(() => m.k.add_wait_queue(q, entry)).toThrow('no wait queue entry of the running task');
  });

  test('a queue that was not initialised', () => {
    const other = m.words(WAIT_QUEUE_HEAD.words);
    expect(() => m.k.wake_up(other)).toThrow('used before it was initialised');
    expect(m.k.preempt_count()).toBe(0);
  });

  test('a wait of the console', () => {
    const console = m.k.as(m.cpus.length);
    expect(() => console.wait_event(q, () => false)).toThrow('the console is no task');
  });
});
