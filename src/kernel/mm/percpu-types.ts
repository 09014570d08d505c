import { double, word } from '../../image/struct.js';

/**
 * The C types of per-CPU variables, as layouts: what `DEFINE_PER_CPU` and `alloc_percpu` take, besides arrays
 * (`array(int, 3)` is `int[3]`) and structs.
 */

/** `int`: reached as `i32[index]`. */
export const int = word;

/** `unsigned`: reached as `u32[index]`. */
export const unsigned = word;

/** `long` of a 64-bit machine: reached as `f64[index >>> 1]`, exact up to 2^53. */
export const long = double;

export { array, struct } from '../../image/struct.js';
