import type { Kernel } from '../kernel/kernel.js';
import { frameWord } from '../kernel/mm/address.js';
import { GFP_KERNEL } from '../kernel/mm/gfp.js';

/** The tasks of the bench of context switches. */

/** The module that the tasks load. */
export const SWITCH_BENCH_MODULE = import.meta.url;

/** What the tasks of a row share, as words: how many have come, and two semaphores or words to wait on. */
export const ARRIVED = 0;
const PING = 1;
const PONG = 2;
export const SHARED_WORDS = 4;

const NS_PER_S = 1e9;

/** What a task of the bench is told. */
export interface SwitchTask {
  readonly shared: Int32Array;
  /** How many tasks there are. */
  readonly parties: number;
  readonly rounds: number;
}

/** Rounds before the first that counts. */
const WARMUP = 200;

/** Seconds of each round, the first ones and the last ones aside: there the others are not all there. */
function timeRounds(rounds: number, round: () => void): number[] {
  const times = new Float64Array(rounds);
  let last = process.hrtime.bigint();
  for (let i = 0; i < rounds + 2 * WARMUP; i++) {
    round();
    const now = process.hrtime.bigint();
    if (i >= WARMUP && i < rounds + WARMUP) times[i - WARMUP] = Number(now - last) / NS_PER_S;
    last = now;
  }
  return [...times];
}

/** Waits until all tasks have come; the others have their turn meanwhile. */
function meetTasks(k: Kernel, { shared, parties }: SwitchTask): void {
  Atomics.add(shared, ARRIVED, 1);
  while (Atomics.load(shared, ARRIVED) < parties) k.yield();
}

/** Tasks of one CPU that yield: seconds of a switch, of which each round has as many as there are tasks. */
export function yieldToOthers(k: Kernel, task: SwitchTask): number[] {
  meetTasks(k, task);
  return timeRounds(task.rounds, () => {
    k.yield();
  }).map((seconds) => seconds / task.parties);
}

/** Two semaphores that nobody can have yet, and their page. Called on a CPU, before the tasks. */
export function makeSemaphores(k: Kernel, shared: Int32Array): number {
  const page = k.alloc_page(GFP_KERNEL);
  if (page === 0) throw new Error('there is no memory for the semaphores of the bench');
  const word = frameWord(k, page);
  for (const [i, half] of [PING, PONG].entries()) {
    const semaphore = word + i * SEMAPHORE_STRIDE;
    k.sema_init(semaphore, 0);
    Atomics.store(shared, half, semaphore);
  }
  return page;
}

/** Words between two semaphores: they share no cache line. */
const SEMAPHORE_STRIDE = 64;

export function freeSemaphores(k: Kernel, page: number): void {
  k.__free_page(page);
}

/** The first of two tasks that wake each other and sleep: seconds of half a round, one way. */
export function ping(k: Kernel, task: SwitchTask): number[] {
  const { shared } = task;
  const [mine, other] = [Atomics.load(shared, PING), Atomics.load(shared, PONG)];
  meetTasks(k, task);
  return timeRounds(task.rounds, () => {
    k.up(other);
    k.down(mine);
  }).map((seconds) => seconds / 2);
}

/** The second of the two. */
export function pong(k: Kernel, task: SwitchTask): void {
  const { shared } = task;
  const [other, mine] = [Atomics.load(shared, PING), Atomics.load(shared, PONG)];
  meetTasks(k, task);
  for (let i = 0; i < task.rounds + 2 * WARMUP; i++) {
    k.down(mine);
    k.up(other);
  }
}

/** Two threads that wake each other, without a kernel between: what a switch cannot be faster than. Seconds one way. */
export function bareWait(_k: Kernel, { task, leads }: { task: SwitchTask; leads: boolean }): number[] {
  const { shared, rounds } = task;
  const [mine, other] = leads ? [PING, PONG] : [PONG, PING];
  const times = timeRounds(rounds, () => {
    if (leads) wakeOther(shared, other);
    Atomics.wait(shared, mine, 0);
    Atomics.store(shared, mine, 0);
    if (!leads) wakeOther(shared, other);
  });
  return times.map((seconds) => seconds / 2);
}

function wakeOther(shared: Int32Array, word: number): void {
  Atomics.store(shared, word, 1);
  Atomics.notify(shared, word, 1);
}
