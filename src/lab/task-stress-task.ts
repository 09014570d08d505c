import { KERNEL } from '../kernel/core/kernel-data.js';
import type { Kernel } from '../kernel/kernel.js';
import { MPOL_BIND, MPOL_INTERLEAVE, MPOL_PREFERRED } from '../kernel/mm/mempolicy.js';
import { STOP_AT_ONCE } from './stress-stop.js';
import type { TaskOperation } from './task-stress-names.js';
import {
  asOneOfFew,
  baton,
  batonOf,
  count,
  hasBaton,
  leaveBaton,
  migrate,
  mutex,
  OPERATIONS,
  pages,
} from './task-stress-operations.js';
import { TaskWorker } from './task-stress-worker.js';
import { COMPLETIONS, completionAt, ROW, ROW_ENDED, ROW_STARTED, rowAt, WORLD } from './task-stress-world.js';

/** What runs on the machine in a stress run of tasks. Each function is called by name. */

/** What a task is told. */
export interface StressTaskPlan {
  readonly world: number;
  /** Of its row. */
  readonly number: number;
  readonly seed: number;
}

/** The lines of the device whose interrupts the tasks are to bear. */
export const STRESS_LINES = [40, 41, 42, 43] as const;

/** An interrupt completes something once in so many times. */
const COMPLETES_ONCE_IN = 8;

/** A task has a kernel thread once in so many operations. */
const KTHREAD_ONCE_IN = 100;

const EAGAIN = 11;
const ENOMEM = 12;
const EINTR = 4;

const symbol = (k: Kernel, name: string): number => k.module_symbol(import.meta.url, name);
const WEIGHTS = OPERATIONS.reduce((sum, { weight }) => sum + weight, 0);

/** A task: does its operations until the run is over. */
export function stressTask(k: Kernel, { world, number, seed }: StressTaskPlan): void {
  const w = new TaskWorker(k, world, number, seed);
  const { i32 } = k;
  k.get_task_struct(k.current());
  i32[w.row + ROW.at.pid] = k.task_pid(k.current());
  Atomics.store(i32, w.row + ROW.at.task, k.current());
  Atomics.store(i32, w.row + ROW.at.state, ROW_STARTED);
  choosePolicy(k, number);
  while (w.runs && Atomics.load(i32, world + WORLD.at.go) === 0) k.msleep(20);
  while (w.runs) step(w);
  if (Atomics.load(i32, world + WORLD.at.stop) !== STOP_AT_ONCE) w.freeBlocks();
  leaveBaton(w);
  Atomics.store(i32, w.row + ROW.at.state, ROW_ENDED);
}

/** A memory policy of its own, which must come along wherever the task goes on. */
function choosePolicy(k: Kernel, number: number): void {
  const nodes = Array.from({ length: k.i32[KERNEL.nr_nodes] }, (_, nid) => nid);
  const own = nodes[number % nodes.length];
  if (number % 4 === 1) k.set_mempolicy(MPOL_INTERLEAVE, nodes);
  if (number % 4 === 2) k.set_mempolicy(MPOL_PREFERRED, [own]);
  if (number % 4 === 3) k.set_mempolicy(MPOL_BIND, nodes);
}

function step(w: TaskWorker): void {
  const { random } = w;
  const at = batonOf(w);
  if (at !== 0 && hasBaton(w, at) && random.oneIn(2)) {
    // The partner may wait for it.
    run(w, 'baton', baton);
    return;
  }
  if (random.oneIn(KTHREAD_ONCE_IN)) {
    run(w, 'kthread', haveKthread);
    return;
  }
  let left = random.below(WEIGHTS);
  for (const { name, weight, run: action } of OPERATIONS) {
    left -= weight;
    if (left >= 0) continue;
    run(w, name, action);
    return;
  }
}

function run(w: TaskWorker, name: TaskOperation, action: (w: TaskWorker) => void): void {
  w.operate(name, () => {
    action(w);
  });
}

// Kernel threads

/** How a kernel thread is to end: by itself, or before it has begun; else when it is told to. */
const ENDS_BY_ITSELF = 1;
const NEVER_BEGINS = 2;
const WAYS_TO_END = 3;

/** What a kernel thread returns. */
function codeOf(number: number): number {
  return 1000 + number;
}

/** Creates a kernel thread, lets it work for a while, and stops it. */
function haveKthread(w: TaskWorker): void {
  asOneOfFew(w, () => {
    const { k, world, random } = w;
    const { i32 } = k;
    const number = i32[world + WORLD.at.tasks] + w.number;
    const how = random.below(WAYS_TO_END);
    const row = rowAt(world, number);
    i32[row + ROW.at.detail] = how;
    // One number for both.
    const task = k.kthread_create(symbol(k, 'stressKthread'), number * 2 ** 32 + world, `kid/${w.number}`);
    if (task === -EAGAIN || task === -ENOMEM) return;
    if (task < 0) w.fail(`kthread_create returned ${task}`);
    w.beat();
    if (random.oneIn(2)) k.kthread_bind(task, random.below(i32[KERNEL.nr_cpus]));
    k.get_task_struct(task);
    if (how !== NEVER_BEGINS) k.wake_up_process(task);
    if (random.oneIn(2)) k.msleep(random.below(20));
    const code = k.kthread_stop(task);
    k.put_task_struct(task);
    // One that is told to end before it has begun does not begin.
    if (code !== codeOf(number) && code !== -EINTR) w.fail(`kthread_stop returned ${code}`);
    if (code !== -EINTR && how === NEVER_BEGINS) w.fail('a kernel thread ran that was never woken');
    w.beat();
  });
}

/** A kernel thread of a task. */
export function stressKthread(k: Kernel, data: number): number {
  const number = Math.floor(data / 2 ** 32);
  const world = data % 2 ** 32;
  const w = new TaskWorker(k, world, number, data);
  const endsByItself = k.i32[w.row + ROW.at.detail] === ENDS_BY_ITSELF;
  do {
    count(w);
    w.look();
    mutex(w);
    migrate(w);
    pages(w);
    w.look();
  } while (!endsByItself && !k.kthread_should_stop() && w.runs);
  w.freeBlocks();
  if (endsByItself) k.do_exit(codeOf(number));
  return codeOf(number);
}

// Interrupts

/** Registers the handlers. Runs on a CPU. */
export function startInterrupts(k: Kernel, world: number): void {
  for (const line of STRESS_LINES) {
    const error = k.request_irq(line, symbol(k, 'stressInterrupt'), 0, 'stress', world);
    if (error !== 0) throw new Error(`request_irq(${line}) returned ${error}`);
  }
}

export function endInterrupts(k: Kernel, world: number): void {
  for (const line of STRESS_LINES) k.free_irq(line, world);
}

/** The handler: counts in a variable of which tasks use the same copy, and completes something. */
export function stressInterrupt(k: Kernel, world: number): number {
  const { i32 } = k;
  const { serving, served, interrupted, completing, completed } = WORLD.at;
  Atomics.add(i32, world + serving, 1);
  i32[k.per_cpu_ptr(i32[world + interrupted], k.cpu)]++;
  const before = Atomics.add(i32, world + served, 1);
  if (before % COMPLETES_ONCE_IN === 0) {
    Atomics.add(i32, world + completing, 1);
    k.complete(completionAt(world, Math.floor(before / COMPLETES_ONCE_IN) % COMPLETIONS));
    Atomics.add(i32, world + completed, 1);
  }
  return 1;
}

// The end of a run

/** Brings the free pages of all CPUs' lists back to the buddy system. */
export function drain(k: Kernel): void {
  k.drain_all_pages();
}

/** Frees the blocks of a task that was killed, or of its kernel thread. Returns the order of one that may be lost, plus 1. */
export function mourn(k: Kernel, { world, number }: StressTaskPlan): number {
  const w = new TaskWorker(k, world, number, 0);
  const flight = k.i32[w.row + ROW.at.flight];
  w.freeBlocks();
  return flight;
}

/** Stops the kernel threads that killed tasks have left behind. */
export function stopKthreads(k: Kernel, pids: readonly number[]): void {
  for (const pid of pids) {
    const task = k.find_task_by_pid(pid);
    if (task !== 0) k.kthread_stop(task);
  }
}
