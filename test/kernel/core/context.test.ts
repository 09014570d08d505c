import { describe, expect, test } from 'vitest';
import { CPU_AREA, CPU_OFFLINE, CPU_ONLINE, IRQ_TICK } from '../../../src/kernel/core/cpu-area.js';
import { cpu_online, cpuState, num_online_cpus, setCpuState } from '../../../src/kernel/core/cpu-mask.js';
import { raiseInterrupt } from '../../../src/kernel/cpu/raise-interrupt.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { bootInProcess } from '../../support/boot-in-process.js';

describe('preempt_count', () => {
  test('counts preemption depth, bottom halves and spinlocks in their own bits', () => {
    const { k } = bootInProcess();
    expect(k.preempt_count()).toBe(0);
    k.preempt_disable();
    k.preempt_disable();
    expect([k.preempt_count(), k.in_atomic(), k.in_interrupt()]).toEqual([2, true, false]);
    k.local_bh_disable();
    expect([k.preempt_count(), k.in_softirq(), k.in_irq(), k.in_interrupt()]).toEqual([
      0x102,
      true,
      false,
      true,
    ]);
    k.local_bh_enable();
    k.preempt_enable();
    k.preempt_enable();
    expect([k.preempt_count(), k.in_atomic()]).toEqual([0, false]);
  });

  test('belongs to one CPU', () => {
    const { cpus } = bootInProcess();
    cpus[1].preempt_disable();
    expect(cpus.map((k) => k.preempt_count())).toEqual([0, 1, 0, 0]);
  });
});

describe('interrupts', () => {
  const pending = (k: Kernel): number => k.i32[k.area + CPU_AREA.at.pending];

  test('save and restore nest', () => {
    const { k } = bootInProcess();
    const outer = k.local_irq_save();
    const inner = k.local_irq_save();
    k.local_irq_restore(inner);
    expect(k.irqs_disabled()).toBe(true);
    k.local_irq_restore(outer);
    expect(k.irqs_disabled()).toBe(false);
  });

  test.each<[string, (k: Kernel) => void]>([
    ['local_irq_enable', (k) => k.local_irq_enable()],
    ['local_irq_restore', (k) => k.local_irq_restore(0)],
  ])('wait while they are disabled, and are served by %s', (_, enable) => {
    const { k } = bootInProcess();
    k.local_irq_disable();
    raiseInterrupt(k, 0, IRQ_TICK);
    k.poll();
    expect(pending(k)).toBe(IRQ_TICK);
    enable(k);
    expect(pending(k)).toBe(0);
    expect(k.irqs_disabled()).toBe(false);
    expect(k.preempt_count()).toBe(0);
  });

  test.each<[string, (k: Kernel) => void]>([
    ['poll', (k) => k.poll()],
    [
      'preempt_enable',
      (k) => {
        k.preempt_disable();
        k.preempt_enable();
      },
    ],
    ['cpu_relax', (k) => k.cpu_relax(k.area)],
  ])('are served by %s', (_, point) => {
    const { k } = bootInProcess();
    raiseInterrupt(k, 0, IRQ_TICK);
    point(k);
    expect(pending(k)).toBe(0);
  });
});

test('CPUs come and go in the online map', () => {
  const { k } = bootInProcess();
  expect(num_online_cpus(k)).toBe(4);
  setCpuState(k, 2, CPU_OFFLINE);
  expect([cpu_online(k, 2), cpuState(k, 2), num_online_cpus(k)]).toEqual([false, CPU_OFFLINE, 3]);
  setCpuState(k, 2, CPU_ONLINE);
  expect([cpu_online(k, 2), num_online_cpus(k)]).toEqual([true, 4]);
});
