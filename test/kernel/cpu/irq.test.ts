import { describe, expect, test } from 'vitest';
import { CPU_OFFLINE } from '../../../src/kernel/core/cpu-area.js';
import { setCpuState } from '../../../src/kernel/core/cpu-mask.js';
import { MAX_IRQ_ACTIONS } from '../../../src/kernel/core/interrupt-data.js';
import { IRQ_HANDLED, IRQ_NONE, IRQF_SHARED } from '../../../src/kernel/cpu/irq.js';
import { InterruptMachine } from './interrupt-machine.js';

const EINVAL = -22;
const EBUSY = -16;
const ENOMEM = -12;

describe('request_irq', () => {
  test('gives a handler its device and line, in hardirq context with interrupts off, on the CPU of the interrupt', () => {
    const m = new InterruptMachine();
    const handler = m.symbol((k, dev, line) => {
      m.seen.push([k.cpu, dev, line, k.in_irq(), k.irqs_disabled(), k.preempt_count()]);
      return IRQ_HANDLED;
    });
    expect(m.k.request_irq(33, handler, 0, 'eth0', -1099493314560)).toBe(0);
    m.k.raise_irq(3, 33);
    expect(m.seen).toEqual([]);
    m.cpus[3].poll();
    expect(m.seen).toEqual([[3, -1099493314560, 33, true, true, 0x10000]]);
    expect(m.reports).toEqual([]);
  });

  test('serves an interrupt only where interrupts are on, and once if it was raised twice before', () => {
    const m = new InterruptMachine();
    m.k.request_irq(5, m.noting('served'), 0, 'eth0', 0);
    const flags = m.k.local_irq_save();
    m.k.raise_irq(0, 5);
    m.k.raise_irq(0, 5);
    m.k.poll();
    expect(m.seen).toEqual([]);
    m.k.local_irq_restore(flags);
    expect(m.seen).toEqual(['served']);
  });

  test('shares a line among handlers that all want that, and free_irq takes one of them out', () => {
    const m = new InterruptMachine();
    for (const dev of [1, 2, 3]) {
      const handler = m.symbol((_, data) => {
        m.seen.push(data);
        return data === 2 ? IRQ_HANDLED : IRQ_NONE;
      });
      expect(m.k.request_irq(9, handler, IRQF_SHARED, `dev${dev}`, dev)).toBe(0);
    }
    m.k.raise_irq(0, 9);
    m.k.poll();
    m.k.free_irq(9, 2);
    m.k.raise_irq(0, 9);
    m.k.poll();
    expect(m.seen).toEqual([1, 2, 3, 1, 3]);
    expect(m.reports).toEqual([]);
    expect(m.k.cat('/proc/interrupts')).toContain('dev1, dev3\n');
  });

  test('refuses what does not fit', () => {
    const m = new InterruptMachine();
    const handler = m.noting('x');
    expect(m.k.request_irq(64, handler, 0, 'x', 0)).toBe(EINVAL);
    expect(m.k.request_irq(-1, handler, 0, 'x', 0)).toBe(EINVAL);
    expect(m.k.request_irq(5, 0, 0, 'x', 0)).toBe(EINVAL);
    expect(m.k.request_irq(5, handler, IRQF_SHARED, 'x', 0)).toBe(EINVAL);
    expect(m.k.request_irq(5, handler, 0, 'first', 0)).toBe(0);
    expect(m.k.request_irq(5, handler, IRQF_SHARED, 'second', 1)).toBe(EBUSY);
    expect(m.k.request_irq(6, handler, IRQF_SHARED, 'third', 1)).toBe(0);
    expect(m.k.request_irq(6, handler, 0, 'fourth', 2)).toBe(EBUSY);
    for (let dev = 2; dev < MAX_IRQ_ACTIONS; dev++) {
      expect(m.k.request_irq(6, handler, IRQF_SHARED, 'many', dev)).toBe(0);
    }
    expect(m.k.request_irq(6, handler, IRQF_SHARED, 'one too many', 1000)).toBe(ENOMEM);
    m.k.free_irq(5, 0);
    expect(m.k.request_irq(6, handler, IRQF_SHARED, 'in its place', 1000)).toBe(0);
  });

  test('free_irq of what is not registered is reported', () => {
    const m = new InterruptMachine();
    m.k.request_irq(5, m.noting('x'), 0, 'x', 1);
    m.k.free_irq(5, 2);
    m.k.free_irq(99, 1);
    expect(m.reports.map((report) => report.split('\n')[1])).toEqual([
      'Trying to free already-free IRQ 5',
      'Trying to free already-free IRQ 99',
    ]);
  });

  test('disable_irq nests; what is raised meanwhile comes with the last enable_irq', () => {
    const m = new InterruptMachine();
    m.k.request_irq(5, m.noting('served'), 0, 'x', 1);
    m.k.disable_irq(5);
    m.k.disable_irq(5);
    m.k.raise_irq(1, 5);
    m.cpus[1].poll();
    m.k.enable_irq(5);
    expect(m.seen).toEqual([]);
    m.k.enable_irq(5);
    expect(m.seen).toEqual(['served']);
    m.k.enable_irq(5);
    expect(m.reports[0]).toContain('Unbalanced enable for IRQ 5');
  });

  test('a handler that throws stops the machine', () => {
    const m = new InterruptMachine();
    const handler = m.symbol(() => {
      throw new RangeError('ring buffer');
    });
    m.k.request_irq(5, handler, 0, 'x', 1);
    m.k.raise_irq(0, 5);
    expect(() => m.k.poll()).toThrow(/Fatal exception in interrupt: ring buffer/);
  });

  test('an interrupt for a CPU that is offline is served by one of its node that is not', () => {
    const m = new InterruptMachine();
    m.k.request_irq(
      5,
      m.symbol((k) => m.seen.push(k.cpu)),
      0,
      'x',
      1,
    );
    setCpuState(m.k, 3, CPU_OFFLINE);
    m.k.raise_irq(3, 5);
    for (const k of m.cpus.slice(0, 3)) k.poll();
    expect(m.seen).toEqual([2]);
  });
});

test('/proc/interrupts counts by line and CPU as Linux does', () => {
  const m = new InterruptMachine();
  m.k.request_irq(4, m.noting('x'), 0, 'serial', 0);
  m.k.request_irq(11, m.noting('x'), IRQF_SHARED, 'eth0', 1);
  m.k.request_irq(11, m.noting('x'), IRQF_SHARED, 'usb-uhci', 2);
  for (let i = 0; i < 12; i++) {
    m.k.raise_irq(1, 11);
    m.cpus[1].poll();
  }
  m.k.raise_irq(0, 4);
  m.k.raise_irq(0, 50);
  m.k.poll();
  m.tick(m.cpus[2], 3);
  expect(m.k.cat('/proc/interrupts')).toBe(
    [
      '           CPU0       CPU1       CPU2       CPU3       ',
      '  4:          1          0          0          0   IO-APIC-edge      serial',
      ' 11:          0         12          0          0   IO-APIC-edge      eth0, usb-uhci',
      'LOC:          0          0          3          0   Local timer interrupts',
      'CAL:          0          0          0          0   Function call interrupts',
      'ERR:          1',
      '',
    ].join('\n'),
  );
});

test('irq-race: an interrupt between load and store loses an update that preempt_disable cannot save', () => {
  const lost = (guard: 'preempt' | 'irq'): number => {
    const m = new InterruptMachine();
    const counter = m.memory();
    m.k.request_irq(
      5,
      m.symbol((k) => {
        k.i32[counter]++;
        return IRQ_HANDLED;
      }),
      0,
      'counter',
      0,
    );
    for (let i = 0; i < 100; i++) {
      const flags = guard === 'irq' ? m.k.local_irq_save() : 0;
      m.k.preempt_disable();
      const value = m.k.i32[counter];
      m.k.raise_irq(0, 5);
      m.k.poll();
      m.k.i32[counter] = value + 1;
      m.k.preempt_enable();
      if (guard === 'irq') m.k.local_irq_restore(flags);
    }
    return 200 - m.k.i32[counter];
  };
  expect(lost('preempt')).toBe(100);
  expect(lost('irq')).toBe(0);
});
