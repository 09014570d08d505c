import type { Kernel } from '../kernel/kernel.js';
import { frameWord } from '../kernel/mm/address.js';
import { GFP_KERNEL } from '../kernel/mm/gfp.js';
import { ABORTED, BARRIER_WORDS, meet, STOP } from './bench-barrier.js';
import { measureAtomicAdd } from './bench-reference.js';
import { COUNTER_LOOPS } from './counter-loops.js';
import type { CounterSample, CounterTask, CpuCount } from './counter-task.js';

/** Increments in a round: from some microseconds to some hundreds, by the kind. */
const ROUND = 4096;

const NS_PER_US = 1000;

/** Where in the shared memory the counter is told to all. */
const COUNTER = BARRIER_WORDS;
export const COUNTER_SHARED_WORDS = BARRIER_WORDS + 1;

/** The module that CPUs load. */
export const COUNTER_BENCH_MODULE = import.meta.url;

/** What a CPU has done so far. */
interface Tally {
  increments: number;
  reads: number;
  /** When to sum next, by `performance.now()`. */
  nextRead: number;
}

/**
 * Runs one row of the bench as one of its CPUs. It is called on all of them at once.
 *
 * @throws Error when another CPU fails, and whatever the kernel throws; then the others give up too
 */
export function countOnCpu(k: Kernel, task: CounterTask): CpuCount {
  try {
    return countRow(k, task);
  } catch (error) {
    Atomics.store(task.shared, ABORTED, 1);
    throw error;
  }
}

function countRow(k: Kernel, task: CounterTask): CpuCount {
  const { kind, cpus, shared, warmups, repeats } = task;
  const loop = COUNTER_LOOPS[kind];
  const position = cpus.indexOf(k.cpu);
  const leads = position === 0;
  if (leads) Atomics.store(shared, COUNTER, loop.make(k));
  meet(k, shared, cpus.length);
  const counter = Atomics.load(shared, COUNTER);
  const page = leads ? k.alloc_page(GFP_KERNEL) : 0;
  if (leads && page === 0) throw new Error('there is no memory for the page of the bench itself');
  const tally: Tally = { increments: 0, reads: 0, nextRead: 0 };
  const samples: CounterSample[] = [];
  for (let i = 0; i < warmups + repeats; i++) {
    // The others sleep at the barrier meanwhile.
    const atomicAddNs = leads ? measureAtomicAdd(k.i32, frameWord(k, page)) : 0;
    const timed = sample(k, task, counter, position, tally);
    if (i >= warmups) samples.push({ ...timed, atomicAddNs });
  }
  // The last meeting of the last sample is behind all increments.
  const sum = leads ? loop.sum(k, counter, cpus.length) : 0;
  if (leads) {
    k.__free_pages(page, 0);
    loop.free(k, counter);
  }
  return { cpu: k.cpu, samples, increments: tally.increments, reads: tally.reads, sum };
}

/** Counts until the first CPU's clock says that it is enough; then all stop. */
function sample(
  k: Kernel,
  task: CounterTask,
  counter: number,
  position: number,
  tally: Tally,
): Omit<CounterSample, 'atomicAddNs'> {
  const { shared, cpus, sampleMs, kind } = task;
  const loop = COUNTER_LOOPS[kind];
  const reads = position === 0 && task.readEveryMs > 0;
  // All are awake after the first meeting, so the second one ends for all at once.
  meet(k, shared, cpus.length);
  meet(k, shared, cpus.length);
  const before = tally.increments;
  const cpuBefore = cpuTime();
  const start = now();
  const deadline = performance.now() + sampleMs;
  do {
    loop.count(k, counter, position, ROUND);
    tally.increments += ROUND;
    const time = performance.now();
    if (reads && time >= tally.nextRead) {
      loop.sum(k, counter, cpus.length);
      tally.reads++;
      tally.nextRead = time + task.readEveryMs;
    }
    if (time >= deadline) Atomics.store(shared, STOP, 1);
    k.poll();
  } while (Atomics.load(shared, STOP) === 0);
  const end = now();
  const cpuNs = cpuTime() - cpuBefore;
  meet(k, shared, cpus.length);
  Atomics.store(shared, STOP, 0);
  return { start, end, increments: tally.increments - before, cpuNs };
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
