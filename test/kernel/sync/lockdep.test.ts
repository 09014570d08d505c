import { describe, expect, test } from 'vitest';
import { KERNEL } from '../../../src/kernel/core/kernel-data.js';
import { MAX_LOCK_CLASSES } from '../../../src/kernel/core/limits.js';
import { rawLock, rawUnlock } from '../../../src/kernel/core/raw-lock.js';
import { lock_class, lockClassName } from '../../../src/kernel/sync/lockdep.js';
import {
  read_lock,
  read_unlock,
  rwlock_init,
  write_lock,
  write_unlock,
} from '../../../src/kernel/sync/rwlock.js';
import { spin_lock, spin_lock_init, spin_trylock, spin_unlock } from '../../../src/kernel/sync/spinlock.js';
import type { LockCpu } from '../../support/lock-cpu.js';
import { stillMachine, type StillMachine } from './still-machine.js';

interface Locks extends StillMachine {
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

/** A machine with three locks of classes a, b and c. */
function threeLocks(init: (k: LockCpu, lock: number, lockClass: number) => void): Locks {
  const machine = stillMachine({ debug: true });
  const locks = { a: machine.free, b: machine.free + 2, c: machine.free + 4 };
  for (const [name, lock] of Object.entries(locks))
    init(machine.cpus[0], lock, lock_class(machine.cpus[0], name));
  return { ...machine, ...locks };
}

function nest(k: LockCpu, outer: number, inner: number): void {
  spin_lock(k, outer);
  spin_lock(k, inner);
  spin_unlock(k, inner);
  spin_unlock(k, outer);
}

describe('lock classes', () => {
  test('one number for one name', () => {
    const [k] = stillMachine().cpus;
    const zone = lock_class(k, 'zone.lock');
    expect(zone).toBe(1);
    expect(lock_class(k, 'lru_lock')).toBe(2);
    expect(lock_class(k, 'zone.lock')).toBe(zone);
    expect(lockClassName(k, zone)).toBe('zone.lock');
  });

  test('too many locks are not checked', () => {
    const [k] = stillMachine().cpus;
    for (let i = 1; i < MAX_LOCK_CLASSES; i++) expect(lock_class(k, `class ${i}`)).toBe(i);
    expect(lock_class(k, 'one more')).toBe(0);
    expect(lock_class(k, 'class 7')).toBe(7);
  });

  test('a lock that was never initialised is a BUG', () => {
    const { cpus, free } = stillMachine({ debug: true });
    cpus[0].i32[free + 1] = 12345;
    expect(() => spin_lock(cpus[0], free)).toThrow('lock not initialised: word 0');
  });
});

describe('the order of spinlocks', () => {
  test('an inversion is reported the first time both orders are seen, with where the other was seen', () => {
    const { cpus, platform, a, b } = threeLocks(spin_lock_init);
    (function firstOrder() {
      nest(cpus[0], a, b);
    })();
    expect(platform.reports).toEqual([]);
    nest(cpus[1], b, a);
    expect(platform.reports).toHaveLength(1);
    expect(platform.reports[0]).toContain('[ INFO: possible circular locking dependency detected ]');
    expect(platform.reports[0]).toContain('CPU#1 wants word 0 (class a) while it holds a lock of class b,');
    expect(platform.reports[0]).toMatch(
      / a -> b, first seen at:\n \[<lockdep\.test\.ts:\d+>\] nest\n.*firstOrder/,
    );
  });

  test('each inversion is reported once', () => {
    const { cpus, platform, a, b } = threeLocks(spin_lock_init);
    for (let i = 0; i < 3; i++) {
      nest(cpus[0], a, b);
      nest(cpus[1], b, a);
    }
    expect(platform.reports).toHaveLength(1);
  });

  test('a chain of three', () => {
    const { cpus, platform, a, b, c } = threeLocks(spin_lock_init);
    nest(cpus[0], a, b);
    nest(cpus[1], b, c);
    expect(platform.reports).toEqual([]);
    nest(cpus[2], c, a);
    expect(platform.reports).toHaveLength(1);
    expect(platform.reports[0]).toMatch(/ a -> b, first seen at:(.|\n)* b -> c, first seen at:/);
  });

  test('any lock below the top one counts', () => {
    const { cpus, platform, a, b, c } = threeLocks(spin_lock_init);
    spin_lock(cpus[0], a);
    nest(cpus[0], b, c);
    spin_unlock(cpus[0], a);
    nest(cpus[0], c, a);
    expect(platform.reports).toHaveLength(1);
  });

  test('locks of one class have no order', () => {
    const { cpus, platform, a, b } = threeLocks((k, lock) =>
      spin_lock_init(k, lock, lock_class(k, 'zone.lock')),
    );
    nest(cpus[0], a, b);
    nest(cpus[0], b, a);
    expect(platform.reports).toEqual([]);
  });

  test('a trylock waits for nobody, but what comes after it does', () => {
    const { cpus, platform, a, b } = threeLocks(spin_lock_init);
    nest(cpus[0], a, b);
    spin_lock(cpus[0], b);
    expect(spin_trylock(cpus[0], a)).toBe(true);
    spin_unlock(cpus[0], b);
    expect(platform.reports).toEqual([]);
    spin_unlock(cpus[0], a);
    expect(spin_trylock(cpus[0], b)).toBe(true);
    spin_lock(cpus[0], a);
    expect(platform.reports).toHaveLength(1);
  });

  test('the word behind a lock taken without the checker is not a class', () => {
    const { cpus, platform, free } = stillMachine({ debug: true });
    const [k] = cpus;
    spin_lock_init(k, free, lock_class(k, 'a'));
    // A slot of the list that a checked lock had before.
    spin_lock(k, free);
    spin_unlock(k, free);
    k.i32[KERNEL.logbuf_lock + 1] = 1 << 30;
    rawLock(k, KERNEL.logbuf_lock);
    spin_lock(k, free);
    rawUnlock(k, KERNEL.logbuf_lock);
    spin_unlock(k, free);
    expect(platform.reports).toEqual([]);
  });
});

describe('the order of rwlocks', () => {
  test('readers do not wait for readers', () => {
    const { cpus, platform, a, b } = threeLocks(rwlock_init);
    readNest(cpus[0], a, b);
    readNest(cpus[1], b, a);
    expect(platform.reports).toEqual([]);
  });

  test('nor does one who reads the lock that the other holds for reading', () => {
    const { cpus, platform, a, b } = threeLocks(rwlock_init);
    read_lock(cpus[0], a);
    write_lock(cpus[0], b);
    write_unlock(cpus[0], b);
    read_unlock(cpus[0], a);
    write_lock(cpus[1], b);
    read_lock(cpus[1], a);
    expect(platform.reports).toEqual([]);
  });

  test('a writer between two readers closes the circle, whichever comes first', () => {
    for (const [first, second] of [
      [readNest, writeNest],
      [writeNest, readNest],
    ] as const) {
      const { cpus, platform, a, b } = threeLocks(rwlock_init);
      first(cpus[0], a, b);
      expect(platform.reports).toEqual([]);
      second(cpus[1], b, a);
      expect(platform.reports).toHaveLength(1);
    }
  });

  test('reading again is no inversion', () => {
    const { cpus, platform, a } = threeLocks(rwlock_init);
    readNest(cpus[0], a, a);
    expect(platform.reports).toEqual([]);
  });

  test('a chain through a lock that both sides read does not close', () => {
    const { cpus, platform, a, b, c } = threeLocks(rwlock_init);
    // a before b, b only read; b, read, before c: nobody waits at b.
    write_lock(cpus[0], a);
    read_lock(cpus[0], b);
    read_unlock(cpus[0], b);
    write_unlock(cpus[0], a);
    read_lock(cpus[1], b);
    write_lock(cpus[1], c);
    write_unlock(cpus[1], c);
    read_unlock(cpus[1], b);
    writeNest(cpus[2], c, a);
    expect(platform.reports).toEqual([]);
    writeNest(cpus[2], b, c);
    expect(platform.reports).toHaveLength(1);
  });

  function readNest(k: LockCpu, outer: number, inner: number): void {
    read_lock(k, outer);
    read_lock(k, inner);
    read_unlock(k, inner);
    read_unlock(k, outer);
  }

  function writeNest(k: LockCpu, outer: number, inner: number): void {
    write_lock(k, outer);
    write_lock(k, inner);
    write_unlock(k, inner);
    write_unlock(k, outer);
  }
});
