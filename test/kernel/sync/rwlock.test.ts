import { describe, expect, test } from 'vitest';
import { CPU_AREA, IRQ_CALL_FUNCTION } from '../../../src/kernel/core/cpu-area.js';
import { KernelPanic } from '../../../src/kernel/core/errors.js';
import { irqs_disabled } from '../../../src/kernel/core/irqflags.js';
import { KERNEL, SYSTEM_PANIC } from '../../../src/kernel/core/kernel-data.js';
import { heldLocks } from '../../../src/kernel/core/lock-report.js';
import {
  HELD_READ,
  LOCK_CONTENDED,
  LOCK_READER,
  LOCK_READERS_WAIT,
} from '../../../src/kernel/core/lock-word.js';
import { preempt_count } from '../../../src/kernel/core/preempt.js';
import * as rw from '../../../src/kernel/sync/rwlock.js';
import { stillMachine } from './still-machine.js';

const { read_lock, read_trylock, read_unlock, write_lock, write_trylock, write_unlock } = rw;
const LOCKS_HELD = CPU_AREA.at.locks_held;

describe('readers and writers', () => {
  test('many readers, and each CPU knows what it holds', () => {
    const { cpus, free } = stillMachine();
    read_lock(cpus[0], free);
    read_lock(cpus[1], free);
    expect(cpus[0].i32[free]).toBe(2 * LOCK_READER);
    expect(heldLocks(cpus[0], 0)).toEqual([free]);
    expect(heldLocks(cpus[0], 1)).toEqual([free]);
    expect(heldLocks(cpus[0], 2)).toEqual([]);
    read_unlock(cpus[0], free);
    expect(heldLocks(cpus[0], 0)).toEqual([]);
    read_unlock(cpus[1], free);
    expect(cpus[0].i32[free]).toBe(0);
    expect([0, 1].map((cpu) => preempt_count(cpus[cpu]))).toEqual([0, 0]);
  });

  test('a reader may read again, in an interrupt too', () => {
    const { cpus, free } = stillMachine();
    read_lock(cpus[0], free);
    cpus[0].onInterrupt = () => {
      read_lock(cpus[0], free);
      read_unlock(cpus[0], free);
    };
    read_lock(cpus[0], free);
    Atomics.or(cpus[0].i32, cpus[0].area + CPU_AREA.at.pending, IRQ_CALL_FUNCTION);
    read_unlock(cpus[0], free);
    expect(heldLocks(cpus[0], 0)).toEqual([free]);
    read_unlock(cpus[0], free);
    expect(cpus[0].i32[free]).toBe(0);
  });

  test('trylocks', () => {
    const { cpus, free } = stillMachine();
    expect(read_trylock(cpus[0], free)).toBe(true);
    expect(read_trylock(cpus[1], free)).toBe(true);
    expect(write_trylock(cpus[2], free)).toBe(false);
    read_unlock(cpus[0], free);
    read_unlock(cpus[1], free);
    expect(write_trylock(cpus[2], free)).toBe(true);
    expect(read_trylock(cpus[0], free)).toBe(false);
    expect(write_trylock(cpus[0], free)).toBe(false);
    expect(preempt_count(cpus[0])).toBe(0);
    expect(cpus[0].i32[cpus[0].area + LOCKS_HELD]).toBe(0);
    write_unlock(cpus[2], free);
    expect(cpus[0].i32[free]).toBe(0);
  });

  test('released in any order, between other locks', () => {
    const { cpus, free } = stillMachine({ debug: true });
    read_lock(cpus[0], free);
    write_lock(cpus[0], free + 2);
    read_lock(cpus[0], free + 4);
    read_unlock(cpus[0], free);
    expect(heldLocks(cpus[0], 0)).toEqual([free + 2, free + 4]);
    write_unlock(cpus[0], free + 2);
    expect(heldLocks(cpus[0], 0)).toEqual([free + 4]);
    read_unlock(cpus[0], free + 4);
    expect(cpus[0].i32[cpus[0].area + LOCKS_HELD]).toBe(0);
  });

  test('variants with interrupts and bottom halves off', () => {
    const { cpus, free } = stillMachine();
    const [k] = cpus;
    const readFlags = rw.read_lock_irqsave(k, free);
    expect(irqs_disabled(k)).toBe(true);
    rw.read_unlock_irqrestore(k, free, readFlags);
    const writeFlags = rw.write_lock_irqsave(k, free);
    expect(irqs_disabled(k)).toBe(true);
    rw.write_unlock_irqrestore(k, free, writeFlags);
    rw.read_lock_irq(k, free);
    expect(irqs_disabled(k)).toBe(true);
    rw.read_unlock_irq(k, free);
    rw.write_lock_irq(k, free);
    expect(irqs_disabled(k)).toBe(true);
    rw.write_unlock_irq(k, free);
    expect(irqs_disabled(k)).toBe(false);
    rw.read_lock_bh(k, free);
    expect(preempt_count(k)).toBe(0x101);
    rw.read_unlock_bh(k, free);
    rw.write_lock_bh(k, free);
    expect(preempt_count(k)).toBe(0x101);
    rw.write_unlock_bh(k, free);
    expect(preempt_count(k)).toBe(0);
    expect(k.i32[free]).toBe(0);
  });
});

describe('misuse is a BUG', () => {
  test('releasing what is not held so', () => {
    const { cpus, free } = stillMachine();
    expect(() => read_unlock(cpus[0], free)).toThrow('rwlock read_unlock: not read-locked here, on CPU#0');
    expect(() => write_unlock(cpus[0], free)).toThrow('rwlock write_unlock: not write-locked here, on CPU#0');
    read_lock(cpus[1], free);
    expect(() => read_unlock(cpus[0], free)).toThrow('not read-locked here');
    expect(() => write_unlock(cpus[1], free)).toThrow('not write-locked here');
    read_unlock(cpus[1], free);
    write_lock(cpus[1], free);
    expect(() => read_unlock(cpus[1], free)).toThrow('writer is CPU#1');
    expect(() => write_unlock(cpus[0], free)).toThrow('writer is CPU#1, on CPU#0');
    write_unlock(cpus[1], free);
    expect(cpus[0].i32[free]).toBe(0);
  });

  test('waiting for oneself', () => {
    const { cpus, free } = stillMachine();
    read_lock(cpus[0], free);
    expect(() => write_lock(cpus[0], free)).toThrow('rwlock recursion on CPU#0, lock: word 0');
    read_unlock(cpus[0], free);
    write_lock(cpus[0], free);
    expect(() => read_lock(cpus[0], free)).toThrow('rwlock recursion');
    expect(() => write_lock(cpus[0], free)).toThrow('rwlock recursion');
    write_unlock(cpus[0], free);
    expect(cpus[0].i32[free]).toBe(0);
    expect(cpus[0].i32[cpus[0].area + LOCKS_HELD]).toBe(0);
  });
});

describe('waiting', () => {
  test('a writer waits for the last reader, who wakes it', () => {
    const { cpus, free, platform } = stillMachine();
    read_lock(cpus[0], free);
    read_lock(cpus[1], free);
    platform.meanwhile.push(
      () => {
        expect(heldLocks(cpus[0], 2)).toEqual([]);
        read_unlock(cpus[0], free);
        expect(platform.notified).toEqual([]);
      },
      () => read_unlock(cpus[1], free),
    );
    write_lock(cpus[2], free);
    expect(platform.notified).toEqual([[free, 1]]);
    expect(cpus[0].i32[free]).toBe(3 | LOCK_CONTENDED);
    expect(heldLocks(cpus[0], 2)).toEqual([free]);
    write_unlock(cpus[2], free);
    expect(cpus[0].i32[free]).toBe(0);
  });

  test('a reader passes a writer that waits', () => {
    const { cpus, free, platform } = stillMachine();
    read_lock(cpus[0], free);
    platform.meanwhile.push(
      () => {
        read_lock(cpus[1], free);
        read_unlock(cpus[0], free);
      },
      () => read_unlock(cpus[1], free),
    );
    write_lock(cpus[2], free);
    write_unlock(cpus[2], free);
    expect(cpus[0].i32[free]).toBe(0);
  });

  test('readers wait for a writer, who wakes them all; until then they hold nothing', () => {
    const { cpus, free, platform } = stillMachine();
    write_lock(cpus[0], free);
    platform.meanwhile.push(() => {
      expect(cpus[0].i32[free]).toBe(1 | LOCK_READERS_WAIT);
      const { i32, area } = cpus[1];
      expect(i32[area + CPU_AREA.at.held]).toBe(free);
      write_unlock(cpus[0], free);
      // A reader that still sleeps does not hold the lock, although others do.
      read_lock(cpus[2], free);
      expect(heldLocks(cpus[0], 1)).toEqual([]);
    });
    read_lock(cpus[1], free);
    expect(platform.notified).toEqual([[free, Infinity]]);
    expect(heldLocks(cpus[0], 1)).toEqual([free]);
    expect(cpus[1].i32[cpus[1].area + CPU_AREA.at.held]).toBe(free | HELD_READ);
  });

  test('serves interrupts, with the lock out of the list', () => {
    const { cpus, free, platform } = stillMachine();
    const seen: number[] = [];
    for (const [take, release, k] of [
      [read_lock, read_unlock, cpus[1]],
      [write_lock, write_unlock, cpus[2]],
    ] as const) {
      k.onInterrupt = () => {
        seen.push(k.i32[k.area + LOCKS_HELD]);
        write_lock(k, free + 2);
        write_unlock(k, free + 2);
        platform.meanwhile.push(() => write_unlock(cpus[0], free));
      };
      platform.meanwhile.push(() => {
        Atomics.or(k.i32, k.area + CPU_AREA.at.pending, IRQ_CALL_FUNCTION);
      });
      write_lock(cpus[0], free);
      take(k, free);
      expect(heldLocks(k, k.cpu)).toEqual([free]);
      release(k, free);
    }
    expect(seen).toEqual([0, 0]);
    expect(cpus[0].i32[free]).toBe(0);
  });

  test('ends with a panic', () => {
    const { cpus, free, platform } = stillMachine();
    const { i32 } = cpus[0];
    read_lock(cpus[0], free);
    platform.meanwhile.push(() => Atomics.store(i32, KERNEL.system_state, SYSTEM_PANIC));
    expect(() => write_lock(cpus[1], free)).toThrow(KernelPanic);
    expect(i32[cpus[1].area + LOCKS_HELD]).toBe(0);
  });

  test('too long is reported, with the readers or the writer', () => {
    const { cpus, free, platform } = stillMachine({ debug: true });
    cpus[0].i32[KERNEL.lock_hold_limit_ms] = 20;
    read_lock(cpus[0], free);
    read_lock(cpus[1], free);
    platform.meanwhile.push(
      () => {},
      () => {
        cpus[0].i32[KERNEL.lock_hold_limit_ms] = 1000;
        read_unlock(cpus[0], free);
        read_unlock(cpus[1], free);
        cpus[0].i32[KERNEL.lock_hold_limit_ms] = 20;
      },
    );
    write_lock(cpus[2], free);
    expect(platform.reports).toHaveLength(1);
    expect(platform.reports[0]).toContain(
      'lock: word 0, readers: CPU#0, CPU#1, 50 ms\nlock taken on CPU#0 at:',
    );
    expect(platform.reports[0]).toContain('lock taken on CPU#1 at:');
    platform.meanwhile.push(
      () => {},
      () => write_unlock(cpus[2], free),
    );
    read_lock(cpus[0], free);
    expect(platform.reports[1]).toContain('lock: word 0, owner: CPU#2, 50 ms\nlock taken on CPU#2 at:');
  });
});

test('the death of a reader between two steps counts as one with the lock, unless nobody reads', () => {
  const { cpus, free } = stillMachine();
  const { i32, area } = cpus[1];
  i32[area + CPU_AREA.at.held] = free | HELD_READ;
  i32[area + LOCKS_HELD] = 1;
  expect(heldLocks(cpus[0], 1)).toEqual([]);
  read_lock(cpus[0], free);
  expect(heldLocks(cpus[0], 1)).toEqual([free]);
});
