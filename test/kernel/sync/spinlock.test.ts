import { describe, expect, test } from 'vitest';
import { CPU_AREA, IRQ_CALL_FUNCTION, IRQ_STOP } from '../../../src/kernel/core/cpu-area.js';
import { KernelBug, KernelPanic, MachineHalted } from '../../../src/kernel/core/errors.js';
import { irqs_disabled } from '../../../src/kernel/core/irqflags.js';
import { KERNEL, SYSTEM_HALTED, SYSTEM_PANIC } from '../../../src/kernel/core/kernel-data.js';
import { heldLocks } from '../../../src/kernel/core/lock-report.js';
import { HELD_LIMIT, LOCK_CONTENDED } from '../../../src/kernel/core/lock-word.js';
import { in_softirq, preempt_count } from '../../../src/kernel/core/preempt.js';
import { readLog } from '../../../src/kernel/core/printk.js';
import { lockOwner } from '../../../src/kernel/core/raw-lock.js';
import {
  spin_is_locked,
  spin_lock,
  spin_lock_bh,
  spin_lock_init,
  spin_lock_irq,
  spin_lock_irqsave,
  spin_trylock,
  spin_unlock,
  spin_unlock_bh,
  spin_unlock_irq,
  spin_unlock_irqrestore,
} from '../../../src/kernel/sync/spinlock.js';
import { stillMachine } from './still-machine.js';

const LOCKS_HELD = CPU_AREA.at.locks_held;

describe('a free lock', () => {
  test('names its owner, is in the list of held locks, and keeps preemption off', () => {
    const { cpus, free } = stillMachine();
    spin_lock(cpus[1], free);
    expect(lockOwner(cpus[0], free)).toBe(1);
    expect(spin_is_locked(cpus[0], free)).toBe(true);
    expect(heldLocks(cpus[0], 1)).toEqual([free]);
    expect(heldLocks(cpus[0], 0)).toEqual([]);
    expect(preempt_count(cpus[1])).toBe(1);
    spin_unlock(cpus[1], free);
    expect(spin_is_locked(cpus[0], free)).toBe(false);
    expect(heldLocks(cpus[0], 1)).toEqual([]);
    expect(preempt_count(cpus[1])).toBe(0);
  });

  test('locks can be released in any order', () => {
    const { cpus, free } = stillMachine({ debug: true });
    const locks = [free, free + 2, free + 4];
    for (const lock of locks) spin_lock(cpus[0], lock);
    spin_unlock(cpus[0], free);
    expect(heldLocks(cpus[0], 0)).toEqual([free + 2, free + 4]);
    spin_unlock(cpus[0], free + 4);
    expect(heldLocks(cpus[0], 0)).toEqual([free + 2]);
    spin_unlock(cpus[0], free + 2);
    expect(heldLocks(cpus[0], 0)).toEqual([]);
    expect(cpus[0].i32[cpus[0].area + LOCKS_HELD]).toBe(0);
  });

  test('wakes nobody', () => {
    const { cpus, platform, free } = stillMachine();
    spin_lock(cpus[0], free);
    spin_unlock(cpus[0], free);
    expect(platform.notified).toEqual([]);
  });
});

describe('spin_trylock', () => {
  test('takes a free lock, and leaves no trace of a busy one', () => {
    const { cpus, free } = stillMachine();
    expect(spin_trylock(cpus[0], free)).toBe(true);
    expect(spin_trylock(cpus[1], free)).toBe(false);
    expect(preempt_count(cpus[1])).toBe(0);
    expect(cpus[1].i32[cpus[1].area + LOCKS_HELD]).toBe(0);
    expect(spin_trylock(cpus[0], free)).toBe(false);
    spin_unlock(cpus[0], free);
    expect(spin_trylock(cpus[1], free)).toBe(true);
  });
});

describe('interrupts', () => {
  test('irqsave keeps them off and restores what was', () => {
    const { cpus, free } = stillMachine();
    const outer = spin_lock_irqsave(cpus[0], free);
    const inner = spin_lock_irqsave(cpus[0], free + 2);
    spin_unlock_irqrestore(cpus[0], free + 2, inner);
    expect(irqs_disabled(cpus[0])).toBe(true);
    spin_unlock_irqrestore(cpus[0], free, outer);
    expect(irqs_disabled(cpus[0])).toBe(false);
  });

  test('what came in is served when they are enabled again, after the lock is released', () => {
    const { cpus, free } = stillMachine();
    const seen: number[][] = [];
    cpus[0].onInterrupt = () => seen.push(heldLocks(cpus[0], 0));
    spin_lock_irq(cpus[0], free);
    Atomics.or(cpus[0].i32, cpus[0].area + CPU_AREA.at.pending, IRQ_CALL_FUNCTION);
    expect(seen).toEqual([]);
    spin_unlock_irq(cpus[0], free);
    expect(seen).toEqual([[]]);
  });

  test('bottom halves are off under the bh variant', () => {
    const { cpus, free } = stillMachine();
    spin_lock_bh(cpus[0], free);
    expect(in_softirq(cpus[0])).toBe(true);
    spin_unlock_bh(cpus[0], free);
    expect(preempt_count(cpus[0])).toBe(0);
  });
});

describe('misuse is a BUG', () => {
  test('releasing a lock of another CPU, which keeps it', () => {
    const { cpus, free, platform } = stillMachine();
    spin_lock(cpus[0], free);
    expect(() => spin_unlock(cpus[1], free)).toThrow('spinlock wrong owner CPU#0 on CPU#1, lock: word 0');
    expect(lockOwner(cpus[0], free)).toBe(0);
    expect(platform.reports).toHaveLength(1);
    spin_unlock(cpus[0], free);
  });

  test('releasing a free lock', () => {
    const { cpus, free } = stillMachine();
    expect(() => spin_unlock(cpus[0], free)).toThrow('spinlock already unlocked on CPU#0');
  });

  test('taking a lock again', () => {
    const { cpus, free } = stillMachine();
    spin_lock(cpus[0], free);
    expect(() => spin_lock(cpus[0], free)).toThrow(KernelBug);
    expect(readLog(cpus[0])).toContain('kernel BUG: spinlock recursion on CPU#0, lock: word 0');
    expect(heldLocks(cpus[0], 0)).toEqual([free]);
    spin_unlock(cpus[0], free);
    expect(cpus[0].i32[cpus[0].area + LOCKS_HELD]).toBe(0);
  });

  test('holding too many, and the report still gets through', () => {
    const { cpus, free } = stillMachine({ debug: true });
    for (let i = 0; i < HELD_LIMIT; i++) spin_lock(cpus[0], free + i * 2);
    const tooMany = `more than ${HELD_LIMIT} locks held on CPU#0`;
    expect(() => spin_lock(cpus[0], free + HELD_LIMIT * 2)).toThrow(tooMany);
    expect(() => spin_trylock(cpus[0], free + HELD_LIMIT * 2)).toThrow(tooMany);
    expect(readLog(cpus[0])).toContain(tooMany);
    expect(heldLocks(cpus[0], 0)).toHaveLength(HELD_LIMIT);
    for (let i = 0; i < HELD_LIMIT; i++) spin_unlock(cpus[0], free + i * 2);
    expect(heldLocks(cpus[0], 0)).toEqual([]);
  });
});

describe('waiting', () => {
  test('sleeps on the word, takes the lock when it is released, and wakes the next when done', () => {
    const { cpus, free, platform } = stillMachine();
    spin_lock(cpus[0], free);
    platform.meanwhile.push(() => {
      expect(cpus[1].i32[free]).toBe(1 | LOCK_CONTENDED);
      expect(cpus[1].i32[cpus[1].area + CPU_AREA.at.waitingOn]).toBe(free);
      spin_unlock(cpus[0], free);
    });
    spin_lock(cpus[1], free);
    expect(platform.notified).toEqual([[free, 1]]);
    expect(cpus[1].i32[cpus[1].area + CPU_AREA.at.waitingOn]).toBe(0);
    expect(lockOwner(cpus[0], free)).toBe(1);
    spin_unlock(cpus[1], free);
    expect(platform.notified).toEqual([
      [free, 1],
      [free, 1],
    ]);
  });

  test('a lock that is only waited for is not held, and is the one the CPU sleeps on', () => {
    const { cpus, free, platform } = stillMachine();
    spin_lock(cpus[0], free);
    spin_lock(cpus[1], free + 2);
    platform.meanwhile.push(() => {
      expect(heldLocks(cpus[0], 1)).toEqual([free + 2]);
      expect(heldLocks(cpus[0], 0)).toEqual([free]);
      spin_unlock(cpus[0], free);
    });
    spin_lock(cpus[1], free);
    expect(heldLocks(cpus[0], 1)).toEqual([free + 2, free]);
  });

  test('serves interrupts; a handler may take locks, also one it has to wait for', () => {
    const { cpus, free, platform } = stillMachine({ debug: true });
    const [owner, waiter, other] = cpus;
    spin_lock(owner, free);
    spin_lock(other, free + 2);
    spin_lock(waiter, free + 4);
    let served = 0;
    waiter.onInterrupt = () => {
      served++;
      expect(heldLocks(waiter, 1)).toEqual([free + 4]);
      platform.meanwhile.push(() => spin_unlock(other, free + 2));
      spin_lock(waiter, free + 2);
      expect(heldLocks(waiter, 1)).toEqual([free + 4, free + 2]);
      spin_unlock(waiter, free + 2);
      platform.meanwhile.push(() => spin_unlock(owner, free));
    };
    platform.meanwhile.push(() => {
      Atomics.or(waiter.i32, waiter.area + CPU_AREA.at.pending, IRQ_CALL_FUNCTION);
    });
    spin_lock(waiter, free);
    expect(served).toBe(1);
    expect(heldLocks(waiter, 1)).toEqual([free + 4, free]);
  });

  test('does not sleep over an interrupt that is pending, but does over a request to stop', () => {
    const { cpus, free, platform } = stillMachine();
    spin_lock(cpus[0], free);
    Atomics.or(cpus[1].i32, cpus[1].area + CPU_AREA.at.pending, IRQ_CALL_FUNCTION);
    cpus[1].onInterrupt = (pending) => {
      Atomics.or(cpus[1].i32, cpus[1].area + CPU_AREA.at.pending, IRQ_STOP);
      if ((pending & IRQ_CALL_FUNCTION) !== 0) platform.meanwhile.push(() => spin_unlock(cpus[0], free));
    };
    spin_lock(cpus[1], free);
    expect(platform.meanwhile).toEqual([]);
    expect(lockOwner(cpus[0], free)).toBe(1);
  });

  test('serves no interrupts while they are disabled', () => {
    const { cpus, free, platform } = stillMachine();
    let served = 0;
    cpus[1].onInterrupt = () => served++;
    spin_lock(cpus[0], free);
    Atomics.or(cpus[1].i32, cpus[1].area + CPU_AREA.at.pending, IRQ_CALL_FUNCTION);
    platform.meanwhile.push(
      () => {},
      () => spin_unlock(cpus[0], free),
    );
    const flags = spin_lock_irqsave(cpus[1], free);
    expect(served).toBe(0);
    spin_unlock_irqrestore(cpus[1], free, flags);
    expect(served).toBe(1);
  });

  test.each([
    [SYSTEM_PANIC, KernelPanic],
    [SYSTEM_HALTED, MachineHalted],
  ])('ends when the machine stops (system state %i), and nothing else looks held', (state, error) => {
    const { cpus, free, platform } = stillMachine();
    spin_lock(cpus[0], free);
    spin_lock(cpus[1], free + 2);
    platform.meanwhile.push(() => {
      Atomics.store(cpus[0].i32, KERNEL.system_state, state);
    });
    expect(() => spin_lock(cpus[1], free)).toThrow(error);
    expect(cpus[1].i32[cpus[1].area + LOCKS_HELD]).toBe(1);
    expect(heldLocks(cpus[0], 1)).toEqual([free + 2]);
  });

  test('a handler that throws leaves the list as it was', () => {
    const { cpus, free, platform } = stillMachine();
    spin_lock(cpus[0], free);
    cpus[1].onInterrupt = () => {
      throw new Error('handler');
    };
    platform.meanwhile.push(() => {
      Atomics.or(cpus[1].i32, cpus[1].area + CPU_AREA.at.pending, IRQ_CALL_FUNCTION);
    });
    expect(() => spin_lock(cpus[1], free)).toThrow('handler');
    expect(cpus[1].i32[cpus[1].area + LOCKS_HELD]).toBe(0);
  });
});

describe('a lock that is held too long', () => {
  test('is reported once by who waits, with the owner and where he took it', () => {
    const { cpus, free, platform } = stillMachine({ debug: true });
    cpus[0].i32[KERNEL.lock_hold_limit_ms] = 120;
    spin_lock_init(cpus[0], free);
    (function someKernelFunction() {
      spin_lock(cpus[0], free);
    })();
    for (let i = 0; i < 5; i++) platform.meanwhile.push(() => {});
    platform.meanwhile.push(() => {
      cpus[0].i32[KERNEL.lock_hold_limit_ms] = 1000;
      spin_unlock(cpus[0], free);
    });
    spin_lock(cpus[1], free);
    expect(platform.reports).toHaveLength(1);
    expect(platform.reports[0]).toContain(
      'BUG: spinlock lockup on CPU#1, lock: word 0, owner: CPU#0, 150 ms\nlock taken on CPU#0 at:',
    );
    expect(platform.reports[0]).toMatch(
      /taken on CPU#0 at:\n \[<spinlock\.test\.ts:\d+>\] someKernelFunction/,
    );
  });

  test('is reported by its owner when he releases it', () => {
    const { cpus, free, platform } = stillMachine({ debug: true });
    cpus[0].i32[KERNEL.lock_hold_limit_ms] = 1000;
    platform.time = 2 ** 31 - 500;
    spin_lock(cpus[0], free);
    platform.time += 1500;
    spin_unlock(cpus[0], free);
    expect(platform.reports[0]).toContain(
      'BUG: lock held too long on CPU#0, lock: word 0, 1500 ms\nlock taken at:',
    );
  });

  test('the lock of the log is reported without the log', () => {
    const { cpus, platform } = stillMachine();
    const { i32 } = cpus[0];
    i32[KERNEL.lock_hold_limit_ms] = 20;
    i32[KERNEL.logbuf_lock] = 1;
    platform.meanwhile.push(
      () => {},
      () => Atomics.store(i32, KERNEL.logbuf_lock, 0),
    );
    spin_lock(cpus[1], KERNEL.logbuf_lock);
    expect(platform.reports).toEqual([
      'BUG: spinlock lockup on CPU#1, lock: logbuf_lock, owner: CPU#0, 50 ms',
    ]);
  });
});
