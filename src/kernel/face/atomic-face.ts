import * as atomic from '../sync/atomic.js';
import * as bitops from '../sync/bitops.js';
import { CpuFace } from './cpu-face.js';

/** `atomic_t` and bit operations: `v` and `addr` are word indices of the image. */
export abstract class AtomicFace extends CpuFace {
  atomic_read(v: number): number {
    return atomic.atomic_read(this, v);
  }

  atomic_set(v: number, i: number): void {
    atomic.atomic_set(this, v, i);
  }

  atomic_add(i: number, v: number): void {
    atomic.atomic_add(this, i, v);
  }

  atomic_sub(i: number, v: number): void {
    atomic.atomic_sub(this, i, v);
  }

  atomic_inc(v: number): void {
    atomic.atomic_inc(this, v);
  }

  atomic_dec(v: number): void {
    atomic.atomic_dec(this, v);
  }

  atomic_add_return(i: number, v: number): number {
    return atomic.atomic_add_return(this, i, v);
  }

  atomic_sub_return(i: number, v: number): number {
    return atomic.atomic_sub_return(this, i, v);
  }

  atomic_inc_return(v: number): number {
    return atomic.atomic_inc_return(this, v);
  }

  atomic_dec_return(v: number): number {
    return atomic.atomic_dec_return(this, v);
  }

  atomic_inc_and_test(v: number): boolean {
    return atomic.atomic_inc_and_test(this, v);
  }

  atomic_dec_and_test(v: number): boolean {
    return atomic.atomic_dec_and_test(this, v);
  }

  atomic_sub_and_test(i: number, v: number): boolean {
    return atomic.atomic_sub_and_test(this, i, v);
  }

  atomic_add_negative(i: number, v: number): boolean {
    return atomic.atomic_add_negative(this, i, v);
  }

  atomic_cmpxchg(v: number, expected: number, replacement: number): number {
    return atomic.atomic_cmpxchg(this, v, expected, replacement);
  }

  atomic_xchg(v: number, replacement: number): number {
    return atomic.atomic_xchg(this, v, replacement);
  }

  atomic_add_unless(v: number, a: number, u: number): boolean {
    return atomic.atomic_add_unless(this, v, a, u);
  }

  atomic_inc_not_zero(v: number): boolean {
    return atomic.atomic_inc_not_zero(this, v);
  }

  set_bit(nr: number, addr: number): void {
    bitops.set_bit(this, nr, addr);
  }

  clear_bit(nr: number, addr: number): void {
    bitops.clear_bit(this, nr, addr);
  }

  change_bit(nr: number, addr: number): void {
    bitops.change_bit(this, nr, addr);
  }

  test_bit(nr: number, addr: number): boolean {
    return bitops.test_bit(this, nr, addr);
  }

  test_and_set_bit(nr: number, addr: number): boolean {
    return bitops.test_and_set_bit(this, nr, addr);
  }

  test_and_clear_bit(nr: number, addr: number): boolean {
    return bitops.test_and_clear_bit(this, nr, addr);
  }

  test_and_change_bit(nr: number, addr: number): boolean {
    return bitops.test_and_change_bit(this, nr, addr);
  }

  __set_bit(nr: number, addr: number): void {
    bitops.__set_bit(this, nr, addr);
  }

  __clear_bit(nr: number, addr: number): void {
    bitops.__clear_bit(this, nr, addr);
  }

  __change_bit(nr: number, addr: number): void {
    bitops.__change_bit(this, nr, addr);
  }

  __test_and_set_bit(nr: number, addr: number): boolean {
    return bitops.__test_and_set_bit(this, nr, addr);
  }

  __test_and_clear_bit(nr: number, addr: number): boolean {
    return bitops.__test_and_clear_bit(this, nr, addr);
  }

  __test_and_change_bit(nr: number, addr: number): boolean {
    return bitops.__test_and_change_bit(this, nr, addr);
  }

  find_first_bit(addr: number, size: number): number {
    return bitops.find_first_bit(this, addr, size);
  }

  find_next_bit(addr: number, size: number, offset: number): number {
    return bitops.find_next_bit(this, addr, size, offset);
  }

  find_first_zero_bit(addr: number, size: number): number {
    return bitops.find_first_zero_bit(this, addr, size);
  }

  find_next_zero_bit(addr: number, size: number, offset: number): number {
    return bitops.find_next_zero_bit(this, addr, size, offset);
  }
}
