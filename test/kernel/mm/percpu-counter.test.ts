import { describe, expect, test } from 'vitest';
import { NR_CPUS } from '../../../src/kernel/core/limits.js';
import { audit } from '../../../src/kernel/debug/audit.js';
import { takeCpuDown } from '../../../src/kernel/hotplug.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { GFP_KERNEL } from '../../../src/kernel/mm/gfp.js';
import { FBC_BATCH, PERCPU_COUNTER } from '../../../src/kernel/mm/percpu-counter.js';
import { bootInProcess, type LoneMachine, twoNodes } from '../../support/boot-in-process.js';

interface Counted extends LoneMachine {
  readonly fbc: number;
}

function counter(amount = 0, changes = {}): Counted {
  const machine = bootInProcess(twoNodes(32, changes));
  const { k } = machine;
  const fbc = k.wordAt(k.get_zeroed_page(GFP_KERNEL));
  expect(k.percpu_counter_init(fbc, amount)).toBe(0);
  return { ...machine, fbc };
}

describe('percpu_counter', () => {
  test('has a batch of twice the CPUs that the kernel is built for', () => {
    expect(FBC_BATCH).toBe(2 * NR_CPUS);
  });

  test('begins with its amount, and counts up and down', () => {
    const { k, fbc } = counter(100);
    expect([k.percpu_counter_read(fbc), k.percpu_counter_sum(fbc)]).toEqual([100, 100]);
    k.percpu_counter_inc(fbc);
    k.percpu_counter_dec(fbc);
    k.percpu_counter_dec(fbc);
    k.percpu_counter_mod(fbc, 11);
    expect([k.percpu_counter_read(fbc), k.percpu_counter_sum(fbc)]).toEqual([100, 110]);
    expect(k.preempt_count()).toBe(0);
  });

  test.each([1, -1])('spills when a copy reaches the batch, in direction %i, and not before', (sign) => {
    const { k, cpus, fbc } = counter();
    k.percpu_counter_add(fbc, sign * (FBC_BATCH - 1));
    cpus[1].percpu_counter_add(fbc, sign * 3);
    expect(k.percpu_counter_read(fbc)).toBe(0);
    k.percpu_counter_add(fbc, sign);
    expect(k.percpu_counter_read(fbc)).toBe(sign * FBC_BATCH);
    expect(k.percpu_counter_sum(fbc)).toBe(sign * (FBC_BATCH + 3));
  });

  test('is read with an error below CPUs times batch, and summed without', () => {
    const { k, cpus, fbc } = counter();
    let exact = 0;
    for (let i = 0; i < 4000; i++) {
      const own = cpus[i % 4];
      const amount = ((i * 37) % 101) - 30;
      own.percpu_counter_add(fbc, amount);
      exact += amount;
      expect(Math.abs(k.percpu_counter_read(fbc) - exact)).toBeLessThanOrEqual(4 * (FBC_BATCH - 1));
    }
    expect(k.percpu_counter_sum(fbc)).toBe(exact);
  });

  test('begins at an even word, or is refused', () => {
    const { k, fbc } = counter();
    expect(() => k.percpu_counter_init(fbc + 1, 0)).toThrow(/word \d+ is odd/);
  });

  test('counts beyond 32 bits', () => {
    const { k, fbc } = counter(2 ** 40);
    k.percpu_counter_add(fbc, 2 ** 31);
    k.percpu_counter_add(fbc, -1);
    expect(k.percpu_counter_sum(fbc)).toBe(2 ** 40 + 2 ** 31 - 1);
  });

  test('that cannot be negative reads 1 where its estimate is', () => {
    const { k, fbc } = counter();
    expect(k.percpu_counter_read_positive(fbc)).toBe(0);
    k.percpu_counter_add(fbc, -FBC_BATCH);
    expect([k.percpu_counter_read(fbc), k.percpu_counter_read_positive(fbc)]).toEqual([-FBC_BATCH, 1]);
    k.percpu_counter_add(fbc, 2 * FBC_BATCH);
    expect(k.percpu_counter_read_positive(fbc)).toBe(FBC_BATCH);
  });

  test('keeps what a CPU has counted that goes away', () => {
    const { k, cpus, fbc } = counter();
    const other = fbc + 4 * PERCPU_COUNTER.words;
    expect(k.percpu_counter_init(other, 0)).toBe(0);
    cpus[3].percpu_counter_add(fbc, 7);
    cpus[3].percpu_counter_add(other, -8);
    cpus[2].percpu_counter_add(fbc, 100);
    takeCpuDown(k, 3);
    expect([k.percpu_counter_read(fbc), k.percpu_counter_sum(fbc)]).toEqual([7, 107]);
    expect([k.percpu_counter_read(other), k.percpu_counter_sum(other)]).toEqual([-8, -8]);
    expect(audit(k).violations).toEqual([]);
  });

  test('ends: it is folded no more, and its copies are free', () => {
    const { k, cpus, fbc } = counter();
    const other = fbc + 4 * PERCPU_COUNTER.words;
    expect(k.percpu_counter_init(other, 0)).toBe(0);
    k.percpu_counter_destroy(fbc);
    k.percpu_counter_destroy(fbc);
    cpus[3].percpu_counter_add(other, 5);
    takeCpuDown(k, 3);
    expect(k.percpu_counter_read(other)).toBe(5);
    expect(() => k.percpu_counter_add(fbc, 1)).toThrow('no dynamic per-CPU variable');
    expect(audit(k).frames.allocated).toBe(1 + 17);
    k.percpu_counter_destroy(other);
    expect(audit(k).frames.allocated).toBe(1);
  });

  test('that finds no memory says so, and can be ended all the same', () => {
    const { k } = bootInProcess();
    const fbc = k.wordAt(k.get_zeroed_page(GFP_KERNEL));
    while (k.__alloc_percpu(16384, 4) !== 0);
    expect(k.percpu_counter_init(fbc, 0)).toBe(-12);
    k.percpu_counter_destroy(fbc);
  });

  test('has a lock of a class that the order checker knows', () => {
    const debug = { ...twoNodes().debug, locks: true };
    const { k, cpus, fbc, platform } = counter(0, { debug });
    const lock = fbc + 4 * PERCPU_COUNTER.words;
    k.spin_lock_init(lock, k.lock_class('mine'));
    const spill = (own: Kernel): void => own.percpu_counter_add(fbc, FBC_BATCH);
    k.spin_lock(lock);
    spill(k);
    k.spin_unlock(lock);
    takeCpuDown(k, 3);
    expect(platform.reports).toEqual([]);
    cpus[0].spin_lock(fbc);
    cpus[0].spin_lock(lock);
    expect(platform.reports).toHaveLength(1);
    expect(platform.reports[0]).toContain('percpu_counter->lock');
  });
});
