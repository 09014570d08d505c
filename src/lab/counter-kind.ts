/** What `gfp bench counters` can measure, and what it is. */
export const COUNTER_KINDS = {
  bare: 'i32[word]++ and nothing else, a cache line for each CPU: the floor',
  guarded: 'a static per-CPU variable between get_cpu_var and put_cpu_var',
  unguarded: 'a static per-CPU variable through __get_cpu_var',
  dynamic: 'an alloc_percpu variable between get_cpu_ptr and put_cpu_ptr',
  percpu_counter: 'percpu_counter_add of 1',
  atomic: 'atomic_inc of one atomic_t that all CPUs share',
  spinlock: 'an int that all CPUs share, under a spinlock',
  rwlock: 'an int that all CPUs share, under write_lock; read under read_lock',
  'false-sharing': 'a copy for each CPU, as bare, but all copies in one cache line after another',
} as const;

export type CounterKind = keyof typeof COUNTER_KINDS;

export const COUNTER_KIND_NAMES = Object.keys(COUNTER_KINDS) as readonly CounterKind[];

/** Kinds that may lose increments: of a task that is moved, or of an interrupt handler. All others must be exact. */
export const INEXACT_COUNTERS: ReadonlySet<CounterKind> = new Set(['unguarded']);
