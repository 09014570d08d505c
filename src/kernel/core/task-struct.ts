import { array, bytes, double, lineStart, struct, word } from '../../image/struct.js';
import { TASK_CONTEXT } from './cpu-area.js';
import { TIMER_LIST } from './interrupt-data.js';
import { COMM_BYTES, CPUMASK_WORDS, MAX_WAITS } from './limits.js';

/**
 * An entry of a wait queue, or of whatever else tasks wait in line for (see `sched/wait-line.ts`). A task has
 * {@link MAX_WAITS} of them, as many as it can wait for at a time: on real hardware they lie on its stack.
 */
export const WAIT_ENTRY = struct('wait_queue_t', {
  /** Links of the line; 0: in none. Under the lock of the line. */
  list: array(word, 2),
  /**
   * Word index of the line, whose first word is its lock; 0: the entry is free, -1: it is in use for no line yet. Written by
   * the task alone; the console reads it when the task is dead, to find the lock of the other words, and for reports of
   * hung tasks, a deliberate race.
   */
  head: word,
  /**
   * WQ_FLAG_* or LINE_*: what kind of line, and what the task was given and has not taken yet. Under the lock of the line;
   * the task's own while `head` names none. Reports read it, too, a deliberate race.
   */
  flags: word,
  /** The task that waits. Constant. */
  task: word,
});

/**
 * A task. Its thread is its kernel stack; what else it is lies here, and, while it runs, in the area of its CPU
 * (`TASK_CONTEXT`).
 */
export const TASK = struct('task_struct', {
  /**
   * TASK_RUNNING or why it does not run. The task sets it to something else, whoever wakes it sets it back. Atomics.
   */
  state: word,
  /**
   * Where a runnable task is: one of ON_*. From 0 to ON_ITS_WAY by compareExchange: who did that brings it to a CPU. The
   * other steps are made by who has it in hand: the owner of the CPU. Atomics.
   */
  on_rq: word,
  /**
   * The right to execute, handed to the task's thread: the number of its CPU plus 1, or 0 while it waits for one; or
   * one of {@link RUNNING_SERVE} and {@link RUNNING_END}. Atomics; its thread waits on it.
   */
  running: word,
  /** Number of the thread that is its stack; 0: none yet, or it is dead; -1: there is none for it. Atomics. */
  thread: word,
  /** The CPU in whose queue it is, or was last. Written by whoever has it in hand, before `on_rq` says so. Atomics. */
  cpu: word,
  /** Neighbours in the run queue. The owner of that CPU. */
  run_list: array(word, 2),
  /** The next task on its way to the same CPU. Written by who brings it. */
  next_incoming: word,
  /** What the task takes along from CPU to CPU while it does not run: see {@link TASK_CONTEXT}. */
  context: array(word, TASK_CONTEXT.words),

  /** Uses: 0 is a free slot. Atomics. */
  usage: word,
  /** Constant while it lives; 0 for idle tasks. */
  pid: word,
  comm: bytes(COMM_BYTES),
  /** TASK_KIND_*. Constant while it lives. */
  kind: word,
  /** CPUs that it may run on, a bit each. Atomics. */
  cpus_allowed: array(word, CPUMASK_WORDS),
  /** Signals sent to it, a bit each. Atomics. */
  signals: word,
  /** How often it gave up a CPU by itself, and was made to. The task's own; others read them, a deliberate race. */
  nvcsw: word,
  nivcsw: word,
  /** When it was last switched out, in milliseconds since boot; for reports. As the two before. */
  last_switch: word,

  /** What a kernel thread runs: symbol number and its argument. Constant once it has begun. */
  func: word,
  data: double,
  /** kthread_stop was called. Atomics. */
  should_stop: word,
  /** The task that waits until this one has a thread. Constant while it lives. */
  creator: word,
  /** What its function returned, a number; valid when `exited` is 1. Before `exited`, by Atomics. */
  exit_code: word,
  /** 1 when its function has ended. Atomics. */
  exited: word,
  /** Who waits for its end, a wait_queue_head_t. */
  exit_wait: array(word, 4),

  /** Ends a sleep of limited length. As every timer. */
  timeout: TIMER_LIST,
  waits: array(WAIT_ENTRY, MAX_WAITS),
  /** The last mutex that it took and has, each with a link to the one before; 0: none. The task's own; for reports. */
  mutexes: word,
  end: lineStart,
});

/** Values of `state`; the numbers are those of 2.6.24. */
export const TASK_RUNNING = 0;
export const TASK_INTERRUPTIBLE = 1;
export const TASK_UNINTERRUPTIBLE = 2;
export const TASK_STOPPED = 4;
export const TASK_DEAD = 64;

/** Values of `on_rq`: asleep; brought to a CPU; in the queue of a CPU; it is what its CPU runs. */
export const ON_NOTHING = 0;
export const ON_ITS_WAY = 1;
export const ON_QUEUE = 2;
export const ON_CPU = 3;

/** Values of `running` that are no CPU: serve the interrupts of your idle CPU, and wait on; the machine has stopped. */
export const RUNNING_SERVE = -1;
export const RUNNING_END = -2;

/** What a CPU runs when it runs nothing; a CPU's own thread, with what the host gives it; a thread of its own. */
export const TASK_KIND_IDLE = 0;
export const TASK_KIND_CPU = 1;
export const TASK_KIND_THREAD = 2;
