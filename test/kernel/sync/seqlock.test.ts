import { describe, expect, test } from 'vitest';
import { readOnce } from '../../../src/kernel/core/access-once.js';
import { KernelPanic } from '../../../src/kernel/core/errors.js';
import { irqs_disabled } from '../../../src/kernel/core/irqflags.js';
import { KERNEL, SYSTEM_PANIC } from '../../../src/kernel/core/kernel-data.js';
import { heldLocks } from '../../../src/kernel/core/lock-report.js';
import { preempt_count } from '../../../src/kernel/core/preempt.js';
import * as seq from '../../../src/kernel/sync/seqlock.js';
import { stillMachine } from './still-machine.js';

const { read_seqbegin, read_seqretry, write_seqlock, write_sequnlock, write_tryseqlock } = seq;

describe('seqlock_t', () => {
  test('a reader retries when somebody wrote meanwhile', () => {
    const { cpus, free } = stillMachine();
    seq.seqlock_init(cpus[0], free);
    const start = read_seqbegin(cpus[0], free);
    expect(read_seqretry(cpus[0], free, start)).toBe(false);
    write_seqlock(cpus[1], free);
    expect(read_seqretry(cpus[0], free, start)).toBe(true);
    write_sequnlock(cpus[1], free);
    expect(read_seqretry(cpus[0], free, start)).toBe(true);
    expect(read_seqretry(cpus[0], free, read_seqbegin(cpus[0], free))).toBe(false);
  });

  test('one writer at a time, whose CPU holds the lock inside', () => {
    const { cpus, free } = stillMachine();
    expect(write_tryseqlock(cpus[0], free)).toBe(true);
    expect(write_tryseqlock(cpus[1], free)).toBe(false);
    expect(heldLocks(cpus[1], 0)).toEqual([free + seq.SEQLOCK.at.lock]);
    write_sequnlock(cpus[0], free);
    expect(write_tryseqlock(cpus[1], free)).toBe(true);
    expect(readOnce(cpus[0], free) & 1).toBe(1);
  });

  test('variants with interrupts and bottom halves off', () => {
    const { cpus, free } = stillMachine();
    const [k] = cpus;
    const flags = seq.write_seqlock_irqsave(k, free);
    expect(irqs_disabled(k)).toBe(true);
    seq.write_sequnlock_irqrestore(k, free, flags);
    seq.write_seqlock_irq(k, free);
    expect(irqs_disabled(k)).toBe(true);
    seq.write_sequnlock_irq(k, free);
    expect(irqs_disabled(k)).toBe(false);
    seq.write_seqlock_bh(k, free);
    expect(preempt_count(k)).toBe(0x101);
    seq.write_sequnlock_bh(k, free);
    expect(preempt_count(k)).toBe(0);
    expect(readOnce(k, free)).toBe(6);
  });

  test('reading while writing oneself is a BUG', () => {
    const { cpus, free } = stillMachine();
    write_seqlock(cpus[0], free);
    expect(() => read_seqbegin(cpus[0], free)).toThrow('seqlock read inside its write section: word 0');
  });
});

describe('a reader that meets a writer', () => {
  test('waits until he is done', () => {
    const { cpus, free, platform } = stillMachine();
    write_seqlock(cpus[1], free);
    platform.meanwhile.push(
      () => {},
      () => write_sequnlock(cpus[1], free),
    );
    expect(read_seqbegin(cpus[0], free)).toBe(2);
    expect(platform.time).toBe(2);
  });

  test('ends with a panic', () => {
    const { cpus, free, platform } = stillMachine();
    seq.write_seqcount_begin(cpus[1], free);
    platform.meanwhile.push(() => Atomics.store(cpus[0].i32, KERNEL.system_state, SYSTEM_PANIC));
    expect(() => seq.read_seqcount_begin(cpus[0], free)).toThrow(KernelPanic);
  });

  test('reports a writer who does not end', () => {
    const { cpus, free, platform } = stillMachine();
    cpus[0].i32[KERNEL.lock_hold_limit_ms] = 2;
    seq.write_seqcount_begin(cpus[1], free);
    for (let i = 0; i < 4; i++) platform.meanwhile.push(() => {});
    platform.meanwhile.push(() => seq.write_seqcount_end(cpus[1], free));
    expect(seq.read_seqcount_begin(cpus[0], free)).toBe(2);
    expect(platform.reports).toHaveLength(1);
    expect(platform.reports[0]).toContain('BUG: seqlock write section too long, lock: word 0, 3 ms');
  });
});

test('seqcount_t counts on, also across the end of the integers', () => {
  const { cpus, free } = stillMachine();
  const [k] = cpus;
  seq.seqcount_init(k, free);
  expect(seq.read_seqcount_begin(k, free)).toBe(0);
  k.i32[free] = 0x7ffffffe;
  const start = seq.read_seqcount_begin(k, free);
  seq.write_seqcount_begin(k, free);
  seq.write_seqcount_end(k, free);
  expect(seq.read_seqcount_retry(k, free, start)).toBe(true);
  const next = seq.read_seqcount_begin(k, free);
  expect(next).toBe(-0x80000000);
  expect(seq.read_seqcount_retry(k, free, next)).toBe(false);
});
