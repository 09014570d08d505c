import { meet, STOP } from './bench-barrier.js';
import type { OpenHeap } from './kmalloc-bench-heap.js';
import type { KmallocTask, ThreadSample } from './kmalloc-bench-task.js';
import { createKmallocWork } from './kmalloc-bench-work.js';

const NS_PER_US = 1000;

/**
 * Runs one sample as one of its threads; all of them call it at once. They run rounds until the first one's clock says
 * that it is enough.
 *
 * @throws Error when another thread fails, or the allocator has too little memory
 */
export function sampleKmalloc(open: OpenHeap, task: KmallocTask, position: number): ThreadSample {
  const { words, threads, sampleMs } = task;
  const { heap } = open;
  const work = createKmallocWork(open, task, position);
  work.begin();
  // All are awake after the first meeting, so the second one ends for all at once.
  meet(heap, words, threads);
  meet(heap, words, threads);
  let operations = 0;
  let rounds = 0;
  const cpuBefore = cpuTime();
  const start = now();
  const deadline = performance.now() + sampleMs;
  do {
    operations += work.round();
    rounds++;
    if (position === 0 && performance.now() >= deadline) Atomics.store(words, STOP, rounds);
    if (work.inStep) meet(heap, words, threads);
    heap.poll();
  } while (!isOver(words, work.inStep, rounds));
  operations += work.finish();
  const end = now();
  const cpuNs = cpuTime() - cpuBefore;
  meet(heap, words, threads);
  work.end();
  if (position === 0) Atomics.store(words, STOP, 0);
  return { start, end, operations, cpuNs };
}

/** Who is in step may be told to stop when the others, a round ahead, are waiting already: all end after that round. */
function isOver(words: Int32Array, inStep: boolean, rounds: number): boolean {
  const last = Atomics.load(words, STOP);
  return last !== 0 && (!inStep || rounds >= last);
}

/** Nanoseconds, by a clock that all threads share. */
function now(): number {
  return Number(process.hrtime.bigint());
}

/** Nanoseconds that all threads of this process have run. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * NS_PER_US;
}
