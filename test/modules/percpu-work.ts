import { GFP_KERNEL, int, type Kernel } from 'gfp';

/** Functions on CPUs that share per-CPU variables of this module, each found by its name. */

/** Counts in this CPU's copy, with interrupts in between; where the variable lies. */
export function countHits(k: Kernel, rounds: number): number {
  const hits = k.DEFINE_PER_CPU(int, 'hits', import.meta.url);
  for (let i = 0; i < rounds; i++) {
    k.i32[k.get_cpu_var(hits)]++;
    k.put_cpu_var(hits);
  }
  return hits;
}

/** What all CPUs have counted. */
export function sumHits(k: Kernel): number {
  const hits = k.DEFINE_PER_CPU(int, 'hits', import.meta.url);
  let sum = 0;
  for (let cpu = 0; cpu < k.num_online_cpus(); cpu++) sum += k.i32[k.per_cpu(hits, cpu)];
  return sum;
}

/** Makes a counter in a page of its own; where it is. */
export function makeCounter(k: Kernel, amount: number): number {
  const fbc = k.wordAt(k.get_zeroed_page(GFP_KERNEL));
  if (k.percpu_counter_init(fbc, amount) !== 0) throw new Error('there is no memory for a counter');
  return fbc;
}

/** Ends a counter; what it had counted. */
export function endCounter(k: Kernel, fbc: number): number {
  const sum = k.percpu_counter_sum(fbc);
  k.percpu_counter_destroy(fbc);
  return sum;
}

/** Adds to a counter, up and down. */
export function countTogether(k: Kernel, { fbc, rounds }: { fbc: number; rounds: number }): void {
  for (let i = 0; i < rounds; i++) {
    k.percpu_counter_add(fbc, 3);
    k.percpu_counter_dec(fbc);
  }
}

/** Allocates variables, marks all copies, looks at the marks, and frees; all at once on all CPUs. */
export function churnDynamic(k: Kernel, rounds: number): void {
  for (let i = 0; i < rounds; i++) {
    const p = k.__alloc_percpu(64 << (i % 8), 4);
    if (p === 0) throw new Error('alloc_percpu failed although there is memory');
    for (let cpu = 0; cpu < 4; cpu++) {
      const copy = k.per_cpu_ptr(p, cpu);
      if (k.i32[copy] !== 0) throw new Error(`a new copy has ${k.i32[copy]} in it`);
      k.i32[copy] = k.cpu + 1;
    }
    k.poll();
    for (let cpu = 0; cpu < 4; cpu++) {
      const mark = k.i32[k.per_cpu_ptr(p, cpu)];
      if (mark !== k.cpu + 1) throw new Error(`a copy has ${mark} in it, not ${k.cpu + 1}`);
    }
    k.free_percpu(p);
  }
}
