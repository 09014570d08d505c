import type { Kernel } from '../kernel/kernel.js';
import { frameWord } from '../kernel/mm/address.js';
import { __GFP_NOWARN, GFP_KERNEL } from '../kernel/mm/gfp.js';
import { ABORTED, BARRIER_WORDS, meet, STOP } from './bench-barrier.js';
import { measureAtomicAdd, measureLock } from './bench-reference.js';
import { ringBatch, ringWords } from './bench-ring.js';
import {
  allocateSet,
  type BenchTally,
  bulkRound,
  consumeBatch,
  endRing,
  freeSet,
  produceBatch,
  randomRound,
  repeatRound,
} from './bench-rounds.js';
import type { BenchTask, CpuBench, CpuSample } from './bench-task.js';

/** Pairs in a round: from some 10 microseconds to half a millisecond, by the order. */
const ROUND_PAIRS = 1024;

/** Batches of the ring in a round. */
const ROUND_BATCHES = 8;

/** Where in the CPU's own page the two words for the reference measurements lie: a cache line each. */
const COUNTER_WORD = 0;
const LOCK_WORD = 64;

const NS_PER_US = 1000;

/** The module that CPUs load. */
export const BENCH_CPU_MODULE = import.meta.url;

type BenchReference = Pick<CpuSample, 'atomicAddNs' | 'lockNs'>;

/** One CPU's part in a workload. */
interface BenchWork {
  round(): void;
  /** Ends the sample; still counts in its time. */
  endSample(): void;
  /** Gives everything back. */
  end(): void;
}

/**
 * Runs one row of the bench as one of its CPUs. It is called on all of them at once.
 *
 * @throws Error when another CPU fails, and whatever the kernel throws; then the others give up too
 */
export function benchOnCpu(k: Kernel, task: BenchTask): CpuBench {
  const tally: BenchTally = { allocated: 0, freed: 0, failures: 0 };
  try {
    const work = createWork(k, task, tally);
    const samples = sampleAll(k, task, work, tally);
    work.end();
    return { cpu: k.cpu, samples, ...tally };
  } catch (error) {
    Atomics.store(task.shared, ABORTED, 1);
    throw error;
  }
}

function sampleAll(k: Kernel, task: BenchTask, work: BenchWork, tally: BenchTally): CpuSample[] {
  const samples: CpuSample[] = [];
  const isLeader = k.cpu === task.cpus[0];
  const page = isLeader ? k.alloc_page(GFP_KERNEL | __GFP_NOWARN) : 0;
  if (isLeader && page === 0) throw new Error('there is no memory for the page of the bench itself');
  for (let i = 0; i < task.warmups + task.repeats; i++) {
    // The others sleep at the barrier meanwhile.
    const reference = isLeader ? measureReference(k, page) : { atomicAddNs: 0, lockNs: 0 };
    const timed = sample(k, task, work, tally);
    if (i >= task.warmups) samples.push({ ...reference, ...timed });
  }
  if (isLeader) k.__free_pages(page, 0);
  return samples;
}

function measureReference(k: Kernel, page: number): BenchReference {
  const word = frameWord(k, page);
  k.spin_lock_init(word + LOCK_WORD);
  return {
    atomicAddNs: measureAtomicAdd(k.i32, word + COUNTER_WORD),
    lockNs: measureLock(k, word + LOCK_WORD),
  };
}

/** Runs rounds until the first CPU's clock says that it is enough; then all stop. */
function sample(
  k: Kernel,
  task: BenchTask,
  work: BenchWork,
  tally: BenchTally,
): Omit<CpuSample, keyof BenchReference> {
  const { shared, cpus, sampleMs } = task;
  // All are awake after the first meeting, so the second one ends for all at once.
  meet(k, shared, cpus.length);
  meet(k, shared, cpus.length);
  const before = tally.freed;
  const cpuBefore = cpuTime();
  const start = now();
  const deadline = performance.now() + sampleMs;
  do {
    work.round();
    if (performance.now() >= deadline) Atomics.store(shared, STOP, 1);
  } while (Atomics.load(shared, STOP) === 0);
  work.endSample();
  const end = now();
  const cpuNs = cpuTime() - cpuBefore;
  const pairs = tally.freed - before;
  meet(k, shared, cpus.length);
  Atomics.store(shared, STOP, 0);
  return { start, end, pairs, cpuNs };
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

function createWork(k: Kernel, task: BenchTask, tally: BenchTally): BenchWork {
  switch (task.workload) {
    case 'repeat':
      return repeatWork(k, task, tally);
    case 'bulk':
      return bulkWork(k, task, tally);
    case 'random':
      return randomWork(k, task, tally);
    case 'remote':
      return task.cpus.indexOf(k.cpu) % 2 === 0 ? producerWork(k, task, tally) : consumerWork(k, task, tally);
  }
}

function repeatWork(k: Kernel, { order }: BenchTask, tally: BenchTally): BenchWork {
  return {
    round: () => {
      repeatRound(k, order, ROUND_PAIRS, tally);
    },
    endSample: nothing,
    end: nothing,
  };
}

function bulkWork(k: Kernel, { order, blocks }: BenchTask, tally: BenchTally): BenchWork {
  const set = new Int32Array(blocks);
  const sets = Math.ceil(ROUND_PAIRS / blocks);
  return {
    round: () => {
      bulkRound(k, order, set, sets, tally);
    },
    endSample: nothing,
    end: nothing,
  };
}

function randomWork(k: Kernel, { order, blocks }: BenchTask, tally: BenchTally): BenchWork {
  const set = new Int32Array(blocks);
  allocateSet(k, order, set, tally);
  let seed = k.cpu + 1;
  return {
    round: () => {
      seed = randomRound(k, order, set, ROUND_PAIRS, seed, tally);
    },
    endSample: nothing,
    end: () => {
      freeSet(k, order, set, tally);
    },
  };
}

function producerWork(k: Kernel, task: BenchTask, tally: BenchTally): BenchWork {
  const { order, shared, blocks: slots } = task;
  const ring = ringOf(k, task);
  const batch = ringBatch(slots);
  return {
    round: () => {
      for (let i = 0; i < ROUND_BATCHES; i++) produceBatch(k, order, shared, ring, slots, batch, tally);
    },
    endSample: () => {
      endRing(k, shared, ring, slots);
    },
    end: nothing,
  };
}

function consumerWork(k: Kernel, task: BenchTask, tally: BenchTally): BenchWork {
  const { order, shared, blocks: slots } = task;
  const ring = ringOf(k, task);
  const batch = ringBatch(slots);
  let more = true;
  return {
    round: () => {
      for (let i = 0; i < ROUND_BATCHES && more; i++) {
        more = consumeBatch(k, order, shared, ring, slots, batch, tally);
      }
    },
    // The time is over, but the other CPU may still be filling the ring.
    endSample: () => {
      while (more) more = consumeBatch(k, order, shared, ring, slots, batch, tally);
      more = true;
    },
    end: nothing,
  };
}

/** Where the ring of this CPU's pair begins. */
function ringOf(k: Kernel, { cpus, blocks }: BenchTask): number {
  return BARRIER_WORDS + (cpus.indexOf(k.cpu) >> 1) * ringWords(blocks);
}

function nothing(): void {}
