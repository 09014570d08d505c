import type { OpenHeap } from './kmalloc-bench-heap.js';
import {
  batchReverseRound,
  batchRound,
  consumeBatch,
  emptyWindow,
  endRing,
  fillWindow,
  pairRound,
  produceBatch,
  replaceRound,
  scratchObject,
  scratchRound,
} from './kmalloc-bench-rounds.js';
import { type KmallocTask, RING_BATCH, ringOf, WINDOW, windowOf } from './kmalloc-bench-task.js';

/** Operations in a round: from some 10 microseconds up. */
const ROUND = 4096;

/** Of a `cache-scratch`, whose operations last longer. */
const SCRATCH_ROUND = 256;

/** Batches of the ring in a round. */
const ROUND_BATCHES = 8;

/** Objects in the set of a `batch`. */
const BATCH = 32;

/** One thread's part in a workload, in one sample. */
export interface KmallocWork {
  /** Allocates what is held from the beginning. Does not count. */
  begin(): void;
  /** @returns operations done */
  round(): number;
  /** Whether all threads must do equally many rounds, and meet after each. */
  readonly inStep: boolean;
  /** Ends the sample; still counts. @returns operations done */
  finish(): number;
  /** Gives everything back, when all have finished. Does not count. */
  end(): void;
}

/** The work of a thread; the same for each sample. */
export function createKmallocWork(open: OpenHeap, task: KmallocTask, position: number): KmallocWork {
  switch (task.workload) {
    case 'pair':
      return pairWork(open);
    case 'batch':
      return batchWork(open, batchRound);
    case 'batch-reverse':
      return batchWork(open, batchReverseRound);
    case 'mixed':
      return mixedWork(open, position);
    case 'larson':
      return larsonWork(open, task, position);
    case 'xmalloc':
      return position % 2 === 0 ? producerWork(open, task, position) : consumerWork(open, task, position);
    case 'cache-scratch':
      return scratchWork(open, task, position);
  }
}

function pairWork({ heap }: OpenHeap): KmallocWork {
  return {
    begin: nothing,
    round: () => {
      pairRound(heap, ROUND);
      return ROUND;
    },
    inStep: false,
    finish: none,
    end: nothing,
  };
}

function batchWork({ heap }: OpenHeap, run: typeof batchRound): KmallocWork {
  const set = new Float64Array(BATCH);
  return {
    begin: nothing,
    round: () => {
      run(heap, set, ROUND / BATCH);
      return ROUND;
    },
    inStep: false,
    finish: none,
    end: nothing,
  };
}

function mixedWork({ heap }: OpenHeap, position: number): KmallocWork {
  const window = new Float64Array(WINDOW);
  let seed = position + 1;
  return {
    begin: () => {
      seed = fillWindow(heap, window, seed);
    },
    round: () => {
      seed = replaceRound(heap, window, ROUND, seed);
      return ROUND;
    },
    inStep: false,
    finish: none,
    end: () => emptyWindow(heap, window),
  };
}

function larsonWork({ heap }: OpenHeap, task: KmallocTask, position: number): KmallocWork {
  const windows = Array.from({ length: task.threads }, (_, i) => windowOf(task, position + i));
  let seed = position + 1;
  let rounds = 0;
  return {
    begin: () => {
      seed = fillWindow(heap, windows[0], seed);
    },
    round: () => {
      seed = replaceRound(heap, windows[rounds % windows.length], ROUND, seed);
      rounds++;
      return ROUND;
    },
    inStep: true,
    finish: none,
    end: () => emptyWindow(heap, windows[0]),
  };
}

function producerWork({ heap }: OpenHeap, task: KmallocTask, position: number): KmallocWork {
  const ring = ringOf(task, position);
  let seed = position + 1;
  return {
    begin: nothing,
    round: () => {
      for (let i = 0; i < ROUND_BATCHES; i++) seed = produceBatch(heap, ring, RING_BATCH, seed);
      return 0;
    },
    inStep: false,
    finish: () => {
      endRing(heap, ring);
      return 0;
    },
    end: nothing,
  };
}

function consumerWork({ heap }: OpenHeap, task: KmallocTask, position: number): KmallocWork {
  const ring = ringOf(task, position);
  let more = true;
  const consume = (): number => {
    const freed = consumeBatch(heap, ring, RING_BATCH);
    more = freed >= 0;
    return more ? freed : -1 - freed;
  };
  return {
    begin: nothing,
    round: () => {
      let freed = 0;
      for (let i = 0; i < ROUND_BATCHES && more; i++) freed += consume();
      return freed;
    },
    inStep: false,
    // The time is over, but the other CPU may still be filling the ring.
    finish: () => {
      let freed = 0;
      while (more) freed += consume();
      return freed;
    },
    end: nothing,
  };
}

function scratchWork({ heap, write }: OpenHeap, task: KmallocTask, position: number): KmallocWork {
  const { objects, threads } = task;
  let object = 0;
  return {
    // One thread allocates for all of them.
    begin: () => {
      for (let i = 0; i < threads && position === 0; i++) objects[i] = scratchObject(heap);
    },
    round: () => {
      if (object === 0) object = objects[position];
      object = scratchRound(heap, write, object, SCRATCH_ROUND);
      return SCRATCH_ROUND;
    },
    inStep: false,
    finish: none,
    end: () => heap.kfree(object),
  };
}

function nothing(): void {}

function none(): number {
  return 0;
}
