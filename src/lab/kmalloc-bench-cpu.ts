import { PAGE_SIZE } from '../arch/page.js';
import type { Kernel } from '../kernel/kernel.js';
import { frameWord } from '../kernel/mm/address.js';
import { ABORTED } from './bench-barrier.js';
import { sampleKmalloc } from './kmalloc-bench-sample.js';
import type { KmallocTask, ThreadSample } from './kmalloc-bench-task.js';

const OFFSET_MASK = PAGE_SIZE - 1;

/** The module that CPUs load. */
export const KMALLOC_BENCH_MODULE = import.meta.url;

/** What the CPUs of a row are told. */
export interface KmallocCpuTask extends KmallocTask {
  /** Numbers of the CPUs; the first one leads, pairs are neighbours here. */
  readonly cpus: readonly number[];
}

/**
 * One sample of `kmalloc` and `kfree` as one CPU. It is called on all of them at once.
 *
 * @throws Error when another CPU fails, and whatever the kernel throws; then the others give up too
 */
export function sampleOnCpu(k: Kernel, task: KmallocCpuTask): ThreadSample {
  const write = (object: number, times: number): void => {
    // Without the checks of wordAt(), which the pointers of C have not either.
    const word = frameWord(k, k.virt_to_page(object)) + ((object & OFFSET_MASK) >> 2);
    const { i32 } = k;
    for (let i = 0; i < times; i++) i32[word]++;
  };
  try {
    return sampleKmalloc({ heap: k, write }, task, task.cpus.indexOf(k.cpu));
  } catch (error) {
    Atomics.store(task.words, ABORTED, 1);
    throw error;
  }
}
