import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';

/**
 * Operations on a bit map: an array of words at a word index `addr`, bit `nr` in word `nr / 32`. The functions
 * without underscores are atomic, those that return something full memory barriers as well. The `__` ones are for
 * maps that a held lock protects. Any context.
 */

export function set_bit(k: Cpu, nr: number, addr: number): void {
  Atomics.or(k.i32, addr + (nr >>> 5), 1 << (nr & 31));
}

export function clear_bit(k: Cpu, nr: number, addr: number): void {
  Atomics.and(k.i32, addr + (nr >>> 5), ~(1 << (nr & 31)));
}

export function change_bit(k: Cpu, nr: number, addr: number): void {
  Atomics.xor(k.i32, addr + (nr >>> 5), 1 << (nr & 31));
}

/** Whether the bit is set. May be old when it arrives. */
export function test_bit(k: Cpu, nr: number, addr: number): boolean {
  return ((readOnce(k, addr + (nr >>> 5)) >>> (nr & 31)) & 1) !== 0;
}

/** Sets the bit; whether it was set before. */
export function test_and_set_bit(k: Cpu, nr: number, addr: number): boolean {
  return ((Atomics.or(k.i32, addr + (nr >>> 5), 1 << (nr & 31)) >>> (nr & 31)) & 1) !== 0;
}

/** Clears the bit; whether it was set before. */
export function test_and_clear_bit(k: Cpu, nr: number, addr: number): boolean {
  return ((Atomics.and(k.i32, addr + (nr >>> 5), ~(1 << (nr & 31))) >>> (nr & 31)) & 1) !== 0;
}

/** Inverts the bit; whether it was set before. */
export function test_and_change_bit(k: Cpu, nr: number, addr: number): boolean {
  return ((Atomics.xor(k.i32, addr + (nr >>> 5), 1 << (nr & 31)) >>> (nr & 31)) & 1) !== 0;
}

export function __set_bit(k: Cpu, nr: number, addr: number): void {
  k.i32[addr + (nr >>> 5)] |= 1 << (nr & 31);
}

export function __clear_bit(k: Cpu, nr: number, addr: number): void {
  k.i32[addr + (nr >>> 5)] &= ~(1 << (nr & 31));
}

export function __change_bit(k: Cpu, nr: number, addr: number): void {
  k.i32[addr + (nr >>> 5)] ^= 1 << (nr & 31);
}

/** Sets the bit; whether it was set before. */
export function __test_and_set_bit(k: Cpu, nr: number, addr: number): boolean {
  const old = k.i32[addr + (nr >>> 5)];
  k.i32[addr + (nr >>> 5)] = old | (1 << (nr & 31));
  return ((old >>> (nr & 31)) & 1) !== 0;
}

/** Clears the bit; whether it was set before. */
export function __test_and_clear_bit(k: Cpu, nr: number, addr: number): boolean {
  const old = k.i32[addr + (nr >>> 5)];
  k.i32[addr + (nr >>> 5)] = old & ~(1 << (nr & 31));
  return ((old >>> (nr & 31)) & 1) !== 0;
}

/** Inverts the bit; whether it was set before. */
export function __test_and_change_bit(k: Cpu, nr: number, addr: number): boolean {
  const old = k.i32[addr + (nr >>> 5)];
  k.i32[addr + (nr >>> 5)] = old ^ (1 << (nr & 31));
  return ((old >>> (nr & 31)) & 1) !== 0;
}

/** The number of the first set bit; `size` when none is set. */
export function find_first_bit(k: Cpu, addr: number, size: number): number {
  return findNext(k, addr, size, 0, 0);
}

/** The number of the first set bit from bit `offset` on; `size` when none is set. */
export function find_next_bit(k: Cpu, addr: number, size: number, offset: number): number {
  return findNext(k, addr, size, offset, 0);
}

/** The number of the first clear bit; `size` when all are set. */
export function find_first_zero_bit(k: Cpu, addr: number, size: number): number {
  return findNext(k, addr, size, 0, -1);
}

/** The number of the first clear bit from bit `offset` on; `size` when all are set. */
export function find_next_zero_bit(k: Cpu, addr: number, size: number, offset: number): number {
  return findNext(k, addr, size, offset, -1);
}

/** @param invert 0 to look for set bits, -1 for clear ones */
function findNext(k: Cpu, addr: number, size: number, offset: number, invert: number): number {
  // Below the first bit nothing counts.
  let mask = -1 << (offset & 31);
  for (let nr = offset & ~31; nr < size; nr += 32) {
    const word = (readOnce(k, addr + (nr >>> 5)) ^ invert) & mask;
    if (word !== 0) return Math.min(nr + __ffs(word), size);
    mask = -1;
  }
  return size;
}

/** The number of the lowest set bit, from 0; the word is not 0. */
export function __ffs(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** The number of the lowest clear bit, from 0; the word has one. */
export function ffz(word: number): number {
  return __ffs(~word);
}

/** The number of the lowest set bit, from 1; 0 when none is set. */
export function ffs(word: number): number {
  return 32 - Math.clz32(word & -word);
}

/** The number of the highest set bit, from 1; 0 when none is set. */
export function fls(word: number): number {
  return 32 - Math.clz32(word);
}

/** How many bits are set. */
export function hweight32(word: number): number {
  // Sums of ever larger neighbours: of 1, 2, then 4 bits; the multiplication adds up the four bytes.
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
