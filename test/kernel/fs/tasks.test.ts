import { describe, expect, test } from 'vitest';
import { IRQ_TIMER } from '../../../src/kernel/core/cpu-area.js';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { TASK, TASK_UNINTERRUPTIBLE } from '../../../src/kernel/core/task-struct.js';
import { raiseInterrupt } from '../../../src/kernel/cpu/raise-interrupt.js';
import { fixedPoint } from '../../../src/kernel/fs/proc/loadavg.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { bootInProcess, type LoneMachine } from '../../support/boot-in-process.js';
import { incomingTask, queuedTask, sleepingTask } from '../../support/tasks.js';

/** A clock tick on CPU 0 at a time in seconds. */
function tickAt({ k, platform }: LoneMachine, seconds: number): void {
  platform.time = seconds * 1000;
  raiseInterrupt(k, 0, IRQ_TIMER);
  k.poll();
}

/** The averages of /proc/loadavg. */
function averages(k: Kernel): string[] {
  return k.cat('/proc/loadavg').split(' ').slice(0, 3);
}

/** What the formula of the load average gives after so many samples of a number of tasks. */
function byFormula(active: number, samples: number): string[] {
  return [60, 300, 900].map((seconds) => (active * (1 - Math.exp(-5 / seconds) ** samples)).toFixed(2));
}

/** Whether two numbers of two digits behind the point differ by rounding only. */
function areClose(a: readonly string[], b: readonly string[]): boolean {
  return a.every((text, i) => Math.abs(Number(text) - Number(b[i])) <= 0.02);
}

describe('/proc/loadavg', () => {
  test('has its numbers in the order of Linux', () => {
    const { k, cpus } = bootInProcess();
    queuedTask(cpus[1], 'one');
    incomingTask(k, 'two', 2);
    sleepingTask(k, 'three');
    // The tasks of four CPUs, and three more.
    expect(k.cat('/proc/loadavg')).toBe('0.00 0.00 0.00 2/7 7\n');
  });

  test('averages samples of five seconds, taken at ticks', () => {
    const machine = bootInProcess();
    const { k, cpus } = machine;
    for (let i = 0; i < 3; i++) queuedTask(cpus[1], `task${i}`);
    for (let tick = 1; tick <= 600; tick++) tickAt(machine, tick / 10);
    // 60 seconds: twelve samples.
    expect(averages(k)).toSatisfy((text: string[]) => areClose(text, byFormula(3, 12)));
  });

  test('counts who sleeps uninterruptibly, but not who has never run', () => {
    const machine = bootInProcess();
    const { k } = machine;
    const [blocked, fresh] = [sleepingTask(k, 'blocked'), sleepingTask(k, 'fresh')];
    expect(k.i32[fresh + TASK.at.state]).toBe(TASK_UNINTERRUPTIBLE);
    k.i32[blocked + TASK.at.nvcsw] = 1;
    for (let sample = 1; sample <= 12; sample++) tickAt(machine, 5 * sample);
    expect(averages(k)).toSatisfy((text: string[]) => areClose(text, byFormula(1, 12)));
  });

  test('takes the samples of an idle time as those of an idle machine', () => {
    const machine = bootInProcess();
    const { k, cpus } = machine;
    for (let i = 0; i < 4; i++) queuedTask(cpus[1], `task${i}`);
    tickAt(machine, 5);
    const before = averages(k).map(Number);
    // No CPU has had a tick for ten minutes; now there are tasks again.
    tickAt(machine, 605);
    const expected = [60, 300, 900].map((seconds, i) => {
      const idle = before[i] * Math.exp(-600 / seconds);
      return (idle + (4 - idle) * (1 - Math.exp(-5 / seconds))).toFixed(2);
    });
    expect(averages(k)).toSatisfy((text: string[]) => areClose(text, expected));
  });

  test.each([
    [0, '0.00'],
    [2048, '1.00'],
    [1024, '0.50'],
    [2037, '0.99'],
    [2038, '1.00'],
    [12 * 2048 + 20, '12.01'],
  ])('prints %i as %s', (average, text) => {
    expect(fixedPoint(average)).toBe(text);
  });
});

test('/proc/stat counts interrupts, switches and tasks', () => {
  const { k, cpus } = bootInProcess();
  k.i32[KERNEL.total_forks] = 0;
  queuedTask(cpus[1], 'one');
  sleepingTask(k, 'two');
  expect(k.cat('/proc/stat')).toBe(
    `intr 0${' 0'.repeat(64)}\nctxt 0\nprocesses 2\nprocs_running 1\nprocs_blocked 0\n`,
  );
});
