import { describe, expect, test } from 'vitest';
import { BUG, BUG_ON, WARN } from '../../../src/kernel/core/bug.js';
import { formatStack } from '../../../src/kernel/core/call-trace.js';
import { KernelBug } from '../../../src/kernel/core/errors.js';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { LOG_BUF_BYTES } from '../../../src/kernel/core/limits.js';
import { printk_ratelimit, readLog } from '../../../src/kernel/core/printk.js';
import { bootInProcess } from '../../support/boot-in-process.js';

describe('the kernel log', () => {
  test('has a time stamp before every line', () => {
    const { k, platform } = bootInProcess();
    platform.time = 12345.6789;
    k.printk('one\ntwo\n');
    expect(readLog(k).endsWith('[   12.345678] one\n[   12.345678] two\n')).toBe(true);
  });

  test('keeps the newest lines, whole, when the ring is full', () => {
    const { k } = bootInProcess();
    for (let i = 0; i < 5000; i++) k.printk(`line ${i} ${'x'.repeat(40)}`);
    const lines = readLog(k).trimEnd().split('\n');
    expect(lines.at(-1)).toContain('line 4999 ');
    expect(lines.every((line) => /^\[ *0\.000000\] line \d+ x{40}$/.test(line))).toBe(true);
    expect(readLog(k).length).toBeLessThanOrEqual(LOG_BUF_BYTES);
    expect(readLog(k).length).toBeGreaterThan(LOG_BUF_BYTES - 100);
    expect(Number(/line (\d+)/.exec(lines[0])![1])).toBe(5000 - lines.length);
  });

  test('is the same for every CPU', () => {
    const { k, cpus } = bootInProcess();
    cpus[3].printk('from CPU 3');
    expect(readLog(k)).toContain('] from CPU 3\n');
  });

  test('can be written with interrupts off, and leaves them off', () => {
    const { k } = bootInProcess();
    k.local_irq_disable();
    k.printk('quiet');
    expect(k.irqs_disabled()).toBe(true);
    expect(readLog(k)).toContain('quiet');
  });
});

test('printk_ratelimit allows ten in a burst and then one in five seconds, and tells what it dropped', () => {
  const { k, platform } = bootInProcess();
  platform.time = 60_000;
  const allowed = (tries: number): number =>
    Array.from({ length: tries }, () => printk_ratelimit(k)).filter(Boolean).length;
  expect(allowed(25)).toBe(10);
  platform.time += 12_000;
  expect(allowed(5)).toBe(2);
  expect(readLog(k)).toContain('printk: 15 messages suppressed.');
  platform.time += 1e6;
  expect(allowed(25)).toBe(10);
});

describe('reports', () => {
  test('have the CPU, the task, the context, the locks and the call trace', () => {
    const { cpus, platform } = bootInProcess();
    const k = cpus[2];
    const flags = k.spin_lock_irqsave(KERNEL.call_lock);
    WARN(k, 'something odd');
    k.spin_unlock_irqrestore(KERNEL.call_lock, flags);
    const report = platform.reports[0];
    expect(report).toMatch(/^-+\[ cut here \]-+\nsomething odd\n/);
    expect(report).toContain(
      '\nCPU: 2 PID: 0 comm: swapper/2 context: process preempt_count: 00000001 irqs: off\nlocks held: call_lock[0]\nCall Trace:\n',
    );
    expect(report).toMatch(/\n \[<printk\.test\.ts:\d+>\] /);
    expect(report.endsWith('---[ end trace ]---')).toBe(true);
    expect(readLog(k)).toContain('something odd');
  });

  test('a BUG throws, with the report', () => {
    const { k, platform } = bootInProcess();
    const caught = (() => {
      try {
        return BUG(k, 'it broke');
      } catch (error) {
        return error;
      }
    })();
    expect(caught).toBeInstanceOf(KernelBug);
    expect((caught as KernelBug).message).toBe('it broke');
    expect((caught as KernelBug).report).toBe(platform.reports[0]);
    expect(platform.reports[0]).toContain('kernel BUG: it broke');
    expect(() => BUG_ON(k, false, 'no')).not.toThrow();
    expect(() => BUG_ON(k, true, 'yes')).toThrow('yes');
  });

  test('name the context', () => {
    const { k, platform } = bootInProcess();
    k.local_bh_disable();
    WARN(k, 'soft');
    k.local_bh_enable();
    expect(platform.reports[0]).toContain('context: softirq preempt_count: 00000100 irqs: on');
    expect(platform.reports[0]).toContain('locks held: none');
  });
});

test('a JavaScript stack becomes a kernel call trace', () => {
  const stack = [
    'Error',
    '    at Module.inner (file:///somewhere/src/kernel/mm/buddy.js:12:34)',
    '    at Kernel.alloc_pages (/somewhere/kernel.ts:5:6)',
    '    at async outer (file:///x/y.js:7:8)',
    '    at file:///x/plain.js:9:10',
    '    at node:internal/main:1:2',
  ].join('\n');
  expect(formatStack(stack, 0)).toBe(
    [
      ' [<buddy.js:12>] inner',
      ' [<kernel.ts:5>] alloc_pages',
      ' [<y.js:7>] outer',
      ' [<plain.js:9>] <anonymous>',
    ].join('\n'),
  );
  expect(formatStack(stack, 2)).toBe(' [<y.js:7>] outer\n [<plain.js:9>] <anonymous>');
});
