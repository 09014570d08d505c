import { KERNEL } from '../kernel/core/kernel-data.js';
import type { WaitCondition } from '../kernel/sched/wait-event.js';
import { SIGHUP } from '../kernel/sched/signal.js';
import type { TaskOperation } from './task-stress-names.js';
import type { TaskWorker } from './task-stress-worker.js';
import {
  BATON,
  batonAt,
  COMPLETIONS,
  completionAt,
  countOfMutex,
  countOfSemaphore,
  GUARDS,
  mutexAt,
  ROW,
  rowAt,
  semaphoreAt,
  sumAt,
  SUMS,
  TASK_BLOCKS,
  WIDE_COUNT,
  WIDE_GUARD,
  WORLD,
} from './task-stress-world.js';

/** What the tasks of a stress run do. */

/** Jiffies of a short wait, at most. */
const SHORT_WAIT = 3;

/** Counts in all kinds of per-CPU variables. */
export function count(w: TaskWorker): void {
  const { k, world, random } = w;
  const { i32 } = k;
  for (let i = random.below(40); i >= 0; i--) {
    w.add('get_cpu_var', 1, () => {
      i32[k.get_cpu_var(i32[world + WORLD.at.plain])]++;
      k.put_cpu_var(i32[world + WORLD.at.plain]);
    });
    w.add('get_cpu_ptr', 1, () => {
      const copy = k.get_cpu_ptr(i32[world + WORLD.at.pointer]);
      const before = i32[copy];
      // The clock may tick here.
      k.cond_resched();
      i32[copy] = before + 1;
      k.put_cpu_ptr(i32[world + WORLD.at.pointer]);
    });
    w.add('local_irq_save', 1, () => {
      const flags = k.local_irq_save();
      i32[k.per_cpu_ptr(i32[world + WORLD.at.interrupted], k.cpu)]++;
      k.local_irq_restore(flags);
    });
    const amount = random.below(600) - 250;
    w.add('percpu_counter', amount, () => {
      k.percpu_counter_add(sumAt(world, random.below(SUMS)), amount);
    });
  }
}

/** What a task does in the middle of something that is guarded. */
function inTheMiddle(w: TaskWorker): void {
  const { k, random } = w;
  switch (random.below(16)) {
    case 0:
      k.yield();
      break;
    case 1:
      k.msleep(1);
      break;
    case 2:
      k.schedule_timeout_interruptible(1);
      break;
    case 3:
      w.turnBlock(random.below(TASK_BLOCKS));
      break;
    default:
      k.cond_resched();
  }
}

/** Increments a counter that others are kept from meanwhile. */
function addGuarded(w: TaskWorker, counter: 'mutex' | 'semaphore' | 'baton', word: number): void {
  const { i32 } = w.k;
  const before = i32[word];
  inTheMiddle(w);
  w.add(counter, 1, () => {
    i32[word] = before + 1;
  });
}

/**
 * Takes a guard, does something and gives it back, so that a task which dies in between leaves a note of that. A guard that
 * died with a task is passed over.
 *
 * @param take whether it was taken
 */
function withGuard(
  w: TaskWorker,
  guard: number,
  take: () => boolean,
  action: () => void,
  give: () => void,
): void {
  const { i32 } = w.k;
  w.detail(guard);
  i32[w.row + ROW.at.using] = guard + 1;
  // Signals that came before the guard was retired are not waited for any more, those after it end the wait.
  w.k.flush_signals();
  const isRetired = ((Atomics.load(i32, w.world + WORLD.at.retired) >>> guard) & 1) !== 0;
  if (!isRetired && take()) {
    action();
    give();
  }
  i32[w.row + ROW.at.using] = 0;
}

export function mutex(w: TaskWorker): void {
  const { k, random } = w;
  const i = random.below(GUARDS);
  const lock = mutexAt(w.world, i);
  withGuard(
    w,
    i,
    () => {
      if (random.oneIn(8)) return k.mutex_trylock(lock);
      if (w.kills || random.oneIn(2)) return k.mutex_lock_interruptible(lock) === 0;
      k.mutex_lock(lock);
      return true;
    },
    () => {
      addGuarded(w, 'mutex', countOfMutex(lock));
    },
    () => {
      k.mutex_unlock(lock);
    },
  );
}

/** Takes a semaphore in one of the ways that there are; whether it has it. */
function takeSemaphore(w: TaskWorker, lock: number): boolean {
  const { k, random } = w;
  if (random.oneIn(8)) return k.down_trylock(lock) === 0;
  if (random.oneIn(4)) return k.down_timeout(lock, random.below(SHORT_WAIT)) === 0;
  if (w.kills || random.oneIn(2)) return k.down_interruptible(lock) === 0;
  k.down(lock);
  return true;
}

export function semaphore(w: TaskWorker): void {
  const { k } = w;
  const i = w.random.below(GUARDS);
  const lock = semaphoreAt(w.world, i);
  withGuard(
    w,
    GUARDS + i,
    () => takeSemaphore(w, lock),
    () => {
      addGuarded(w, 'semaphore', countOfSemaphore(lock));
    },
    () => {
      k.up(lock);
    },
  );
}

/** Does something as one of few tasks. */
export function asOneOfFew(w: TaskWorker, action: () => void): void {
  const { k, world } = w;
  const { i32 } = k;
  const wide = world + WORLD.at.wide;
  withGuard(
    w,
    WIDE_GUARD,
    () => takeSemaphore(w, wide),
    () => {
      const holders = Atomics.add(i32, world + WORLD.at.holders, 1) + 1;
      if (holders > WIDE_COUNT) w.fail(`${holders} tasks have a semaphore for ${WIDE_COUNT}`);
      action();
      Atomics.sub(i32, world + WORLD.at.holders, 1);
    },
    () => {
      k.up(wide);
    },
  );
}

/** Waits in one of the ways that there are; whether the condition held. */
function waitFor(w: TaskWorker, queue: number, condition: WaitCondition): boolean {
  const { k, random } = w;
  switch (random.below(5)) {
    case 0:
      return k.wait_event_timeout(queue, condition, random.below(SHORT_WAIT)) > 0;
    case 1:
      return k.wait_event_interruptible(queue, condition) === 0;
    case 2:
      return k.wait_event_interruptible_timeout(queue, condition, random.below(SHORT_WAIT)) > 0;
    case 3:
      return k.wait_event_interruptible_exclusive(queue, condition) === 0;
    default:
      if (w.kills) return k.wait_event_interruptible(queue, condition) === 0;
      k.wait_event(queue, condition);
      return true;
  }
}

/** The baton that a task shares with another one; 0 if it is the last of an odd number. */
export function batonOf(w: TaskWorker): number {
  const pair = w.number >>> 1;
  return 2 * pair + 1 < w.k.i32[w.world + WORLD.at.tasks] ? batonAt(w.world, pair) : 0;
}

/** Whether it is the task's turn to count with its partner. */
export function hasBaton(w: TaskWorker, baton: number): boolean {
  return Atomics.load(w.k.i32, baton + BATON.at.turn) === (w.number & 1);
}

/** Two tasks count in turn: each waits for the other. */
export function baton(w: TaskWorker): void {
  const { k } = w;
  const { i32 } = k;
  const at = batonOf(w);
  if (at === 0) return;
  w.detail(w.number >>> 1);
  k.flush_signals();
  const held = waitFor(
    w,
    at + BATON.at.queue,
    () => hasBaton(w, at) || Atomics.load(i32, at + BATON.at.gone) !== 0,
  );
  if (!held || !hasBaton(w, at)) return;
  addGuarded(w, 'baton', at + BATON.at.count);
  Atomics.store(i32, at + BATON.at.turn, 1 - (w.number & 1));
  k.wake_up_all(at + BATON.at.queue);
}

/** The task takes part no longer: its partner need not wait for it. */
export function leaveBaton(w: TaskWorker): void {
  const at = batonOf(w);
  if (at === 0) return;
  Atomics.store(w.k.i32, at + BATON.at.gone, 1);
  w.k.wake_up_all(at + BATON.at.queue);
}

/** Lays down a token, then takes one: there are always enough, but others may be quicker. */
export function token(w: TaskWorker): void {
  const { k, world } = w;
  const { i32 } = k;
  const word = world + WORLD.at.tokens;
  const queue = world + WORLD.at.token_queue;
  w.add('token', 1, () => {
    Atomics.add(i32, word, 1);
  });
  k.wake_up(queue);
  k.flush_signals();
  for (;;) {
    if (!waitFor(w, queue, () => Atomics.load(i32, word) > 0)) return;
    const tokens = Atomics.load(i32, word);
    if (tokens <= 0) continue;
    const isTaken = w.add('token', -1, () => {
      if (Atomics.compareExchange(i32, word, tokens, tokens - 1) === tokens) return true;
      w.add('token', 1, () => undefined);
      return false;
    });
    if (isTaken) return;
  }
}

/** Completes something, or waits a while until somebody does. */
export function completion(w: TaskWorker): void {
  const { k, random } = w;
  const i = random.below(COMPLETIONS);
  const at = completionAt(w.world, i);
  w.detail(i);
  if (random.oneIn(2)) {
    w.add('completion', 1, () => {
      k.complete(at);
    });
    return;
  }
  k.flush_signals();
  w.add('completion', -1, () => {
    const left = random.oneIn(2)
      ? k.wait_for_completion_timeout(at, random.below(SHORT_WAIT))
      : k.wait_for_completion_interruptible_timeout(at, random.below(SHORT_WAIT));
    if (left <= 0) w.add('completion', 1, () => undefined);
  });
}

export function sleep(w: TaskWorker): void {
  const { k, random } = w;
  const milliseconds = random.below(30);
  switch (random.below(4)) {
    case 0:
      k.flush_signals();
      k.msleep_interruptible(milliseconds);
      break;
    case 1:
      k.schedule_timeout_uninterruptible(random.below(SHORT_WAIT));
      break;
    case 2:
      k.yield();
      break;
    default:
      k.msleep(milliseconds);
  }
}

/** Some CPUs, online or not. */
function someCpus(w: TaskWorker): number[] {
  const cpus: number[] = [];
  const all = w.k.i32[KERNEL.nr_cpus];
  const one = w.random.oneIn(2) ? w.random.below(all) : -1;
  for (let cpu = 0; cpu < all; cpu++) if (one < 0 ? w.random.oneIn(2) : cpu === one) cpus.push(cpu);
  return cpus;
}

/** Says where it wants to run. The CPUs of tasks with odd numbers are changed by others, too. */
export function migrate(w: TaskWorker): void {
  const { k } = w;
  k.set_cpus_allowed(k.current(), someCpus(w));
  if ((w.number & 1) === 0) w.checkAffinity();
}

export function pages(w: TaskWorker): void {
  for (let i = w.random.below(TASK_BLOCKS); i >= 0; i--) w.turnBlock(w.random.below(TASK_BLOCKS));
}

/** Disturbs another task: wakes it for nothing, sends it a signal, sends it elsewhere. */
export function poke(w: TaskWorker): void {
  const { k, world, random } = w;
  const number = random.below(k.i32[world + WORLD.at.tasks]);
  // A reference to it is held until the end of the run.
  const task = Atomics.load(k.i32, rowAt(world, number) + ROW.at.task);
  if (task === 0) return;
  w.detail(number);
  switch (random.below(3)) {
    case 0:
      k.wake_up_process(task);
      break;
    case 1:
      k.send_sig(SIGHUP, task);
      break;
    default:
      if ((number & 1) !== 0) k.set_cpus_allowed(task, someCpus(w));
  }
}

/** What a task does, and how often, in parts of their sum. */
export const OPERATIONS: readonly {
  readonly name: TaskOperation;
  readonly weight: number;
  readonly run: (w: TaskWorker) => void;
}[] = [
  { name: 'count', weight: 20, run: count },
  { name: 'mutex', weight: 20, run: mutex },
  { name: 'semaphore', weight: 20, run: semaphore },
  { name: 'baton', weight: 20, run: baton },
  { name: 'token', weight: 10, run: token },
  { name: 'completion', weight: 10, run: completion },
  { name: 'sleep', weight: 8, run: sleep },
  { name: 'migrate', weight: 6, run: migrate },
  { name: 'pages', weight: 10, run: pages },
  { name: 'poke', weight: 6, run: poke },
];
