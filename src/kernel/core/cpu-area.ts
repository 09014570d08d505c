import { array, bytes, double, lineStart, struct, word } from '../../image/struct.js';
import { CPU_IRQ, TIMER_LIST } from './interrupt-data.js';
import {
  COMM_BYTES,
  MAX_GENERAL_CACHES,
  MAX_LOCKS_HELD,
  MAX_NUMNODES,
  MAX_PERCPU_CHUNKS,
  NODEMASK_WORDS,
  ZONE_MODIFIER_SETS,
} from './limits.js';

/**
 * What the running task has of its own, and takes along when it goes on on another CPU: it lies in the area while the
 * task runs, where the fast paths look, and in its task_struct while it does not.
 */
const TASK_FIELDS = {
  /** Flags (`PF_*`). */
  task_flags: word,
  /** Memory policy: mode, preferred node, next node to interleave. */
  mempolicy: word,
  policy_node: word,
  il_next: word,
  /** Word index of the two zonelists of MPOL_BIND. */
  bind_zonelist: word,
  policy_nodes: array(word, NODEMASK_WORDS),
  /** Cpuset: the allowed nodes, and those of the nearest exclusive ancestor. */
  mems_allowed: array(word, NODEMASK_WORDS),
  mems_exclusive: array(word, NODEMASK_WORDS),
  pid: word,
  comm: bytes(COMM_BYTES),
};

export const TASK_CONTEXT = struct('task_context', TASK_FIELDS);

/** The tasks that a CPU runs in turn. Nobody but the owner of the CPU touches it, but for `incoming`. */
export const RUN_QUEUE = struct('rq', {
  /** Tasks on their way to this CPU, the last one first; 0: none. Atomics: anybody puts one in, the owner takes them. */
  incoming: word,
  /** First and last runnable task that waits for its turn; the word itself when there is none. */
  first: word,
  last: word,
  /**
   * The tasks in the queue and the one that runs, idle aside. Others read it, a deliberate race: they look for a CPU
   * with little to do.
   */
  nr_running: word,
  /** The task that runs: the idle task when there is none. Others read it for reports, a deliberate race. */
  current: word,
  /** The idle task. Constant after boot. */
  idle: word,
  /** The task that the owner is about to wake or to bring to another CPU, 0 for none: what its death would lose. */
  in_transit: word,
  /** Switches between tasks, since boot. Files read it, a deliberate race. */
  nr_switches: double,
  /** Tasks taken away to other CPUs by load balancing. As before. */
  nr_pushed: double,
});

/**
 * The area of one CPU, in memory of its node. The first line is where CPUs meet; everything behind it belongs to
 * the CPU alone: whoever *is* the CPU (its `owner`) reads and writes it with plain accesses.
 */
export const CPU_AREA = struct('cpu_area', {
  /**
   * The right to be this CPU: 0 when it is idle, else the number of the thread that executes as it. Taken by
   * compareExchange from 0, given back by `Atomics.store`. Waited on.
   */
  owner: word,
  /** Not 0 while the console wants the idle CPU (to stop, audit or unplug it): threads then leave it. Atomics. */
  claim: word,
  /**
   * Pending interrupts, a bit each (`IRQ_*`). Raised by `Atomics.or` from anywhere, taken by the CPU itself with
   * Atomics; the poll before that is a deliberate race.
   */
  pending: word,
  /** CPU_DEAD, CPU_OFFLINE or CPU_ONLINE. Changed by the console while it owns the CPU. Atomics. */
  state: word,
  /** The lock word this CPU sleeps on, or 0, so that an interrupt can wake it. Atomics. */
  waitingOn: word,
  /**
   * Number of the call across CPUs that this CPU has not begun, 0 for none. Set by the caller; taken by compareExchange
   * by this CPU, which then has the call, or by the caller, who goes on without it. Atomics.
   */
  call_todo: word,
  /** Number of the last call that this CPU has done its part of, as far as the caller waits for it. Atomics. */
  call_ended: word,

  privateStart: lineStart,
  /** Preemption depth, softirq and hardirq counts; layout in `preempt.ts`. */
  preempt_count: word,
  /** 1 while interrupts are disabled on this CPU. */
  irqs_disabled: word,
  /**
   * A block on its way between a list and an owner: what the death of this CPU's thread would lose. First frame, and
   * the order above {@link TRANSIT_ORDER_SHIFT}; 0 for none.
   */
  pageInTransit: word,
  /**
   * For each set of zone modifiers ({@link zoneModifiers}): the page set of the zone that such a request tries first,
   * if that zone is on this CPU's node; else 0. Written with the zonelists.
   */
  preferred_sets: array(word, ZONE_MODIFIER_SETS),
  /** This CPU's page set of each zone, by the zone's number in `page->flags`; 0 where there is none. Constant after boot. */
  page_sets: array(word, MAX_NUMNODES * 8),
  ...TASK_FIELDS,
  /**
   * Word index of this CPU's copy of each chunk of dynamic per-CPU memory; 0: there is none. Written under percpu_lock.
   * Who has a variable of a chunk reads it without: the word does not change before that variable is freed.
   */
  percpu_chunks: array(word, MAX_PERCPU_CHUNKS),
  /** Seed of the might_sleep rate limit: time of the last report, in milliseconds. */
  last_sleep_report: word,
  /** Pages freed on this CPU (event PGFREE). Files read it and the next two, a deliberate race. */
  pgfree: double,
  /** Allocations of order > 0: calls and pages, by zone type (order 0 is counted in the page sets). */
  pgalloc_calls: array(double, 5),
  pgalloc_pages: array(double, 5),

  heldStart: lineStart,
  /**
   * Locks held, innermost last; the last one may still be waited for. Read by others after this CPU's death, and for
   * reports at any time: a deliberate race.
   */
  locks_held: word,
  held: array(word, MAX_LOCKS_HELD),
  /** For each held lock: when it was taken (milliseconds, wraps) and the trace of where; only with debug.locks. */
  held_since: array(word, MAX_LOCKS_HELD),
  held_trace: array(word, MAX_LOCKS_HELD),

  runStart: lineStart,
  rq: RUN_QUEUE,

  callStart: lineStart,
  /** Number of the call across CPUs that this CPU was about to take from `call_todo`, for the console when it dies. */
  call_taken: word,

  irqStart: lineStart,
  irq: CPU_IRQ,

  /**
   * The array that kmalloc takes from, by size class, as the general caches have it for this CPU; 0: none, which is an empty
   * one, since frame 0 is all zero. Written as those are.
   */
  kmalloc_arrays: array(word, MAX_GENERAL_CACHES),
  /** The slab allocator's reaper: its timer, and the node whose objects it gives back next. The CPU's own. */
  reap_timer: TIMER_LIST,
  reap_node: word,
  end: lineStart,
});

/** Frames fit below it: physical addresses end at 16 GiB. */
export const TRANSIT_ORDER_SHIFT = 22;

export const CPU_OFFLINE = 0;
export const CPU_ONLINE = 1;
export const CPU_DEAD = 2;

/** Another CPU wants a function called here (CALL_FUNCTION_VECTOR). */
export const IRQ_CALL_FUNCTION = 1;
/** The console wants the CPU: leave it at the next point where it may be preempted. */
export const IRQ_STOP = 2;
/** Once a second: fold statistics. */
export const IRQ_TICK = 4;
/** The clock tick, HZ times a second while the CPU is busy: run timers. */
export const IRQ_TIMER = 8;
/** A device: see `irq_pending`. */
export const IRQ_DEVICE = 16;
/** There are softirqs to run that no interrupt left behind: the part of ksoftirqd. */
export const IRQ_SOFTIRQ = 32;
/** need_resched: another task may have this CPU at the next point where the running one may be preempted. */
export const IRQ_RESCHEDULE = 64;
/** A CPU with nothing to do asks this one for a task. */
export const IRQ_BALANCE = 128;

/** Where the running task's fields begin in its CPU's area; they are those of {@link TASK_CONTEXT}, in that order. */
export const CONTEXT_START = CPU_AREA.at.task_flags;
