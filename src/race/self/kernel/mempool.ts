import { TASK, TASK_UNINTERRUPTIBLE, WAIT_ENTRY } from '../../../kernel/core/task-struct.js';
import { firstThreadSlot, taskAt } from '../../../kernel/core/tasks.js';
import { GFP_KERNEL, GFP_NOWAIT } from '../../../kernel/mm/gfp.js';
import type { Kernel } from '../../../kernel/kernel.js';
import { leaveLines } from '../../../kernel/sched/leave-lines.js';
import { joinLast, WQ_FLAG_AUTOREMOVE, WQ_FLAG_EXCLUSIVE } from '../../../kernel/sched/wait-line.js';
import { MEMPOOL } from '../../../kernel/slab/mempool-chain.js';
import { SCENARIO_MODULE, scenario } from '../../scenario.js';
import { expectValue } from '../expect-value.js';
import { kernelPart, NOT_EXCLUSIVE, NOT_WOKEN, type KernelPart } from './kernel-part.js';
import { oneZone } from './machines.js';
import { scratchLine } from './scratch.js';

/**
 * Memory pools. Elements are numbers, and a word says how many the allocation function can make; each has a bit that says who
 * has it. Who gives elements back comes first: alone, nobody has to wait.
 */

const FILE = 'kernel/slab/mempool';
const POOL = scratchLine(0);
/** Elements that can be made. */
const MEMORY = scratchLine(1);
/** The last element that was made. */
const MADE = scratchLine(2);
/** A bit for each element that somebody has got. */
const HELD = scratchLine(3);

const { min_nr: MIN_NR, curr_nr: CURR_NR } = MEMPOOL.at;

const FUNCTIONS = {
  alloc: (k: Kernel): number => {
    const left = Atomics.load(k.i32, MEMORY);
    if (left === 0 || Atomics.compareExchange(k.i32, MEMORY, left, left - 1) !== left) return 0;
    return Atomics.add(k.i32, MADE, 1) + 1;
  },
  free: (k: Kernel): void => {
    Atomics.add(k.i32, MEMORY, 1);
  },
};

const poolOf = (k: Kernel): number => Atomics.load(k.i32, POOL);

/** Makes a pool, and takes some of its elements, the last ones: then there is no memory for others. */
function setUp(k: Kernel, min_nr: number, taken: number): void {
  k.i32[MEMORY] = min_nr;
  const alloc = k.module_symbol(SCENARIO_MODULE, 'alloc');
  const free = k.module_symbol(SCENARIO_MODULE, 'free');
  const pool = k.mempool_create(min_nr, alloc, free, 0);
  k.i32[POOL] = pool;
  for (let i = 0; i < taken; i++) take(k, GFP_NOWAIT);
}

/** Gets an element, which nobody else has. */
function take(k: Kernel, gfp: number): number {
  const element = k.mempool_alloc(poolOf(k), gfp);
  if (element === 0) throw new Error('no element');
  const bit = 1 << element;
  if ((Atomics.or(k.i32, HELD, bit) & bit) !== 0) throw new Error(`element ${element} has two owners`);
  return element;
}

function give(k: Kernel, element: number): void {
  Atomics.and(k.i32, HELD, ~(1 << element));
  k.mempool_free(element, poolOf(k));
}

/** What is out, in the reserve, and not made is all that there is. */
function expectAll(k: Kernel, all: number, out: number, minNr: number): void {
  const pool = poolOf(k);
  let held = 0;
  for (let bits = k.i32[HELD]; bits !== 0; bits &= bits - 1) held++;
  expectValue('elements that somebody has', held, out);
  expectValue('what the reserve should have', k.i32[pool + MIN_NR], minNr);
  expectValue('all elements', held + k.i32[pool + CURR_NR] + k.i32[MEMORY], all);
  expectValue('whether somebody waits', k.waitqueue_active(pool + MEMPOOL.at.wait) ? 1 : 0, 0);
}

const woken = kernelPart(
  scenario({
    name: 'kernel: a task that waits for an element of a pool gets the one that is given back',
    machine: oneZone(2),
    functions: FUNCTIONS,
    setup: (k) => setUp(k, 1, 1),
    threads: [
      (k) => give(k, 1),
      (k) => {
        take(k, GFP_KERNEL);
      },
    ],
    final: (k) => expectAll(k, 1, 1, 1),
  }),
  {
    'it looks at the reserve before it is in line': {
      kinds: NOT_WOKEN,
      patches: [
        {
          file: FILE,
          find: 'prepare_to_wait_exclusive(k, queue, wait, TASK_UNINTERRUPTIBLE);',
          replace:
            'const seen = takeReserved(k, pool); prepare_to_wait_exclusive(k, queue, wait, TASK_UNINTERRUPTIBLE);',
        },
        { file: FILE, find: 'const reserved = takeReserved(k, pool);', replace: 'const reserved = seen;' },
      ],
    },
    'who gives it back wakes before the reserve has it': {
      kinds: NOT_WOKEN,
      patches: [
        { file: FILE, find: 'wake_up(k, pool + WAIT);', replace: ';' },
        {
          file: FILE,
          find: "checkPool(k, pool, 'mempool_free');",
          replace: 'wake_up(k, pool + WAIT);',
        },
      ],
    },
    'the reserve is looked at without its lock': {
      kinds: NOT_EXCLUSIVE,
      patches: [
        {
          file: FILE,
          find: 'const element = k.i32[pool + CURR_NR] > 0 ? pop(k, pool) : 0;',
          replace:
            'spin_unlock_irqrestore(k, pool + LOCK, flags); const element = k.i32[pool + CURR_NR] > 0 ? pop(k, pool) : 0; spin_lock_irqsave(k, pool + LOCK);',
        },
      ],
    },
  },
);

const both = kernelPart(
  scenario({
    name: 'kernel: of two tasks that wait for elements of a pool each gets one',
    machine: oneZone(3),
    functions: FUNCTIONS,
    setup: (k) => setUp(k, 2, 2),
    threads: [
      (k) => {
        give(k, 1);
        give(k, 2);
      },
      (k) => {
        take(k, GFP_KERNEL);
      },
      (k) => {
        take(k, GFP_KERNEL);
      },
    ],
    final: (k) => expectAll(k, 2, 2, 2),
  }),
  {
    'only the first element wakes': {
      kinds: NOT_WOKEN,
      patches: [
        {
          file: FILE,
          find: 'wake_up(k, pool + WAIT);',
          replace: '{ if (count === 0) wake_up(k, pool + WAIT); }',
        },
      ],
    },
  },
);

const passed = kernelPart(
  scenario({
    name: 'kernel: a task that is woken for an element of a pool and finds memory passes its turn on',
    machine: oneZone(3),
    functions: FUNCTIONS,
    setup: (k) => setUp(k, 1, 1),
    threads: [
      (k) => {
        Atomics.add(k.i32, MEMORY, 1);
        give(k, 1);
      },
      (k) => {
        give(k, take(k, GFP_KERNEL));
      },
      (k) => {
        give(k, take(k, GFP_KERNEL));
      },
    ],
    final: (k) => expectAll(k, 2, 0, 1),
  }),
  {
    'it keeps its turn': {
      kinds: NOT_WOKEN,
      patches: [
        {
          file: FILE,
          find: 'abort_exclusive_wait(k, queue, wait);',
          replace: 'finish_wait(k, queue, wait);',
        },
      ],
    },
  },
);

/** A task whose thread is dead sleeps in line, before all others. */
function dieInLine(k: Kernel): void {
  const task = taskAt(k, firstThreadSlot(k));
  const entry = task + TASK.at.waits;
  const queue = poolOf(k) + MEMPOOL.at.wait;
  k.i32[entry + WAIT_ENTRY.at.head] = queue;
  k.i32[entry + WAIT_ENTRY.at.flags] = WQ_FLAG_EXCLUSIVE | WQ_FLAG_AUTOREMOVE;
  joinLast(k, queue, entry);
  k.i32[task + TASK.at.state] = TASK_UNINTERRUPTIBLE;
}

const buried = kernelPart(
  scenario({
    name: 'kernel: an element of a pool for which a dead task was woken goes to the next in line',
    machine: oneZone(3),
    functions: FUNCTIONS,
    setup: (k) => {
      setUp(k, 1, 1);
      dieInLine(k);
    },
    threads: [
      (k) => give(k, 1),
      (k) => {
        leaveLines(k, taskAt(k, firstThreadSlot(k)));
      },
      (k) => {
        take(k, GFP_KERNEL);
      },
    ],
    final: (k) => expectAll(k, 1, 1, 1),
  }),
  {
    'nobody else is woken': {
      kinds: NOT_WOKEN,
      patches: [
        {
          file: 'kernel/sched/leave-lines',
          find: 'if ((kind & WQ_FLAG_WOKEN) !== 0)',
          replace: 'if (false)',
        },
      ],
    },
  },
);

const grown = kernelPart(
  scenario({
    name: 'kernel: a pool gets a larger reserve while elements come and go',
    machine: oneZone(2),
    functions: FUNCTIONS,
    setup: (k) => {
      setUp(k, 1, 1);
      Atomics.store(k.i32, MEMORY, 1);
    },
    threads: [
      (k) => {
        give(k, 1);
        k.mempool_resize(poolOf(k), 3, GFP_KERNEL);
      },
      (k) => {
        give(k, take(k, GFP_KERNEL));
      },
    ],
    final: (k) => expectAll(k, 2, 0, 3),
  }),
  {
    'the array is exchanged without the lock': {
      kinds: NOT_EXCLUSIVE,
      patches: [
        {
          file: FILE,
          find: 'if (wanted > i32[pool + MIN_NR]) {',
          replace: 'if (wanted > i32[pool + MIN_NR]) { spin_unlock_irqrestore(k, pool + LOCK, flags);',
        },
        {
          file: FILE,
          find: 'i32[pool + MIN_NR] = wanted;',
          replace: 'i32[pool + MIN_NR] = wanted; spin_lock_irqsave(k, pool + LOCK);',
        },
      ],
    },
  },
);

const shrunk = kernelPart(
  scenario({
    name: 'kernel: a pool gets a smaller reserve while elements come and go',
    machine: oneZone(2),
    functions: FUNCTIONS,
    setup: (k) => setUp(k, 3, 0),
    threads: [
      (k) => {
        k.mempool_resize(poolOf(k), 1, GFP_KERNEL);
      },
      (k) => {
        give(k, take(k, GFP_KERNEL));
      },
    ],
    final: (k) => {
      expectAll(k, 3, 0, 1);
      expectValue('the reserve', k.i32[poolOf(k) + CURR_NR], 1);
    },
  }),
  {
    'what is too much is counted without the lock': {
      kinds: NOT_EXCLUSIVE,
      patches: [
        {
          file: FILE,
          find: 'surplus = pop(k, pool);',
          replace:
            '{ spin_unlock_irqrestore(k, pool + LOCK, flags); surplus = pop(k, pool); spin_lock_irqsave(k, pool + LOCK); }',
        },
      ],
    },
  },
);

export const MEMPOOL_PARTS: readonly KernelPart[] = [woken, both, passed, buried, grown, shrunk];
