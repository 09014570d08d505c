import { PAGE_WORDS } from '../arch/page.js';
import { readOnce } from '../kernel/core/access-once.js';
import { KERNEL } from '../kernel/core/kernel-data.js';
import type { Kernel } from '../kernel/kernel.js';
import { frameWord } from '../kernel/mm/address.js';
import { __GFP_ZERO, GFP_KERNEL } from '../kernel/mm/gfp.js';
import { int } from '../kernel/mm/percpu-types.js';
import type { CounterKind } from './counter-kind.js';

/** One kind of counter. `counter` is what `make` gave: a word index, or a per-CPU variable. */
export interface CounterLoop {
  /** Makes a counter with 0 in it; the same one again for kinds that are never freed. */
  make(k: Kernel): number;
  /** Increments it. `position` is the CPU's place among those that count: 0, 1, ... */
  count(k: Kernel, counter: number, position: number, times: number): void;
  /** What all CPUs have counted, modulo 2^32. `positions`: how many CPUs count. */
  sum(k: Kernel, counter: number, positions: number): number;
  free(k: Kernel, counter: number): void;
}

/** As many pages as have a cache line for each of 256 CPUs. */
const ORDER = 2;
/** The last word of these: the line of CPU 255 is counted in its first. */
const FRAME = (PAGE_WORDS << ORDER) - 1;
/** log2 of the words of a cache line. */
const LINE_SHIFT = 4;
/** Where in the memory of a counter with a lock the count is; the lock is at 0. */
const COUNT = 2;

/** Zeroed memory; its word index. Its last word keeps the frame, for {@link freeWords}. */
function makeWords(k: Kernel): number {
  const pfn = k.alloc_pages(GFP_KERNEL | __GFP_ZERO, ORDER);
  if (pfn === 0) throw new Error('there is no memory for the counter');
  const words = frameWord(k, pfn);
  k.i32[words + FRAME] = pfn;
  return words;
}

function freeWords(k: Kernel, counter: number): void {
  k.__free_pages(k.i32[counter + FRAME], ORDER);
}

function sumWords(k: Kernel, first: number, step: number, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum = (sum + readOnce(k, first + i * step)) | 0;
  return sum;
}

function sumCopies(k: Kernel, variable: number): number {
  let sum = 0;
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++)
    sum = (sum + readOnce(k, k.per_cpu(variable, cpu))) | 0;
  return sum;
}

/** The variable of a name, with all copies 0: static variables stay as long as the machine. */
function makeStatic(k: Kernel, name: string): number {
  const variable = k.DEFINE_PER_CPU(int, name, import.meta.url);
  for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++) k.i32[k.per_cpu(variable, cpu)] = 0;
  return variable;
}

function nothing(): void {}

const bare: CounterLoop = {
  make: makeWords,
  count(k, counter, position, times) {
    const { i32 } = k;
    const word = counter + (position << LINE_SHIFT);
    for (let i = 0; i < times; i++) i32[word]++;
  },
  sum: (k, counter, positions) => sumWords(k, counter, 1 << LINE_SHIFT, positions),
  free: freeWords,
};

const guarded: CounterLoop = {
  make: (k) => makeStatic(k, 'guarded'),
  count(k, variable, _, times) {
    for (let i = 0; i < times; i++) {
      k.i32[k.get_cpu_var(variable)]++;
      k.put_cpu_var(variable);
    }
  },
  sum: sumCopies,
  free: nothing,
};

const unguarded: CounterLoop = {
  make: (k) => makeStatic(k, 'unguarded'),
  count(k, variable, _, times) {
    for (let i = 0; i < times; i++) k.i32[k.__get_cpu_var(variable)]++;
  },
  sum: sumCopies,
  free: nothing,
};

const dynamic: CounterLoop = {
  make(k) {
    const pointer = k.alloc_percpu(int);
    if (pointer === 0) throw new Error('there is no memory for the counter');
    return pointer;
  },
  count(k, pointer, _, times) {
    for (let i = 0; i < times; i++) {
      k.i32[k.get_cpu_ptr(pointer)]++;
      k.put_cpu_ptr(pointer);
    }
  },
  sum(k, pointer) {
    let sum = 0;
    for (let cpu = 0; cpu < k.i32[KERNEL.nr_cpus]; cpu++)
      sum = (sum + readOnce(k, k.per_cpu_ptr(pointer, cpu))) | 0;
    return sum;
  },
  free: (k, pointer) => k.free_percpu(pointer),
};

const percpu_counter: CounterLoop = {
  make(k) {
    const fbc = makeWords(k);
    if (k.percpu_counter_init(fbc, 0) !== 0) throw new Error('there is no memory for the counter');
    return fbc;
  },
  count(k, fbc, _, times) {
    for (let i = 0; i < times; i++) k.percpu_counter_add(fbc, 1);
  },
  sum: (k, fbc) => k.percpu_counter_sum(fbc) | 0,
  free(k, fbc) {
    k.percpu_counter_destroy(fbc);
    freeWords(k, fbc);
  },
};

const atomic: CounterLoop = {
  make: makeWords,
  count(k, counter, _, times) {
    for (let i = 0; i < times; i++) k.atomic_inc(counter);
  },
  sum: (k, counter) => k.atomic_read(counter),
  free: freeWords,
};

const spinlock: CounterLoop = {
  make: makeWords,
  count(k, counter, _, times) {
    for (let i = 0; i < times; i++) {
      k.spin_lock(counter);
      k.i32[counter + COUNT]++;
      k.spin_unlock(counter);
    }
  },
  sum(k, counter) {
    k.spin_lock(counter);
    const sum = k.i32[counter + COUNT];
    k.spin_unlock(counter);
    return sum;
  },
  free: freeWords,
};

const rwlock: CounterLoop = {
  make: makeWords,
  count(k, counter, _, times) {
    for (let i = 0; i < times; i++) {
      k.write_lock(counter);
      k.i32[counter + COUNT]++;
      k.write_unlock(counter);
    }
  },
  sum(k, counter) {
    k.read_lock(counter);
    const sum = k.i32[counter + COUNT];
    k.read_unlock(counter);
    return sum;
  },
  free: freeWords,
};

const falseSharing: CounterLoop = {
  make: makeWords,
  count(k, counter, position, times) {
    const { i32 } = k;
    const word = counter + position;
    for (let i = 0; i < times; i++) i32[word]++;
  },
  sum: (k, counter, positions) => sumWords(k, counter, 1, positions),
  free: freeWords,
};

export const COUNTER_LOOPS: Readonly<Record<CounterKind, CounterLoop>> = {
  bare,
  guarded,
  unguarded,
  dynamic,
  percpu_counter,
  atomic,
  spinlock,
  rwlock,
  'false-sharing': falseSharing,
};
