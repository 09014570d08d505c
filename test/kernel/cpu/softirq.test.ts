import { describe, expect, test } from 'vitest';
import { CPU_AREA, IRQ_SOFTIRQ } from '../../../src/kernel/core/cpu-area.js';
import { MAX_SOFTIRQ_RESTART, NET_RX_SOFTIRQ, NET_TX_SOFTIRQ } from '../../../src/kernel/cpu/softirq.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { InterruptMachine } from './interrupt-machine.js';

const pending = (k: Kernel): number => k.i32[k.area + CPU_AREA.at.pending];

/** A machine whose line 5 raises NET_RX. */
function withNetwork(action: (k: Kernel) => void): InterruptMachine {
  const m = new InterruptMachine();
  m.k.open_softirq(
    NET_RX_SOFTIRQ,
    m.symbol((k) => action(k)),
  );
  const raise = m.symbol((k) => {
    k.raise_softirq_irqoff(NET_RX_SOFTIRQ);
    m.seen.push('hardirq');
    return 1;
  });
  expect(m.k.request_irq(5, raise, 0, 'eth0', 0)).toBe(0);
  return m;
}

describe('softirqs', () => {
  test('run after the interrupt that raised them, in softirq context with interrupts on, on its CPU', () => {
    const m = withNetwork((k) =>
      m.seen.push([k.cpu, k.in_softirq(), k.in_irq(), k.irqs_disabled(), k.preempt_count()]),
    );
    m.k.raise_irq(2, 5);
    m.cpus[2].poll();
    expect(m.seen).toEqual(['hardirq', [2, true, false, false, 0x100]]);
    expect([m.cpus[2].preempt_count(), m.cpus[2].irqs_disabled()]).toEqual([0, false]);
  });

  test('get the data that they were opened with', () => {
    const m = new InterruptMachine();
    m.k.open_softirq(
      NET_TX_SOFTIRQ,
      m.symbol((_, data) => m.seen.push(data)),
      -1099493314560,
    );
    m.k.raise_softirq(NET_TX_SOFTIRQ);
    expect(m.seen).toEqual([-1099493314560]);
  });

  test('wait while bottom halves are disabled, and run in the last local_bh_enable', () => {
    const m = withNetwork(() => m.seen.push('softirq'));
    m.k.local_bh_disable();
    m.k.local_bh_disable();
    m.k.raise_irq(0, 5);
    m.k.poll();
    m.k.local_bh_enable();
    expect(m.seen).toEqual(['hardirq']);
    m.k.local_bh_enable();
    expect(m.seen).toEqual(['hardirq', 'softirq']);
  });

  test('wait while bottom halves are disabled by spin_lock_bh, not by spin_lock', () => {
    const m = withNetwork(() => m.seen.push('softirq'));
    const lock = m.memory();
    m.k.spin_lock_bh(lock);
    m.k.raise_irq(0, 5);
    m.k.poll();
    expect(m.seen).toEqual(['hardirq']);
    m.k.spin_unlock_bh(lock);
    expect(m.seen).toEqual(['hardirq', 'softirq']);
    m.k.spin_lock(lock);
    m.k.raise_irq(0, 5);
    m.k.poll();
    expect(m.seen).toEqual(['hardirq', 'softirq', 'hardirq', 'softirq']);
    m.k.spin_unlock(lock);
  });

  test('are interrupted, but do not nest', () => {
    let depth = 0;
    const m = withNetwork((k) => {
      m.seen.push(`begin ${++depth}`);
      if (m.seen.length < 5) k.raise_irq(k.cpu, 5);
      k.poll();
      m.seen.push(`end ${depth--}`);
    });
    m.k.raise_irq(0, 5);
    m.k.poll();
    expect(m.seen).toEqual(['hardirq', 'begin 1', 'hardirq', 'end 1', 'begin 1', 'end 1']);
  });

  test('run in the order of their numbers', () => {
    const m = new InterruptMachine();
    for (const nr of [9, NET_TX_SOFTIRQ, NET_RX_SOFTIRQ]) m.k.open_softirq(nr, m.noting(nr));
    m.k.local_bh_disable();
    for (const nr of [9, NET_RX_SOFTIRQ, NET_TX_SOFTIRQ]) m.k.raise_softirq(nr);
    m.k.local_bh_enable();
    expect(m.seen).toEqual([NET_TX_SOFTIRQ, NET_RX_SOFTIRQ, 9]);
  });

  test('that raise themselves let the interrupted code go on after a bound, and go on at the next poll', () => {
    let rounds = 0;
    const m = withNetwork((k) => {
      if (++rounds < 25) k.raise_softirq(NET_RX_SOFTIRQ);
    });
    m.k.raise_irq(0, 5);
    m.k.poll();
    expect([rounds, pending(m.k)]).toEqual([MAX_SOFTIRQ_RESTART, IRQ_SOFTIRQ]);
    m.k.poll();
    expect([rounds, pending(m.k)]).toEqual([2 * MAX_SOFTIRQ_RESTART, IRQ_SOFTIRQ]);
    m.k.poll();
    expect([rounds, pending(m.k)]).toEqual([25, 0]);
  });

  test('raised with interrupts off run when they are on again', () => {
    const m = withNetwork(() => m.seen.push('softirq'));
    const flags = m.k.local_irq_save();
    m.k.raise_softirq(NET_RX_SOFTIRQ);
    m.k.local_bh_disable();
    m.k.local_bh_enable();
    expect(m.seen).toEqual([]);
    m.k.local_irq_restore(flags);
    expect(m.seen).toEqual(['softirq']);
  });

  test('that throw stop the machine: there is nobody to hand the error to', () => {
    const m = withNetwork(() => {
      throw new TypeError('undefined is not a function');
    });
    m.k.raise_irq(0, 5);
    expect(() => m.k.poll()).toThrow(/Fatal exception in interrupt: undefined is not a function/);
  });

  test.each([0, 1, 5, 16, -1, 2.5])('number %d cannot be opened', (nr) => {
    const m = new InterruptMachine();
    expect(() => m.k.open_softirq(nr, m.noting('x'))).toThrow(/cannot be opened/);
  });
});

describe('might_sleep', () => {
  const REPORT =
    /BUG: sleeping function called from invalid context at .*\nin_atomic\(\):(\d), irqs_disabled\(\):(\d)/;
  const contexts: [string, (m: InterruptMachine) => void, string][] = [
    ['under a spinlock', (m) => m.k.spin_lock(m.memory()), '1 0 process'],
    ['with interrupts off', (m) => m.k.local_irq_disable(), '0 1 process'],
    ['with bottom halves disabled', (m) => m.k.local_bh_disable(), '1 0 softirq'],
  ];

  test.each(contexts)('reports %s', (_, enter, expected) => {
    const m = new InterruptMachine();
    enter(m);
    m.k.might_sleep();
    expect(m.reports).toHaveLength(1);
    const [, atomic, irqs] = REPORT.exec(m.reports[0]) ?? [];
    const context = /context: (\w+) /.exec(m.reports[0])?.[1];
    expect(`${atomic} ${irqs} ${context}`).toBe(expected);
  });

  test('reports in a softirq, in an interrupt and in a timer, with the right context', () => {
    const m = withNetwork((k) => k.might_sleep());
    m.k.request_irq(
      6,
      m.symbol((k) => k.might_sleep()),
      0,
      'disk',
      0,
    );
    m.k.raise_irq(0, 5);
    m.k.poll();
    m.machine.platform.time += 1000;
    m.k.raise_irq(0, 6);
    m.k.poll();
    const timer = m.memory();
    m.k.setup_timer(
      timer,
      m.symbol((k) => k.might_sleep()),
    );
    m.k.mod_timer(timer, m.k.jiffies() + 100);
    m.tick(m.k, 100);
    const contexts = m.reports.map((report) => /context: (\w+) preempt_count: (\w+)/.exec(report)?.slice(1));
    expect(contexts).toEqual([
      ['softirq', '00000100'],
      ['hardirq', '00010000'],
      ['softirq', '00000100'],
    ]);
  });

  test('reports once a second, and nothing where sleeping is allowed', () => {
    const m = new InterruptMachine();
    m.k.might_sleep();
    expect(m.reports).toEqual([]);
    m.k.preempt_disable();
    for (let ms = 0; ms < 2500; ms += 100) {
      m.k.might_sleep();
      m.machine.platform.time += 100;
    }
    expect(m.reports).toHaveLength(3);
  });
});
