import { array, double, lineStart, struct, word, WORD_BYTES } from '../image/struct.js';
import { KERNEL } from '../kernel/core/kernel-data.js';
import { NR_CPUS } from '../kernel/core/limits.js';
import type { Kernel } from '../kernel/kernel.js';
import { frameWord } from '../kernel/mm/address.js';
import { get_order } from '../kernel/mm/get-order.js';
import { __GFP_ZERO, GFP_KERNEL } from '../kernel/mm/gfp.js';
import { PERCPU_COUNTER } from '../kernel/mm/percpu-counter.js';
import { int } from '../kernel/mm/percpu-types.js';
import { COMPLETION } from '../kernel/sched/completion.js';
import { MUTEX } from '../kernel/sched/mutex.js';
import { SEMAPHORE } from '../kernel/sched/semaphore.js';
import { WAIT_QUEUE_HEAD } from '../kernel/sched/wait-line.js';
import { TASK_COUNTERS, TASK_OPERATIONS } from './task-stress-names.js';

/**
 * What the tasks of a stress run share: counters and what guards them, and a row for each task that says what it does and
 * what it has counted. All of it lies in a block of the machine's own memory, where kernel threads find it, too.
 */

/** Mutexes, and as many semaphores for one task at a time, each with a counter. */
export const GUARDS = 8;
/** What {@link ROW}'s `using` and a bit of `retired` say of the semaphore that several tasks can have. */
export const WIDE_GUARD = 2 * GUARDS;
/** How many can have it. */
export const WIDE_COUNT = 3;
export const COMPLETIONS = 4;
export const SUMS = 2;
/** Blocks that a task holds at most. */
export const TASK_BLOCKS = 8;
/** Tasks at most: each can have one kernel thread beside it. */
export const MAX_STRESS_TASKS = 120;

const GUARDED_BY_MUTEX = struct('guarded_by_mutex', { lock: MUTEX, count: word, even: double });
const GUARDED_BY_SEMAPHORE = struct('guarded_by_semaphore', { lock: SEMAPHORE, count: word, even: double });

/** Two tasks in turn. */
export const BATON = struct('baton', {
  queue: WAIT_QUEUE_HEAD,
  /** Whose turn it is, the lower bit of its row. Atomics. */
  turn: word,
  /** 1: one of the two has ended. Atomics. */
  gone: word,
  /** Of whose turn it is. */
  count: word,
});

/** The words of a block that a task holds. The task's own, and its mourner's. */
const BLOCK = struct('block', { pfn: word, order: word, tag: word });

/** What a task does and has done. Written by the task alone; others read it, a deliberate race, but for Atomics. */
export const ROW = struct('task_row', {
  /** Moves as long as the task does anything. */
  beats: word,
  /** The operation that it does, plus 1; 0: none. */
  operation: word,
  /** More about it. */
  detail: word,
  /** The guard that it has, or is about to take, plus 1; 0: none. */
  using: word,
  /** Its task_struct, to which it holds a reference until the end of the run. */
  task: word,
  pid: word,
  /** 1 when it runs its operations, 2 when it has ended. Atomics. */
  state: word,
  /** Order plus 1 of the block that the kernel is just handing out to it or taking back. */
  flight: word,
  /** How often it found itself on another CPU. */
  moves: double,
  blocks: array(BLOCK, TASK_BLOCKS),
  /** What it has begun to add to each counter, and what it has added. */
  begun: array(double, TASK_COUNTERS.length),
  done: array(double, TASK_COUNTERS.length),
  /** How often it has done each operation. */
  times: array(double, TASK_OPERATIONS.length),
  end: lineStart,
});

export const WORLD = struct('task_world', {
  /** RUN or how to stop, see `stress-stop.ts`. Atomics. */
  stop: word,
  /** 1 when all tasks have begun: until then nobody waits for another. Atomics. */
  go: word,
  /** Guards, a bit each, that a task had when its thread was killed. Atomics. */
  retired: word,
  /** Whether tasks get killed: then nobody waits for what a dead one had without being woken by a signal. Constant. */
  kills: word,
  /** Tasks. Constant. */
  tasks: word,
  /** Per-CPU variables: a static one, and two dynamic ones, of which interrupts use the second. Constant. */
  plain: word,
  pointer: word,
  interrupted: word,
  /** Interrupts that have begun, and that have ended. Atomics. */
  serving: word,
  served: word,
  /** Completions that interrupts have begun, and have done. Atomics. */
  completing: word,
  completed: word,
  /** Tasks that have the wide semaphore. Atomics. */
  holders: word,
  mutexes: array(GUARDED_BY_MUTEX, GUARDS),
  semaphores: array(GUARDED_BY_SEMAPHORE, GUARDS),
  wide: SEMAPHORE,
  token_queue: WAIT_QUEUE_HEAD,
  /** Atomics. */
  tokens: word,
  completions: array(COMPLETION, COMPLETIONS),
  batons: array(BATON, MAX_STRESS_TASKS / 2),
  sums: array(PERCPU_COUNTER, SUMS),
  /** Of each CPU, the row of the task that ran there last, plus 1. Written with preemption disabled. */
  occupants: array(word, NR_CPUS),
  rows: lineStart,
});

/** Values of `state` in a row. */
export const ROW_STARTED = 1;
export const ROW_ENDED = 2;

/** Word index of a row. Those of the tasks come first, then, in the same order, those of their kernel threads. */
export function rowAt(world: number, row: number): number {
  return world + WORLD.words + row * ROW.words;
}

export function mutexAt(world: number, i: number): number {
  return world + WORLD.at.mutexes + i * GUARDED_BY_MUTEX.words;
}

export function semaphoreAt(world: number, i: number): number {
  return world + WORLD.at.semaphores + i * GUARDED_BY_SEMAPHORE.words;
}

/** The counter of a mutex or a semaphore of one of the two functions above. */
export function countOfMutex(mutex: number): number {
  return mutex + GUARDED_BY_MUTEX.at.count;
}

export function countOfSemaphore(semaphore: number): number {
  return semaphore + GUARDED_BY_SEMAPHORE.at.count;
}

export function completionAt(world: number, i: number): number {
  return world + WORLD.at.completions + i * COMPLETION.words;
}

export function batonAt(world: number, pair: number): number {
  return world + WORLD.at.batons + pair * BATON.words;
}

export function sumAt(world: number, i: number): number {
  return world + WORLD.at.sums + i * PERCPU_COUNTER.words;
}

function orderOf(tasks: number): number {
  return get_order((WORLD.words + 2 * tasks * ROW.words) * WORD_BYTES);
}

/** What {@link buildWorld} is told. */
export interface WorldPlan {
  readonly tasks: number;
  readonly kills: boolean;
}

/** Makes the world. Runs on a CPU. Returns the frame and the word index of its block. */
export function buildWorld(k: Kernel, { tasks, kills }: WorldPlan): { pfn: number; world: number } {
  const pfn = k.alloc_pages(GFP_KERNEL | __GFP_ZERO, orderOf(tasks));
  if (pfn === 0) throw new Error('there is no memory for what the tasks share');
  const world = frameWord(k, pfn);
  const { i32 } = k;
  const { at } = WORLD;
  i32[world + at.tasks] = tasks;
  i32[world + at.kills] = kills ? 1 : 0;
  i32[world + at.plain] = k.DEFINE_PER_CPU(int, 'stress_count', import.meta.url);
  for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) i32[k.per_cpu(i32[world + at.plain], cpu)] = 0;
  for (const field of [at.pointer, at.interrupted]) {
    i32[world + field] = k.alloc_percpu(int);
    if (i32[world + field] === 0) throw new Error('there is no per-CPU memory');
  }
  for (let i = 0; i < GUARDS; i++) {
    k.mutex_init(mutexAt(world, i));
    k.init_MUTEX(semaphoreAt(world, i));
  }
  k.sema_init(world + at.wide, WIDE_COUNT);
  k.init_waitqueue_head(world + at.token_queue);
  for (let i = 0; i < COMPLETIONS; i++) k.init_completion(completionAt(world, i));
  for (let pair = 0; pair < tasks / 2; pair++) k.init_waitqueue_head(batonAt(world, pair));
  for (let i = 0; i < SUMS; i++) {
    if (k.percpu_counter_init(sumAt(world, i), 0) !== 0) throw new Error('there is no per-CPU memory');
  }
  return { pfn, world };
}

/** What the counters say, in the order of {@link TASK_COUNTERS}, when nobody changes them any more. Runs on a CPU. */
export function readWorld(k: Kernel, world: number): number[] {
  const { i32 } = k;
  const { at } = WORLD;
  const overCpus = (copy: (cpu: number) => number): number => {
    let sum = 0;
    for (let cpu = 0; cpu < i32[KERNEL.nr_cpus]; cpu++) sum += i32[copy(cpu)];
    return sum;
  };
  const over = (count: number, value: (i: number) => number): number => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += value(i);
    return sum;
  };
  const counted: Record<(typeof TASK_COUNTERS)[number], number> = {
    get_cpu_var: overCpus((cpu) => k.per_cpu(i32[world + at.plain], cpu)),
    get_cpu_ptr: overCpus((cpu) => k.per_cpu_ptr(i32[world + at.pointer], cpu)),
    local_irq_save: overCpus((cpu) => k.per_cpu_ptr(i32[world + at.interrupted], cpu)),
    percpu_counter: over(SUMS, (i) => k.percpu_counter_sum(sumAt(world, i))),
    mutex: over(GUARDS, (i) => i32[countOfMutex(mutexAt(world, i))]),
    semaphore: over(GUARDS, (i) => i32[countOfSemaphore(semaphoreAt(world, i))]),
    baton: over(i32[world + at.tasks] >> 1, (pair) => i32[batonAt(world, pair) + BATON.at.count]),
    token: i32[world + at.tokens],
    completion: over(COMPLETIONS, (i) => i32[completionAt(world, i) + COMPLETION.at.done]),
  };
  return TASK_COUNTERS.map((name) => counted[name]);
}

/** Gives all back that {@link buildWorld} took, and the references to the tasks. Runs on a CPU. */
export function freeWorld(k: Kernel, { pfn, world }: { pfn: number; world: number }): void {
  const { i32 } = k;
  const tasks = i32[world + WORLD.at.tasks];
  for (let row = 0; row < tasks; row++) {
    const task = i32[rowAt(world, row) + ROW.at.task];
    if (task !== 0) k.put_task_struct(task);
  }
  for (let i = 0; i < SUMS; i++) k.percpu_counter_destroy(sumAt(world, i));
  k.free_percpu(i32[world + WORLD.at.pointer]);
  k.free_percpu(i32[world + WORLD.at.interrupted]);
  k.__free_pages(pfn, orderOf(tasks));
}
