import { expect, test } from 'vitest';
import { readOnce, writeOnce } from '../../../src/kernel/core/access-once.js';
import * as atomic from '../../../src/kernel/sync/atomic.js';
import { stillMachine } from './still-machine.js';

const MAX = 0x7fffffff;

test('reads, writes, adds and subtracts', () => {
  const { cpus, free: v } = stillMachine();
  const [k] = cpus;
  atomic.atomic_set(k, v, 10);
  atomic.atomic_add(k, 5, v);
  atomic.atomic_sub(k, 3, v);
  atomic.atomic_inc(k, v);
  atomic.atomic_dec(k, v);
  expect(atomic.atomic_read(k, v)).toBe(12);
  expect(atomic.atomic_xchg(k, v, 7)).toBe(12);
  expect(atomic.atomic_cmpxchg(k, v, 8, 1)).toBe(7);
  expect(atomic.atomic_cmpxchg(k, v, 7, 1)).toBe(7);
  expect(readOnce(k, v)).toBe(1);
  writeOnce(k, v, 2);
  expect(atomic.atomic_read(k, v)).toBe(2);
});

test('returns the new value, which wraps', () => {
  const { cpus, free: v } = stillMachine();
  const [k] = cpus;
  atomic.atomic_set(k, v, MAX);
  expect(atomic.atomic_add_return(k, 1, v)).toBe(-MAX - 1);
  expect(atomic.atomic_sub_return(k, 1, v)).toBe(MAX);
  expect(atomic.atomic_inc_return(k, v)).toBe(-MAX - 1);
  expect(atomic.atomic_dec_return(k, v)).toBe(MAX);
  expect(atomic.atomic_read(k, v)).toBe(MAX);
});

test('tests the new value', () => {
  const { cpus, free: v } = stillMachine();
  const [k] = cpus;
  atomic.atomic_set(k, v, -2);
  expect(atomic.atomic_inc_and_test(k, v)).toBe(false);
  expect(atomic.atomic_inc_and_test(k, v)).toBe(true);
  atomic.atomic_set(k, v, 2);
  expect(atomic.atomic_dec_and_test(k, v)).toBe(false);
  expect(atomic.atomic_dec_and_test(k, v)).toBe(true);
  atomic.atomic_set(k, v, 5);
  expect(atomic.atomic_sub_and_test(k, 4, v)).toBe(false);
  expect(atomic.atomic_sub_and_test(k, 1, v)).toBe(true);
  expect(atomic.atomic_add_negative(k, 3, v)).toBe(false);
  expect(atomic.atomic_add_negative(k, -4, v)).toBe(true);
  expect(atomic.atomic_read(k, v)).toBe(-1);
});

test('adds unless the value is the forbidden one', () => {
  const { cpus, free: v } = stillMachine();
  const [k] = cpus;
  expect(atomic.atomic_inc_not_zero(k, v)).toBe(false);
  expect(atomic.atomic_read(k, v)).toBe(0);
  atomic.atomic_set(k, v, 1);
  expect(atomic.atomic_inc_not_zero(k, v)).toBe(true);
  expect(atomic.atomic_add_unless(k, v, -1, 1)).toBe(true);
  expect(atomic.atomic_add_unless(k, v, -1, 1)).toBe(false);
  expect(atomic.atomic_read(k, v)).toBe(1);
  atomic.atomic_set(k, v, MAX);
  expect(atomic.atomic_add_unless(k, v, 1, 0)).toBe(true);
  expect(atomic.atomic_read(k, v)).toBe(-MAX - 1);
});

test('a memory barrier changes nothing', () => {
  const { cpus } = stillMachine();
  const { i32 } = cpus[0];
  const before = i32.slice();
  atomic.smp_mb(cpus[0]);
  expect(before.findIndex((value, word) => value !== i32[word])).toBe(-1);
});
