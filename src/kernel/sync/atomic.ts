import { readOnce } from '../core/access-once.js';
import type { Cpu } from '../core/cpu.js';
import { CPU_AREA } from '../core/cpu-area.js';

/**
 * `atomic_t`: one word of the image, an integer of 32 bits that wraps. All functions may be called in any context;
 * those that change the word are also full memory barriers. Arguments are in Linux's order, behind the CPU.
 */

const PRIVATE_WORD = CPU_AREA.at.locks_held;

/** The value. May be old when it arrives. */
export function atomic_read(k: Cpu, v: number): number {
  return Atomics.load(k.i32, v);
}

export function atomic_set(k: Cpu, v: number, i: number): void {
  Atomics.store(k.i32, v, i);
}

export function atomic_add(k: Cpu, i: number, v: number): void {
  Atomics.add(k.i32, v, i);
}

export function atomic_sub(k: Cpu, i: number, v: number): void {
  Atomics.sub(k.i32, v, i);
}

export function atomic_inc(k: Cpu, v: number): void {
  Atomics.add(k.i32, v, 1);
}

export function atomic_dec(k: Cpu, v: number): void {
  Atomics.sub(k.i32, v, 1);
}

/** Adds; returns the new value. */
export function atomic_add_return(k: Cpu, i: number, v: number): number {
  return (Atomics.add(k.i32, v, i) + i) | 0;
}

/** Subtracts; returns the new value. */
export function atomic_sub_return(k: Cpu, i: number, v: number): number {
  return (Atomics.sub(k.i32, v, i) - i) | 0;
}

/** Increments; returns the new value. */
export function atomic_inc_return(k: Cpu, v: number): number {
  return (Atomics.add(k.i32, v, 1) + 1) | 0;
}

/** Decrements; returns the new value. */
export function atomic_dec_return(k: Cpu, v: number): number {
  return (Atomics.sub(k.i32, v, 1) - 1) | 0;
}

/** Increments; whether the value is now 0. */
export function atomic_inc_and_test(k: Cpu, v: number): boolean {
  return Atomics.add(k.i32, v, 1) === -1;
}

/** Decrements; whether the value is now 0. */
export function atomic_dec_and_test(k: Cpu, v: number): boolean {
  return Atomics.sub(k.i32, v, 1) === 1;
}

/** Subtracts; whether the value is now 0. */
export function atomic_sub_and_test(k: Cpu, i: number, v: number): boolean {
  return ((Atomics.sub(k.i32, v, i) - i) | 0) === 0;
}

/** Adds; whether the value is now negative. */
export function atomic_add_negative(k: Cpu, i: number, v: number): boolean {
  return ((Atomics.add(k.i32, v, i) + i) | 0) < 0;
}

/** Writes `replacement` if the value is `expected`; returns the value before. */
export function atomic_cmpxchg(k: Cpu, v: number, expected: number, replacement: number): number {
  return Atomics.compareExchange(k.i32, v, expected, replacement);
}

/** Writes `replacement`; returns the value before. */
export function atomic_xchg(k: Cpu, v: number, replacement: number): number {
  return Atomics.exchange(k.i32, v, replacement);
}

/** Adds `a` unless the value is `u`; whether it did. */
export function atomic_add_unless(k: Cpu, v: number, a: number, u: number): boolean {
  const { i32 } = k;
  let value = readOnce(k, v);
  while (value !== u) {
    const before = Atomics.compareExchange(i32, v, value, value + a);
    if (before === value) return true;
    value = before;
  }
  return false;
}

/** Increments unless the value is 0; whether it did. */
export function atomic_inc_not_zero(k: Cpu, v: number): boolean {
  return atomic_add_unless(k, v, 1, 0);
}

/**
 * A full memory barrier: no access moves across it, neither in the engine nor in the processor. Only for deliberate
 * races; locks and atomics need none.
 */
export function smp_mb(k: Cpu): void {
  // An atomic read-modify-write is the one barrier that JavaScript has. On a word of this CPU nobody waits for it.
  Atomics.or(k.i32, k.area + PRIVATE_WORD, 0);
}
