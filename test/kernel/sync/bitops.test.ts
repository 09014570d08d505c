import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import * as bitops from '../../../src/kernel/sync/bitops.js';
import { stillMachine } from './still-machine.js';

const BITS = 100;

const { cpus, free } = stillMachine();
const [k] = cpus;

function fill(bits: readonly number[]): void {
  for (let nr = 0; nr < BITS + 32; nr++) bitops.__clear_bit(k, nr, free);
  for (const nr of bits) bitops.__set_bit(k, nr, free);
}

const bit = fc.nat(BITS - 1);
const bits = fc.uniqueArray(bit);

describe.each([
  ['atomic', bitops.set_bit, bitops.clear_bit, bitops.change_bit],
  ['non-atomic', bitops.__set_bit, bitops.__clear_bit, bitops.__change_bit],
] as const)('%s changes', (_, set, clear, change) => {
  test.prop([bits, bit])('touch one bit', (before, nr) => {
    const others = before.filter((other) => other !== nr);
    fill(before);
    set(k, nr, free);
    expect(allSet()).toEqual([...others, nr].sort((a, b) => a - b));
    clear(k, nr, free);
    expect(allSet()).toEqual([...others].sort((a, b) => a - b));
    change(k, nr, free);
    expect(bitops.test_bit(k, nr, free)).toBe(true);
    change(k, nr, free);
    expect(bitops.test_bit(k, nr, free)).toBe(false);
  });
});

describe.each([
  ['atomic', bitops.test_and_set_bit, bitops.test_and_clear_bit, bitops.test_and_change_bit],
  ['non-atomic', bitops.__test_and_set_bit, bitops.__test_and_clear_bit, bitops.__test_and_change_bit],
] as const)('%s tests', (_, testAndSet, testAndClear, testAndChange) => {
  test.prop([bits, bit])('return what was', (before, nr) => {
    fill(before);
    expect(testAndSet(k, nr, free)).toBe(before.includes(nr));
    expect(testAndSet(k, nr, free)).toBe(true);
    expect(testAndClear(k, nr, free)).toBe(true);
    expect(testAndClear(k, nr, free)).toBe(false);
    expect(testAndChange(k, nr, free)).toBe(false);
    expect(testAndChange(k, nr, free)).toBe(true);
    expect(allSet()).toEqual(before.filter((other) => other !== nr).sort((a, b) => a - b));
  });
});

test.prop([bits, fc.nat(BITS), fc.nat(BITS + 40)])('find bits', (set, size, offset) => {
  fill(set);
  const first = (from: number, wanted: boolean): number => {
    for (let nr = from; nr < size; nr++) if (set.includes(nr) === wanted) return nr;
    return size;
  };
  expect(bitops.find_first_bit(k, free, size)).toBe(first(0, true));
  expect(bitops.find_first_zero_bit(k, free, size)).toBe(first(0, false));
  expect(bitops.find_next_bit(k, free, size, offset)).toBe(first(offset, true));
  expect(bitops.find_next_zero_bit(k, free, size, offset)).toBe(first(offset, false));
});

test.prop([fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })])('bits of a word', (word) => {
  const digits = (word >>> 0).toString(2).padStart(32, '0');
  const lowest = 31 - digits.lastIndexOf('1');
  expect(bitops.hweight32(word)).toBe(digits.replaceAll('0', '').length);
  expect(bitops.fls(word)).toBe(word === 0 ? 0 : 32 - digits.indexOf('1'));
  expect(bitops.ffs(word)).toBe(word === 0 ? 0 : lowest + 1);
  if (word !== 0) expect(bitops.__ffs(word)).toBe(lowest);
  if (word !== -1) expect(bitops.ffz(word)).toBe(31 - digits.lastIndexOf('0'));
});

test.each([0, 1, -1, -(2 ** 31), 2 ** 31 - 1])('the ends of the range: %i', (word) => {
  const digits = (word >>> 0).toString(2);
  expect(bitops.hweight32(word)).toBe(digits.replaceAll('0', '').length);
  expect(bitops.fls(word)).toBe(word === 0 ? 0 : digits.length);
});

function allSet(): number[] {
  const found: number[] = [];
  for (let nr = 0; nr < BITS + 32; nr++) if (bitops.test_bit(k, nr, free)) found.push(nr);
  return found;
}
