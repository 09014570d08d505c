import { WORD_INDEX_MASK } from '../../image/memory-image.js';
import { double, struct, word } from '../../image/struct.js';
import { readDoubleOnce, readOnce } from '../core/access-once.js';
import { BUG_ON } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { cpu_online } from '../core/cpu-mask.js';
import { KERNEL } from '../core/kernel-data.js';
import { NR_CPUS } from '../core/limits.js';
import { preempt_enable } from '../core/preempt.js';
import { lock_class } from '../sync/lockdep.js';
import {
  spin_lock,
  SPINLOCK,
  spin_lock_irqsave,
  spin_unlock,
  spin_unlock_irqrestore,
} from '../sync/spinlock.js';
import { INIT_LIST_HEAD, LIST_HEAD, list_add, list_del } from '../core/list.js';
import { get_cpu_ptr, per_cpu_ptr } from './percpu-access.js';
import { alloc_percpu, free_percpu } from './percpu-alloc.js';
import { int } from './percpu-types.js';

/**
 * Counters that many CPUs change and few read (facts file, section 7): each CPU counts in its own copy and spills it into
 * the common count when it reaches FBC_BATCH, so that one lock is paid for many changes. The functions and their limits are those
 * of 2.6.24, with `percpu_counter_mod`, as `percpu_counter_add` was called up to 2.6.23.
 *
 * A counter is changed in process context only, or in interrupts only: a copy is protected by disabled preemption, and
 * the lock leaves interrupts on.
 */

/** `struct percpu_counter`: somewhere in the image, at an even word. */
export const PERCPU_COUNTER = struct('percpu_counter', {
  /** Protects `count`. A leaf in the order of locks. */
  lock: SPINLOCK,
  /** A double: exact up to 2^53. Read without the lock by who is content with an estimate, a deliberate race. */
  count: double,
  /** Among all counters. Under percpu_counters_lock. */
  list: LIST_HEAD,
  /** Dynamic per-CPU `int`: what each CPU has not spilled. A CPU's own, but for sums, where the race is deliberate. */
  counters: word,
});

// Module-local constants: V8 folds them into the code, imported ones cost a load each.
const COUNT = PERCPU_COUNTER.at.count;
const LIST = PERCPU_COUNTER.at.list;
const COUNTERS = PERCPU_COUNTER.at.counters;

/**
 * A copy spills when it gets so far from 0. By the number of CPUs that the kernel is built for, not of those that the
 * machine has; one that is built for fewer than 16 has 4 for each. From 2.6.29 on it is max(32, 2 x online CPUs).
 */
export const FBC_BATCH = NR_CPUS * 2;
const BATCH = FBC_BATCH;
const INDEX = WORD_INDEX_MASK;
const ownCopy = get_cpu_ptr;
const enable = preempt_enable;

const ENOMEM = 12;

/** What all counters need. Boot CPU, once. */
export function percpu_counter_startup(k: Cpu): void {
  k.i32[KERNEL.percpu_counter_class] = lock_class(k, 'percpu_counter->lock');
  k.i32[KERNEL.percpu_counters_lock + SPINLOCK.at.lock_class] = lock_class(k, 'percpu_counters_lock');
  INIT_LIST_HEAD(k.i32, KERNEL.percpu_counters);
}

/**
 * Makes a counter. May sleep.
 *
 * @param fbc word index of a {@link PERCPU_COUNTER}
 * @param amount its first value
 * @returns 0, or -ENOMEM
 * @throws KernelBug for an odd word
 */
export function percpu_counter_init(k: Cpu, fbc: number, amount: number): number {
  // Objects of debugged caches may begin at any word.
  BUG_ON(k, (fbc & 1) !== 0, `percpu_counter_init: word ${fbc} is odd, and a counter begins at an even one`);
  k.i32[fbc] = 0;
  k.i32[fbc + SPINLOCK.at.lock_class] = k.i32[KERNEL.percpu_counter_class];
  k.f64[(fbc + COUNT) >>> 1] = amount;
  k.i32[fbc + COUNTERS] = alloc_percpu(k, int);
  if (k.i32[fbc + COUNTERS] === 0) return -ENOMEM;
  const flags = spin_lock_irqsave(k, KERNEL.percpu_counters_lock);
  list_add(k.i32, fbc + LIST, KERNEL.percpu_counters);
  spin_unlock_irqrestore(k, KERNEL.percpu_counters_lock, flags);
  return 0;
}

/** Ends a counter; one whose init failed is allowed. Any context. */
export function percpu_counter_destroy(k: Cpu, fbc: number): void {
  if (k.i32[fbc + COUNTERS] === 0) return;
  const flags = spin_lock_irqsave(k, KERNEL.percpu_counters_lock);
  list_del(k.i32, fbc + LIST);
  spin_unlock_irqrestore(k, KERNEL.percpu_counters_lock, flags);
  free_percpu(k, k.i32[fbc + COUNTERS]);
  k.i32[fbc + COUNTERS] = 0;
}

/** Adds an integer, which may be negative. */
export function percpu_counter_add(k: Cpu, fbc: number, amount: number): void {
  const { i32 } = k;
  const own = ownCopy(k, i32[(fbc & INDEX) + COUNTERS]);
  const count = i32[own & INDEX] + amount;
  if (count >= BATCH || count <= -BATCH) spill(k, fbc, own, count);
  else i32[own & INDEX] = count;
  enable(k);
}

/** {@link percpu_counter_add} by its name up to 2.6.23. */
export function percpu_counter_mod(k: Cpu, fbc: number, amount: number): void {
  percpu_counter_add(k, fbc, amount);
}

export function percpu_counter_inc(k: Cpu, fbc: number): void {
  percpu_counter_add(k, fbc, 1);
}

export function percpu_counter_dec(k: Cpu, fbc: number): void {
  percpu_counter_add(k, fbc, -1);
}

/** The common count alone: off by less than CPUs times FBC_BATCH. Takes no lock. Any context. */
export function percpu_counter_read(k: Cpu, fbc: number): number {
  return readDoubleOnce(k, fbc + COUNT);
}

/** {@link percpu_counter_read} of what cannot be negative: 1 instead. Up to 2.6.9 also instead of 0. */
export function percpu_counter_read_positive(k: Cpu, fbc: number): number {
  const count = readDoubleOnce(k, fbc + COUNT);
  return count < 0 ? 1 : count;
}

/** The common count and what online CPUs have not spilled: exact when nobody changes the counter meanwhile. */
export function percpu_counter_sum(k: Cpu, fbc: number): number {
  const counters = k.i32[fbc + COUNTERS];
  spin_lock(k, fbc);
  let sum = k.f64[(fbc + COUNT) >>> 1];
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) {
    if (cpu_online(k, cpu)) sum += readOnce(k, per_cpu_ptr(k, counters, cpu));
  }
  spin_unlock(k, fbc);
  return sum;
}

/**
 * Moves what this CPU, which goes away, has not spilled into the common counts. Before the CPU goes offline: so a sum that
 * comes between misses nothing.
 */
export function percpu_counters_fold(k: Cpu): void {
  const { i32 } = k;
  const flags = spin_lock_irqsave(k, KERNEL.percpu_counters_lock);
  try {
    for (let link = i32[KERNEL.percpu_counters]; link !== KERNEL.percpu_counters; link = i32[link]) {
      const fbc = link - LIST;
      const copy = per_cpu_ptr(k, i32[fbc + COUNTERS], k.cpu);
      spill(k, fbc, copy, i32[copy]);
    }
  } finally {
    // The console gives up a wait for a counter's lock that takes too long; what is folded by then stays folded.
    spin_unlock_irqrestore(k, KERNEL.percpu_counters_lock, flags);
  }
}

/** Adds `amount`, which a copy stands for, to the common count; the copy is then 0. Preemption is off. */
function spill(k: Cpu, counter: number, copy: number, amount: number): void {
  spin_lock(k, counter);
  k.f64[(counter + COUNT) >>> 1] += amount;
  k.i32[copy] = 0;
  spin_unlock(k, counter);
}
