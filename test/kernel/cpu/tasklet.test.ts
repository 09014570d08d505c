import { describe, expect, test } from 'vitest';
import { CPU_AREA } from '../../../src/kernel/core/cpu-area.js';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { TASKLET } from '../../../src/kernel/cpu/tasklet-struct.js';
import { recoverCpu, takeCpuDown } from '../../../src/kernel/hotplug.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { InterruptMachine, type Handler } from './interrupt-machine.js';

function tasklet(m: InterruptMachine, handler: Handler, data = 0): number {
  const address = m.memory();
  m.k.tasklet_init(address, m.symbol(handler), data);
  return address;
}

const consoleOf = (m: InterruptMachine): Kernel => m.k.as(m.k.i32[KERNEL.nr_cpus]);

describe('tasklets', () => {
  test('run once for several schedules, in softirq context, on the CPU of the first, with their data', () => {
    const m = new InterruptMachine();
    const t = tasklet(m, (k, data) => m.seen.push([k.cpu, data, k.in_softirq(), k.irqs_disabled()]), 7.5);
    m.cpus[1].local_bh_disable();
    m.cpus[1].tasklet_schedule(t);
    m.cpus[1].tasklet_schedule(t);
    m.cpus[2].tasklet_schedule(t);
    m.cpus[2].poll();
    expect(m.seen).toEqual([]);
    m.cpus[1].local_bh_enable();
    expect(m.seen).toEqual([[1, 7.5, true, false]]);
    m.cpus[2].tasklet_schedule(t);
    expect(m.seen[1]).toEqual([2, 7.5, true, false]);
  });

  test('run in their order, those of tasklet_hi_schedule first', () => {
    const m = new InterruptMachine();
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => tasklet(m, () => m.seen.push(name)));
    m.k.local_bh_disable();
    m.k.tasklet_schedule(a);
    m.k.tasklet_hi_schedule(b);
    m.k.tasklet_schedule(c);
    m.k.tasklet_hi_schedule(d);
    m.k.local_bh_enable();
    expect(m.seen).toEqual(['b', 'd', 'a', 'c']);
  });

  test('may schedule themselves', () => {
    const m = new InterruptMachine();
    let rounds = 0;
    const t = tasklet(m, (k) => {
      if (++rounds < 5) k.tasklet_schedule(t);
    });
    m.k.tasklet_schedule(t);
    expect(rounds).toBe(5);
  });

  test('do not run on a second CPU while they run on one, but do so afterwards', () => {
    const m = new InterruptMachine();
    let running = 0;
    const t = tasklet(m, (k) => {
      m.seen.push([k.cpu, ++running]);
      if (k.cpu === 0) {
        // It is not scheduled any more, so another CPU may; that finds it running.
        m.cpus[3].tasklet_schedule(t);
        m.cpus[3].poll();
      }
      running--;
    });
    m.k.tasklet_schedule(t);
    expect(m.seen).toEqual([[0, 1]]);
    m.cpus[3].poll();
    expect(m.seen).toEqual([
      [0, 1],
      [3, 1],
    ]);
  });

  test('that are disabled wait, and run on their CPU when they are enabled as often', () => {
    const m = new InterruptMachine();
    const t = tasklet(m, (k) => m.seen.push(k.cpu));
    m.k.tasklet_disable(t);
    m.k.tasklet_disable_nosync(t);
    m.cpus[2].tasklet_schedule(t);
    m.k.tasklet_enable(t);
    m.cpus[2].poll();
    expect(m.seen).toEqual([]);
    m.k.tasklet_enable(t);
    m.cpus[2].poll();
    expect(m.seen).toEqual([2]);
    expect(() => m.k.tasklet_enable(t)).toThrow(/not disabled/);
  });

  test('that are killed have run, and are not scheduled', () => {
    const m = new InterruptMachine();
    const t = tasklet(m, () => m.seen.push('run'));
    m.k.tasklet_kill(t);
    m.k.local_irq_disable();
    m.k.tasklet_schedule(t);
    m.k.local_irq_enable();
    m.k.tasklet_kill(t);
    expect(m.seen).toEqual(['run']);
    expect(m.k.i32[t + TASKLET.at.state]).toBe(0);
  });

  test('that wait for themselves are reported, and the machine stops', () => {
    const m = new InterruptMachine();
    const t = tasklet(m, (k) => k.tasklet_disable(t));
    expect(() => m.k.tasklet_schedule(t)).toThrow(/waits until it has ended itself/);
  });

  test('move to another CPU of the node when theirs goes away, in their order', () => {
    const m = new InterruptMachine();
    const gone = m.cpus[2];
    const [a, b] = ['a', 'b'].map((name) => tasklet(m, (k) => m.seen.push([k.cpu, name])));
    m.k.tasklet_disable(a);
    m.k.tasklet_disable(b);
    gone.tasklet_schedule(a);
    gone.tasklet_schedule(b);
    takeCpuDown(consoleOf(m), 2);
    m.k.tasklet_enable(a);
    m.k.tasklet_enable(b);
    for (const k of m.cpus) k.poll();
    expect(m.seen).toEqual([
      [3, 'a'],
      [3, 'b'],
    ]);
  });

  test('whose CPU died while they ran count as ended', () => {
    const m = new InterruptMachine();
    const t = tasklet(m, (k) => {
      if (k.cpu !== 1) m.seen.push(k.cpu);
      else throw new Error('the thread is gone');
    });
    expect(() => m.cpus[1].tasklet_schedule(t)).toThrow();
    expect(m.k.i32[t + TASKLET.at.run]).toBe(2);
    // What a panic left in the state of the machine is not what this is about.
    m.k.i32[KERNEL.system_state] = 1;
    recoverCpu(consoleOf(m), 1);
    m.k.tasklet_schedule(t);
    expect(m.seen).toEqual([0]);
    expect(m.k.i32[m.cpus[1].area + CPU_AREA.at.preempt_count]).toBe(0);
  });
});
