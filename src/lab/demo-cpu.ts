import { int } from '../kernel/mm/percpu-types.js';
import { GFP_KERNEL } from '../kernel/mm/gfp.js';
import type { Kernel } from '../kernel/kernel.js';
import { PAGE_SIZE } from '../arch/page.js';
import { __GFP_ZERO } from '../kernel/mm/gfp.js';
import { phys_to_word } from '../kernel/mm/phys.js';

/** What the demonstrations run on CPUs. Each function is called by name, with one argument. */

const symbol = (k: Kernel, name: string): number => k.module_symbol(import.meta.url, name);

// lost-update

/** How a task of `lost-update` counts. */
export interface CountRequest {
  readonly guarded: boolean;
  readonly rounds: number;
  /** How many tasks count. */
  readonly tasks: number;
  /** Two words: how many of them have come, and how many are awake then. */
  readonly gate: Int32Array;
}

/** Sets all copies of the counter to 0. */
export function clearUpdates(k: Kernel): void {
  const counter = k.DEFINE_PER_CPU(int, 'demo_updates', import.meta.url);
  for (let cpu = 0; cpu < k.num_online_cpus(); cpu++) k.i32[k.per_cpu(counter, cpu)] = 0;
}

/**
 * A task: increments the counter so often, and each time the clock ticks between the load and the store.
 *
 * @returns how often it was on another CPU when it stored than when it had loaded
 */
export function countUpdates(k: Kernel, { guarded, rounds, tasks, gate }: CountRequest): number {
  const counter = k.DEFINE_PER_CPU(int, 'demo_updates', import.meta.url);
  Atomics.add(gate, 0, 1);
  while (Atomics.load(gate, 0) < tasks) k.msleep(20);
  // Without sleeping: all are runnable afterwards, more of them than there are CPUs.
  Atomics.add(gate, 1, 1);
  while (Atomics.load(gate, 1) < tasks) k.yield();
  let moves = 0;
  for (let i = 0; i < rounds; i++) {
    const copy = guarded ? k.get_cpu_var(counter) : k.__get_cpu_var(counter);
    const { cpu } = k;
    const value = k.i32[copy];
    k.set_need_resched();
    k.cond_resched();
    k.i32[copy] = value + 1;
    if (k.cpu !== cpu) moves++;
    if (guarded) k.put_cpu_var(counter);
  }
  return moves;
}

/** The sum of all copies. */
export function sumUpdates(k: Kernel): number {
  const counter = k.DEFINE_PER_CPU(int, 'demo_updates', import.meta.url);
  let sum = 0;
  for (let cpu = 0; cpu < k.num_online_cpus(); cpu++) sum += k.i32[k.per_cpu(counter, cpu)];
  return sum;
}

// irq-race

/** The interrupt line of the demonstration. */
const LINE = 9;
const DEVICE = 1;

/** How the interrupted code guards its increments. */
export type Guard = 'nothing' | 'get_cpu_var' | 'local_irq_save';

/**
 * Increments this CPU's counter so often, and each time an interrupt, whose handler increments it as well, comes between
 * the load and the store.
 *
 * @returns the counter in the end
 */
export function countWithInterrupts(k: Kernel, { guard, rounds }: { guard: Guard; rounds: number }): number {
  const counter = k.DEFINE_PER_CPU(int, 'demo_irq_counter', import.meta.url);
  k.i32[k.per_cpu(counter, k.cpu)] = 0;
  if (k.request_irq(LINE, symbol(k, 'countInterrupt'), 0, 'demo', DEVICE) !== 0) {
    throw new Error(`interrupt line ${LINE} is taken`);
  }
  for (let i = 0; i < rounds; i++) increment(k, counter, guard);
  k.free_irq(LINE, DEVICE);
  return k.i32[k.per_cpu(counter, k.cpu)];
}

function increment(k: Kernel, counter: number, guard: Guard): void {
  const flags = guard === 'local_irq_save' ? k.local_irq_save() : 0;
  const word = guard === 'get_cpu_var' ? k.get_cpu_var(counter) : k.per_cpu(counter, k.cpu);
  const value = k.i32[word];
  k.raise_irq(k.cpu, LINE);
  k.poll();
  k.i32[word] = value + 1;
  if (guard === 'get_cpu_var') k.put_cpu_var(counter);
  if (guard === 'local_irq_save') k.local_irq_restore(flags);
}

/** The interrupt handler. */
export function countInterrupt(k: Kernel): number {
  const counter = k.DEFINE_PER_CPU(int, 'demo_irq_counter', import.meta.url);
  k.i32[k.per_cpu(counter, k.cpu)]++;
  return 1;
}

// sockets-in-use

/** Changes the number of sockets in use by +1 or -1 so often, in the copy of the CPU that runs. */
export function countSockets(k: Kernel, { times, by }: { times: number; by: number }): void {
  const inUse = k.DEFINE_PER_CPU(int, 'sockets_in_use', import.meta.url);
  for (let i = 0; i < times; i++) {
    k.i32[k.get_cpu_var(inUse)] += by;
    k.put_cpu_var(inUse);
  }
}

/** The copies of all CPUs. */
export function socketCopies(k: Kernel): number[] {
  const inUse = k.DEFINE_PER_CPU(int, 'sockets_in_use', import.meta.url);
  const copies: number[] = [];
  for (let cpu = 0; cpu < k.num_online_cpus(); cpu++) copies.push(k.i32[k.per_cpu(inUse, cpu)]);
  return copies;
}

// sleep-in-atomic

/** Allocates with GFP_KERNEL, which may sleep, and frees again. */
function allocate(k: Kernel): void {
  const page = k.alloc_page(GFP_KERNEL);
  if (page !== 0) k.__free_page(page);
}

export function allocateBetweenGetAndPut(k: Kernel): void {
  k.get_cpu();
  allocate(k);
  k.put_cpu();
}

export function allocateUnderSpinlock(k: Kernel): void {
  const page = k.alloc_page(GFP_KERNEL | __GFP_ZERO);
  const lock = phys_to_word(k, page * PAGE_SIZE);
  k.spin_lock_init(lock);
  k.spin_lock(lock);
  allocate(k);
  k.spin_unlock(lock);
  k.__free_page(page);
}

/** Sets a timer, and is busy until it has run. */
export function allocateInTimer(k: Kernel): void {
  const page = k.alloc_page(GFP_KERNEL | __GFP_ZERO);
  const timer = phys_to_word(k, page * PAGE_SIZE);
  k.setup_timer(timer, symbol(k, 'timerFunction'), 0);
  k.mod_timer(timer, k.jiffies() + 1);
  while (k.timer_pending(timer)) k.poll();
  k.del_timer_sync(timer);
  k.__free_page(page);
}

/** The timer's function. */
export function timerFunction(k: Kernel): void {
  allocate(k);
}

// node-locality

/** What a CPU asks for: pages of a node, or -1 for wherever alloc_pages finds them. */
export interface PageRequest {
  readonly node: number;
  readonly pages: number;
}

/** Allocates pages one by one, and tells on which node each lies; then frees them. */
export function allocateOnNode(k: Kernel, { node, pages }: PageRequest): number[] {
  const frames: number[] = [];
  for (let i = 0; i < pages; i++) {
    frames.push(node < 0 ? k.alloc_pages(GFP_KERNEL, 0) : k.alloc_pages_node(node, GFP_KERNEL, 0));
  }
  const nodes: number[] = [];
  for (const frame of frames) nodes.push(k.page_to_nid(frame));
  for (const frame of frames) k.__free_page(frame);
  return nodes;
}
